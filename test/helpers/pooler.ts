/**
 * A pooler in transaction mode, as pgbouncer is one: each transaction of a client goes over whichever connection to the server was
 * given back last, so settings, prepared statements and the server's process change from one to the next.
 *
 * Clients log in through it, each on a connection of its own, which then belongs to all.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface Pooler {
  /** The same URL, through the pooler. */
  readonly url: string;
  close(): Promise<void>;
}

const code = (letter: string): number => letter.charCodeAt(0);
const [query, sync, ready, idle] = [code('Q'), code('S'), code('Z'), code('I')];

/** Calls `see` with the type and the last byte of each message. */
function eachMessage(see: (type: number, last: number) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5) {
      const end = 1 + rest.readUInt32BE(1);
      if (rest.length < end) return;
      see(rest[0] ?? 0, rest[end - 1] ?? 0);
      rest = rest.subarray(end);
    }
  };
}

interface Upstream {
  readonly socket: Socket;
  client: Client | null;
}

interface Client {
  readonly socket: Socket;
  upstream: Upstream | null;
  waiting: Buffer[];
  /** Answers that are to come. */
  left: number;
}

export async function makePooler(url: string): Promise<Pooler> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const free: Upstream[] = [];
  const clients: Client[] = [];

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const assign = (client: Client): void => {
    client.upstream ??= free.pop() ?? null;
    if (client.upstream === null) return;
    client.upstream.client = client;
    for (const bytes of client.waiting.splice(0)) client.upstream.socket.write(bytes);
  };
  const giveBack = (upstream: Upstream): void => {
    if (upstream.client !== null) upstream.client.upstream = null;
    upstream.client = null;
    free.push(upstream);
    const next = clients.find(({ waiting }) => waiting.length > 0);
    if (next !== undefined) assign(next);
  };

  const server = createServer((socket) => {
    keep(socket);
    const made = connect(Number(target.port), target.hostname);
    keep(made);
    const upstream: Upstream = { socket: made, client: null };
    const client: Client = { socket, upstream, waiting: [], left: 1 };
    upstream.client = client;
    clients.push(client);
    let isLoggedIn = false;
    const count = eachMessage((type) => {
      if (type === query || type === sync) client.left++;
    });
    socket.on('data', (bytes) => {
      if (isLoggedIn) count(bytes);
      client.waiting.push(bytes);
      assign(client);
    });
    const look = eachMessage((type, last) => {
      if (type !== ready || upstream.client === null) return;
      upstream.client.left--;
      isLoggedIn = true;
      if (last === idle && upstream.client.left === 0) queueMicrotask(() => giveBack(upstream));
    });
    made.on('data', (bytes) => {
      upstream.client?.socket.write(bytes);
      // One byte alone is the answer to the question for TLS: no.
      if (isLoggedIn || bytes.length > 1) look(bytes);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const through = new URL(url);
  through.port = String(port);
  return {
    url: through.href,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
