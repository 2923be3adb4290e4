/**
 * A proxy before an S3 server that does to requests what networks and busy stores do. Host and headers pass unchanged,
 * so signatures hold.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { freePort } from './free-port.ts';

export type Act =
  | 'pass'
  /** Answered by us; the store never sees it. */
  | { readonly answer: number; readonly code?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The store does it, and we answer this instead. */
  | { readonly after: number; readonly code?: string }
  /** The store does it, and the connection ends without an answer. */
  | 'done, then cut'
  /** The connection ends before the store sees anything. */
  | 'cut'
  /** The answer's body ends after so many bytes, and the connection with it. */
  | { readonly cutAfter: number }
  /** The bytes of the answer's body from this one on are others. */
  | { readonly spoilAt: number }
  /** Nothing is answered until the proxy is closed. */
  | 'hang';

export interface Seen {
  readonly method: string;
  /** Decoded, with the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

export interface S3Proxy {
  readonly endpoint: string;
  readonly seen: Seen[];
  /** What is done to each request, until it is set anew. */
  act: (seen: Seen) => Act;
  close(): Promise<void>;
}

export async function startS3Proxy(target: number): Promise<S3Proxy> {
  const port = await freePort();
  const proxy: { act: (seen: Seen) => Act; readonly seen: Seen[] } = { act: () => 'pass', seen: [] };
  const take = (from: IncomingMessage, to: ServerResponse): void => {
    const seen: Seen = { method: from.method ?? '', path: decodeURIComponent(from.url ?? ''), headers: from.headers };
    proxy.seen.push(seen);
    handle(proxy.act(seen), target, from, to);
  };
  // A client that asks first whether its body is wanted is answered by the store.
  const server = createServer(take).on('checkContinue', take);
  // Clients may be cut in the middle of anything.
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen: proxy.seen,
    get act() {
      return proxy.act;
    },
    set act(act) {
      proxy.act = act;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function handle(act: Act, target: number, from: IncomingMessage, to: ServerResponse): void {
  if (act === 'hang') return void from.resume();
  if (act === 'cut') return void from.socket.destroy();
  if (typeof act === 'object' && 'answer' in act) {
    if (from.headers.expect !== undefined) return answer(to, act.answer, act.code ?? 'SlowDown', act.body, act.headers);
    from.resume().once('end', () => answer(to, act.answer, act.code ?? 'SlowDown', act.body, act.headers));
    return;
  }
  let answered = false;
  const { method, url: path, headers } = from;
  const onward = request({ host: '127.0.0.1', port: target, method, path, headers }, (back) => {
    answered = true;
    reply(act, back, from, to);
  });
  // A store may close the connection once it has refused a body.
  onward.on('error', () => answered || from.socket.destroy());
  if (from.headers.expect === undefined) from.pipe(onward);
  else
    onward.once('continue', () => {
      to.writeContinue();
      from.pipe(onward);
    });
}

/** The store's answer, or what we make of it. */
function reply(act: Exclude<Act, { readonly answer: number }>, back: IncomingMessage, from: IncomingMessage, to: ServerResponse): void {
  if (act === 'done, then cut') {
    back.resume().once('end', () => from.socket.destroy());
    return;
  }
  if (typeof act === 'object' && 'after' in act) {
    back.resume().once('end', () => answer(to, act.after, act.code ?? 'InternalError'));
    return;
  }
  to.writeHead(back.statusCode ?? 500, back.headers);
  if (typeof act === 'string') {
    back.pipe(to);
    return;
  }
  let sent = 0;
  back.on('data', (bytes: Buffer) => {
    const before = sent;
    sent += bytes.length;
    if ('spoilAt' in act) to.write(bytes.map((byte, i) => (before + i >= act.spoilAt ? byte ^ 1 : byte)));
    else if (before < act.cutAfter) to.write(bytes.subarray(0, act.cutAfter - before), () => sent >= act.cutAfter && from.socket.destroy());
  });
  back.once('end', () => to.end());
}

function answer(to: ServerResponse, status: number, code: string, body?: string, headers: Readonly<Record<string, string>> = {}): void {
  const text =
    body ?? (status < 300 ? '' : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Told by the proxy.</Message></Error>`);
  to.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text), ...headers });
  to.end(text);
}
