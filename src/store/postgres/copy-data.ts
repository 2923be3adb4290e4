/**
 * Joins the rows of a COPY on their way from the socket to the client.
 *
 * The server sends each row of `copy ... to stdout` as a message of its own, and the client gives each message to a stream:
 * a microsecond a row, several times the cost of parsing it. So the messages of one read are made one: their contents
 * move together within the buffer, behind the head of the first. For the client nothing else changes, and where the filter
 * cannot be put in between (TLS, several hosts), rows only come one by one.
 *
 *   message   kind (one byte; `d` is CopyData), int32 length (itself included, the kind not), contents
 */
import type { Socket } from 'node:net';

const copyData = 0x64;
const headBytes = 5;

/** Only at a moment when no answer is outstanding, so that the next byte begins a message. Returns what takes it out again. */
export function joinCopyData(socket: Socket): () => void {
  const listeners = socket.listeners('data') as ((bytes: Buffer) => void)[];
  const [client] = listeners;
  if (client === undefined || listeners.length !== 1) return () => {};
  let rest: Buffer = Buffer.alloc(0);
  const filter = (bytes: Buffer): void => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = joinMessages(all, (message) => client.call(socket, message));
    rest = all.subarray(end);
  };
  // First the one, then the other: without any the socket would not flow.
  socket.on('data', filter);
  socket.off('data', client);
  return () => {
    socket.on('data', client);
    socket.off('data', filter);
    if (rest.length > 0) client.call(socket, rest);
  };
}

/** Hands on all whole messages; returns where the rest begins. */
function joinMessages(bytes: Buffer, handOn: (bytes: Buffer) => void): number {
  let at = 0;
  /** Of the joined message: its head, and where its contents end so far. */
  let head = -1;
  let end = 0;
  const flush = (): void => {
    if (head < 0) return;
    bytes.writeUInt32BE(end - head - 1, head + 1);
    handOn(bytes.subarray(head, end));
    head = -1;
  };
  while (at + headBytes <= bytes.length) {
    const next = at + 1 + bytes.readUInt32BE(at + 1);
    if (next > bytes.length) break;
    if (bytes[at] !== copyData) {
      flush();
      handOn(bytes.subarray(at, next));
    } else if (head < 0) {
      head = at;
      end = next;
    } else end = move(bytes, at + headBytes, next, end);
    at = next;
  }
  flush();
  return at;
}

/** Rows are short: a loop is quicker than a call. */
function move(bytes: Uint8Array, from: number, to: number, into: number): number {
  let target = into;
  for (let at = from; at < to; at++) bytes[target++] = bytes[at] ?? 0;
  return target;
}
