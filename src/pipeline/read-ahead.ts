/**
 * Reads on while what was read is evaluated and committed: results wait here, up to `mostBytes` of chunks as stored (one,
 * however large). Order, errors and ends are those of the source: an error comes after the results before it.
 */
import type { ReadResult } from '../engine/engine.ts';

export interface ReadAhead {
  /** The next, or null after the last. */
  next(): Promise<ReadResult | null>;
  /** Aborts the reading, and resolves when it is over; what waits is forgotten. */
  close(): Promise<void>;
}

const mostWaiting = 16 << 20;

/** Begins at once. `open` gets a signal that `close` and `signal` abort. */
export function readAhead(
  open: (signal: AbortSignal) => AsyncIterable<ReadResult>,
  signal: AbortSignal,
  mostBytes = mostWaiting,
): ReadAhead {
  const ended = new AbortController();
  const stop = (): void => {
    ended.abort(signal.reason);
    wakeReader();
  };
  const waiting: ReadResult[] = [];
  const state = { bytes: 0, isOver: false, failure: null as { readonly error: unknown } | null };
  let wakeReader = (): void => {};
  let wakeTaker = (): void => {};

  async function read(): Promise<void> {
    try {
      for await (const result of open(ended.signal)) {
        waiting.push(result);
        state.bytes += result.bytes;
        wakeTaker();
        while (state.bytes >= mostBytes && !ended.signal.aborted) await new Promise<void>((go) => (wakeReader = go));
        if (ended.signal.aborted) break;
      }
      ended.signal.throwIfAborted();
    } catch (error) {
      state.failure = { error };
    }
    state.isOver = true;
    signal.removeEventListener('abort', stop);
    wakeTaker();
  }

  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const reading = read();
  return {
    async next() {
      while (waiting.length === 0 && !state.isOver) await new Promise<void>((go) => (wakeTaker = go));
      const result = waiting.shift();
      if (result !== undefined) {
        state.bytes -= result.bytes;
        wakeReader();
        return result;
      }
      if (state.failure !== null) throw state.failure.error;
      return null;
    },
    async close() {
      waiting.length = 0;
      stop();
      await reading;
    },
  };
}
