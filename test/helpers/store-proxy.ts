/**
 * A wire between client and server that fails at will: a TCP proxy that sees the client's COMMIT go by.
 *
 *   passing      all goes through
 *   lose-commit  the next COMMIT is not passed on; the client's connection ends, the server's stays open (the server never
 *                hears of it: a cut cable)
 *   swallow      nothing goes through any more, and nobody is told: what is connected, and what connects, is answered by silence.
 *                Those connections stay so when the mode is another
 *   lose-answer  the next COMMIT is passed on; its answer is swallowed and the client's connection ends
 */
import { connect, createServer, type Socket } from 'node:net';

export type WireMode = 'passing' | 'swallow' | 'lose-commit' | 'lose-answer';

export interface StoreProxy {
  /** The same URL, through the proxy. */
  readonly url: string;
  mode: WireMode;
  /** How many COMMITs were lost. */
  readonly lost: number;
  /** No new connections, and an end to those that are. */
  refuse(): void;
  close(): Promise<void>;
}

/** The simple query `commit`, as the client sends it. */
const commit = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1');

export async function makeStoreProxy(url: string): Promise<StoreProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const state = { mode: 'passing' as WireMode, lost: 0, isRefusing: false };

  const server = createServer((client) => {
    if (state.isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    let isSwallowing = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    let isMute = false;
    client.on('data', (bytes) => {
      isMute ||= state.mode === 'swallow';
      if (isMute) return;
      const at = state.mode === 'passing' ? -1 : bytes.indexOf(commit);
      if (at === -1) {
        upstream.write(bytes);
        return;
      }
      state.lost++;
      const isPassedOn = state.mode === 'lose-answer';
      state.mode = 'passing';
      isSwallowing = true;
      if (isPassedOn) {
        upstream.write(bytes);
        return;
      }
      upstream.write(bytes.subarray(0, at));
      client.destroy();
    });
    upstream.on('data', (bytes) => {
      isMute ||= state.mode === 'swallow';
      if (isMute) return;
      if (!isSwallowing) client.write(bytes);
      else if (bytes.includes('COMMIT')) client.destroy();
    });
    client.on('close', () => {
      if (!isSwallowing) upstream.destroy();
    });
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const through = new URL(url);
  through.port = String(typeof address === 'object' && address !== null ? address.port : 0);

  return {
    url: through.href,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    get lost() {
      return state.lost;
    },
    refuse() {
      state.isRefusing = true;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
