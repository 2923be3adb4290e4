/**
 * Blocks that objects are read into, used again once they are parsed: new ones for all bytes would cost page faults, and
 * the garbage collector, which is told of every buffer. As many are kept as wait at once, up to a bound. Shared ones, for
 * objects that two threads work on (beside.ts), are kept by themselves.
 */
const blockBytes = 1 << 20;
/** Below this a buffer of its own costs less than a whole one that is held for it. */
const smallBytes = 1 << 16;
const keptBlocks = 8;
const keptShared = 32;

export class Blocks {
  readonly #free: ArrayBuffer[] = [];
  readonly #freeShared: SharedArrayBuffer[] = [];
  readonly #own = new WeakSet<ArrayBufferLike>();

  /** A block of any content. */
  make = (bytes: number): Uint8Array => {
    const odd = bytes < smallBytes || bytes > blockBytes;
    return new Uint8Array(odd ? new ArrayBuffer(bytes) : (this.#free.pop() ?? this.#add(new ArrayBuffer(blockBytes))), 0, bytes);
  };

  /** The same in shared memory. */
  makeShared = (bytes: number): Uint8Array => {
    const free = bytes > blockBytes ? undefined : this.#freeShared.pop();
    return new Uint8Array(free ?? this.#add(new SharedArrayBuffer(Math.max(bytes, blockBytes))), 0, bytes);
  };

  /** Whether it was made by `makeShared`. */
  isShared({ buffer }: Uint8Array): boolean {
    return buffer instanceof SharedArrayBuffer && this.#own.has(buffer);
  }

  /** Nobody has the block any more: its bytes may change. One that was made elsewhere is left alone. */
  giveBack({ buffer }: Uint8Array): void {
    if (!this.#own.has(buffer)) return;
    if (buffer instanceof ArrayBuffer) {
      if (this.#free.length < keptBlocks) this.#free.push(buffer);
    } else if (buffer.byteLength === blockBytes && this.#freeShared.length < keptShared) this.#freeShared.push(buffer);
  }

  #add<T extends ArrayBufferLike>(buffer: T): T {
    this.#own.add(buffer);
    return buffer;
  }
}
