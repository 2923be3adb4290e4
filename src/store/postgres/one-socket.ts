/**
 * A client that connects once. By itself postgres.js would connect again and again, without a pause, to a server that hangs
 * up before its greeting; and it leaves Nagle's algorithm on, which holds up pipelined statements.
 *
 * Without TLS the socket reads into one buffer again and again. By itself it would take 64 KiB for each read, which a load of some
 * hundred MB leaves to the collector: a tenth of its time. The client gets copies; whoever intercepts sees the buffer itself.
 *
 * Where the address names several hosts, the client's own sockets try one after the other.
 */
import { connect, type Socket } from 'node:net';
import type postgres from 'postgres';

const readBytes = 1 << 17;

/** Bytes are the receiver's until it returns. */
export type TakeBytes = (bytes: Buffer) => void;

export interface OneSocket {
  /** From now on the connection's bytes go there. False before it is there, with TLS, and with several hosts. */
  intercept(take: TakeBytes): boolean;
  /** To the client, as if they had just come. */
  handOn: TakeBytes;
  /** The connection's bytes go to the client again. */
  release(): void;
  /** Ends what there is of a connection. */
  destroy(): void;
}

export function useOneSocket(client: postgres.Sql): OneSocket {
  const { host, port, path, ssl } = client.options;
  let socket: (Socket & { host?: string }) | null = null;
  const handOn: TakeBytes = (bytes) => void socket?.emit('data', Buffer.from(bytes));
  let take = handOn;
  const onread = {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback(length: number, buffer: Uint8Array): boolean {
      take(Buffer.from(buffer.buffer, buffer.byteOffset, length));
      return true;
    },
  };
  const make = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      if (socket !== null) {
        reject(Object.assign(new Error('the server ended the connection'), { code: 'CONNECTION_CLOSED' }));
        return;
      }
      const place = path ? { path } : { host: host[0] ?? '', port: port[0] ?? 5432, noDelay: true };
      // TLS takes the socket's bytes where they come in.
      const made: Socket & { host?: string } = connect(ssl ? place : { ...place, onread });
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
    intercept(taker) {
      if (ssl || socket === null) return false;
      take = taker;
      return true;
    },
    handOn,
    release() {
      take = handOn;
    },
    destroy: () => socket?.destroy(),
  };
}
