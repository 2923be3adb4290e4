/**
 * Takes the rows of a COPY out of the connection's bytes, past the client.
 *
 * The server sends each row of `copy ... to stdout` as a message of its own, and the client gives each message to a stream:
 * a microsecond a row, several times the cost of parsing it. So their contents are handed on from here, where they lie in the
 * bytes of one read, and the client sees all other messages: for it the COPY has no rows.
 *
 *   message   kind (one byte; `d` is CopyData), int32 length (itself included, the kind not), contents
 */
const copyData = 0x64;
const headBytes = 5;

/** Bytes [start, end) are the receiver's until it returns. */
export type UseBytes = (bytes: Uint8Array, start: number, end: number) => void;

/** The first byte that it gets begins a message. */
export class CopyFilter {
  readonly #use: UseBytes;
  readonly #handOn: (message: Buffer) => void;
  /** Of a message whose end has not come yet. */
  rest: Buffer = Buffer.alloc(0);

  constructor(use: UseBytes, handOn: (message: Buffer) => void) {
    this.#use = use;
    this.#handOn = handOn;
  }

  /** Bytes as they come, cut anywhere. */
  take(bytes: Buffer): void {
    let from = 0;
    // What was cut is made whole by itself: joining it with all that follows would copy all of it.
    while (this.rest.length > 0) {
      const missing = missingOf(this.rest);
      if (missing === 0) break;
      const end = Math.min(bytes.length, from + missing);
      this.rest = Buffer.concat([this.rest, bytes.subarray(from, end)]);
      if (end === bytes.length && missingOf(this.rest) > 0) return;
      from = end;
    }
    const { rest } = this;
    this.#takeWhole(rest);
    const end = from + this.#takeWhole(bytes.subarray(from));
    this.rest = Buffer.from(bytes.subarray(end));
  }

  /** Hands on all whole messages; returns where the rest begins. */
  #takeWhole(bytes: Buffer): number {
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const next = at + 1 + bytes.readUInt32BE(at + 1);
      if (next > bytes.length) break;
      if (bytes[at] === copyData) this.#use(bytes, at + headBytes, next);
      else this.#handOn(bytes.subarray(at, next));
      at = next;
    }
    return at;
  }
}

/** How many bytes are known to be missing of the message that begins so. */
function missingOf(start: Buffer): number {
  return start.length < headBytes ? headBytes - start.length : 1 + start.readUInt32BE(1) - start.length;
}
