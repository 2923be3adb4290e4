/**
 * Reads an object before it is asked for: its blocks wait here, up to `limit` bytes, while others are parsed.
 *
 * States: reading (the source is drawn from while there is room) -> ended | failed | cancelled. An error of the source is
 * thrown to whoever comes for the next block, never before; `cancel` aborts the source and forgets the blocks.
 */
export class ReadAhead {
  readonly #blocks: Uint8Array[] = [];
  readonly #limit: number;
  readonly #abort = new AbortController();
  #held = 0;
  #ended = false;
  #error: { readonly error: unknown } | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeSource: (() => void) | null = null;

  /** `open` gets a signal that `cancel` and `signal` abort. */
  constructor(open: (signal: AbortSignal) => AsyncIterable<Uint8Array>, limit: number, signal: AbortSignal) {
    this.#limit = limit;
    // Not AbortSignal.any: what it makes stays with a signal that lives as long as the process.
    const abort = (): void => this.#abort.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    // It catches everything: the promise never rejects.
    void this.#draw(open, this.#abort.signal).finally(() => signal.removeEventListener('abort', abort));
  }

  /** The next block, or null at the end. */
  async next(): Promise<Uint8Array | null> {
    while (this.#blocks.length === 0 && !this.#ended && this.#error === null) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    const block = this.#blocks.shift();
    if (block !== undefined) {
      this.#held -= block.length;
      this.#wakeSource?.();
      return block;
    }
    if (this.#error !== null) throw this.#error.error;
    return null;
  }

  cancel(): void {
    // A source that has ended has nothing to abort; and without a reason of ours each abort would make an exception with its trace.
    if (!this.#ended) this.#abort.abort(cancelled);
    this.#blocks.length = 0;
    this.#held = 0;
    this.#wakeSource?.();
  }

  async #draw(open: (signal: AbortSignal) => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wakeSource?.(), { once: true });
    try {
      for await (const block of open(signal)) {
        if (signal.aborted) break;
        this.#blocks.push(block);
        this.#held += block.length;
        this.#wakeReader?.();
        while (this.#held > this.#limit && !signal.aborted) {
          await new Promise<void>((resolve) => {
            this.#wakeSource = resolve;
          });
        }
      }
      signal.throwIfAborted();
      this.#ended = true;
    } catch (error) {
      this.#error = { error };
    }
    this.#wakeReader?.();
  }
}

const cancelled = new Error('nobody reads on');
