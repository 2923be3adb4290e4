/**
 * Blocks that objects are read into, used again once they are parsed: new ones for all bytes would cost page faults, and
 * the garbage collector, which is told of every buffer. As many are kept as wait at once, up to a bound.
 */
const blockBytes = 1 << 20;
/** Below this a buffer of its own costs less than a whole one that is held for it. */
const smallBytes = 1 << 16;
const keptBlocks = 8;

export class Blocks {
  readonly #free: ArrayBuffer[] = [];
  readonly #own = new WeakSet<ArrayBuffer>();

  /** A block of any content. */
  make = (bytes: number): Uint8Array => {
    const odd = bytes < smallBytes || bytes > blockBytes;
    const buffer = odd ? new ArrayBuffer(bytes) : (this.#free.pop() ?? this.#add());
    return new Uint8Array(buffer, 0, bytes);
  };

  /** Nobody has the block any more: its bytes may change. One that was made elsewhere is left alone. */
  giveBack({ buffer }: Uint8Array): void {
    if (this.#free.length < keptBlocks && buffer instanceof ArrayBuffer && this.#own.has(buffer)) this.#free.push(buffer);
  }

  #add(): ArrayBuffer {
    const buffer = new ArrayBuffer(blockBytes);
    this.#own.add(buffer);
    return buffer;
  }
}
