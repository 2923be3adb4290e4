/**
 * Every call that a process makes to its bucket and its database, seen from outside: two proxies on the wire, which ask at each
 * call, before it reaches the server and after the server has done it, whether the process is to die now.
 *
 * A call is named by what it does and its number in the run: `put 3`, `commit 2`, `insert into chunk 1`.
 */
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Phase = 'before' | 'after';

export interface Boundary {
  readonly call: string;
  readonly phase: Phase;
}

export interface Boundaries {
  readonly s3Endpoint: string;
  databaseUrl(url: string): string;
  /** In order of the calls. */
  readonly crossed: Boundary[];
  /** Told of each as it is crossed. */
  onCrossed: (boundary: Boundary) => void;
  /** A new run: numbers start again. At the boundary named, `die` is called, and nothing passes any more. */
  begin(at?: Boundary, die?: () => void): void;
  close(): Promise<void>;
}

export async function watchBoundaries(s3Port: number, databasePort: number): Promise<Boundaries> {
  const crossed: Boundary[] = [];
  const calls = new Map<string, number>();
  const run = { at: undefined as Boundary | undefined, die: () => {}, isDead: false };

  /** The name of a call that begins. */
  const name = (what: string): string => {
    const number = (calls.get(what) ?? 0) + 1;
    calls.set(what, number);
    return `${what} ${number}`;
  };
  /** Whether it may pass. */
  const cross = (call: string, phase: Phase): boolean => {
    if (run.isDead) return false;
    crossed.push({ call, phase });
    watched.onCrossed({ call, phase });
    if (run.at?.call !== call || run.at.phase !== phase) return true;
    run.isDead = true;
    run.die();
    return false;
  };

  const s3 = createHttpServer((from, to) => {
    const call = name(nameOfRequest(from.method ?? '', from.url ?? ''));
    if (!cross(call, 'before')) return;
    const { method, url: path, headers } = from;
    const onward = request({ host: '127.0.0.1', port: s3Port, method, path, headers }, (back) => {
      const parts: Buffer[] = [];
      back.on('data', (part: Buffer) => parts.push(part));
      back.once('end', () => {
        if (!cross(call, 'after')) return;
        to.writeHead(back.statusCode ?? 500, back.headers);
        to.end(Buffer.concat(parts));
      });
    });
    onward.on('error', () => from.socket.destroy());
    from.pipe(onward);
  });
  const open = new Set<Socket>();
  const database = createServer((client) => {
    open.add(client.once('close', () => open.delete(client)));
    watchConnection(client, connect(databasePort, '127.0.0.1'), name, cross);
  });
  const s3Endpoint = `http://127.0.0.1:${await listen(s3)}`;
  const port = await listen(database);

  const watched: Boundaries = {
    onCrossed: () => {},
    s3Endpoint,
    databaseUrl: (url) => {
      const through = new URL(url);
      through.port = String(port);
      return through.href;
    },
    crossed,
    begin(at, die = () => {}) {
      crossed.length = 0;
      calls.clear();
      Object.assign(run, { at, die, isDead: false });
    },
    close: async () => {
      s3.closeAllConnections();
      for (const client of open) client.destroy();
      await Promise.all([new Promise((done) => s3.close(done)), new Promise((done) => database.close(done))]);
    },
  };
  return watched;
}

function nameOfRequest(method: string, url: string): string {
  if (method === 'GET') return url.includes('list-type') ? 'list' : 'get';
  return method.toLowerCase();
}

/**
 * The frontend's messages are a type, a length, a body; the first of a connection has no type. A statement is known by its
 * text, a prepared one by the name that it was given.
 */
function watchConnection(
  client: Socket,
  server: Socket,
  name: (what: string) => string,
  cross: (call: string, phase: Phase) => boolean,
): void {
  const statements = new Map<string, string>();
  let isStarting = true;
  let bound = '';
  let held = Buffer.alloc(0);
  /** Calls that the server has, and has not answered. */
  let open: string[] = [];
  let isDead = false;
  const die = (): void => {
    isDead = true;
    server.destroy();
  };

  client.on('data', (bytes: Buffer) => {
    if (isDead) return;
    if (isStarting) {
      // Whether TLS is wanted is asked before; the server of the tests says no.
      isStarting = bytes.length === 8;
      server.write(bytes);
      return;
    }
    held = Buffer.concat([held, bytes]);
    let from = 0;
    let at = 0;
    for (; at + 5 <= held.length; ) {
      const end = at + 1 + held.readUInt32BE(at + 1);
      if (end > held.length) break;
      const message = held.subarray(at, end);
      const call = callOf(message);
      if (call !== null) {
        // What stands before it is on its way in either case.
        server.write(held.subarray(from, at));
        from = at;
        const named = name(call);
        if (!cross(named, 'before')) {
          die();
          return;
        }
        open.push(named);
      }
      at = end;
    }
    server.write(held.subarray(from, at));
    held = held.subarray(at);
  });
  server.on('data', (bytes: Buffer) => {
    if (isDead) return;
    const passes = open.every((call) => cross(call, 'after'));
    open = [];
    if (passes) client.write(bytes);
    else die();
  });
  client.on('error', () => {});
  server.on('error', () => {});
  client.on('close', () => server.end());
  server.on('close', () => client.destroy());

  function callOf(message: Buffer): string | null {
    const type = String.fromCharCode(message[0]!);
    const texts = message.subarray(5).toString('latin1').split('\0');
    if (type === 'Q') return what(texts[0] ?? '');
    if (type === 'P') statements.set(texts[0] ?? '', texts[1] ?? '');
    if (type === 'B') bound = texts[1] ?? '';
    if (type === 'E') return what(statements.get(bound) ?? '?');
    if (type === 'c') return 'copy done';
    return null;
  }
}

/** What a statement does and to which tables: `update pipeline + insert into chunk`; of others the first word. */
function what(sql: string): string {
  const words = sql.replace(/"/g, '').replace(/\s+/g, ' ').trim().toLowerCase();
  const acts = words.match(/\b(insert into|update|delete from|copy|truncate|alter table) [a-z_][\w.]*/g) ?? [];
  // `on conflict do update set` names no table.
  const named = [...new Set(acts)].filter((act) => act !== 'update set');
  return named.length > 0 ? named.join(' + ') : (/^\w+/.exec(words)?.[0] ?? words.slice(0, 20));
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
