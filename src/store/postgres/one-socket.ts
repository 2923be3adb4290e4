/**
 * A client that connects once. By itself postgres.js would connect again and again, without a pause, to a server that hangs
 * up before its greeting; and it leaves Nagle's algorithm on, which holds up pipelined statements.
 *
 * Where the address names several hosts, the client's own sockets try one after the other.
 */
import { connect, type Socket } from 'node:net';
import type postgres from 'postgres';

export interface OneSocket {
  /** Where the connection's bytes can be seen: null before it is there, with TLS, and with several hosts. */
  readonly plain: Socket | null;
  /** Ends what there is of a connection. */
  destroy(): void;
}

export function useOneSocket(client: postgres.Sql): OneSocket {
  const { host, port, path, ssl } = client.options;
  let socket: (Socket & { host?: string }) | null = null;
  const make = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      if (socket !== null) {
        reject(Object.assign(new Error('the server ended the connection'), { code: 'CONNECTION_CLOSED' }));
        return;
      }
      const made: Socket & { host?: string } = path
        ? connect(path)
        : connect({ host: host[0] ?? '', port: port[0] ?? 5432, noDelay: true });
      socket = made;
      // The client takes the name to check the certificate from here.
      if (!path && host[0] !== undefined) made.host = host[0];
      made.once('error', reject).once('connect', () => {
        made.off('error', reject);
        resolve(made);
      });
    });
  if (host.length === 1) Object.assign(client.options, { socket: make });
  return {
    get plain() {
      return ssl ? null : socket;
    },
    destroy: () => socket?.destroy(),
  };
}
