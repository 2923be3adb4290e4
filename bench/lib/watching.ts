/** A detector that watches, in a process of its own (detector-process.ts). */
import { join } from 'node:path';
import type { ChunkTimes, Question, Started, Streamed } from './detector-process.ts';
import type { State } from './state.ts';
import { startWorker, type Task } from './worker.ts';

type Asked<K> = Omit<Extract<Question, { readonly kind: K }>, 'kind' | 'shape' | 'number'>;

export interface Watching {
  readonly pid: number;
  readonly started: Started;
  /** The next chunk of the state. */
  chunk(): Promise<ChunkTimes>;
  /** The next chunks of the state. */
  stream(asked: Asked<'stream'>): Promise<Streamed>;
  close(): Promise<void>;
}

const detectorProcess: Task<Question, Started | ChunkTimes | Streamed> = { module: join(import.meta.dirname, 'detector-process.ts') };

/** Idle: what there was is done. */
export async function startWatching(state: State): Promise<Watching> {
  const detector = await startWorker(detectorProcess, [state.config]);
  const { shape } = state;
  try {
    return {
      pid: detector.pid,
      started: (await detector.ask({ kind: 'start' })) as Started,
      chunk: async () => (await detector.ask({ kind: 'chunk', shape, number: state.nextChunk++ })) as ChunkTimes,
      async stream(asked) {
        const streamed = (await detector.ask({ kind: 'stream', shape, number: state.nextChunk, ...asked })) as Streamed;
        state.nextChunk += streamed.latencies.length;
        return streamed;
      },
      close: () => detector.close(),
    };
  } catch (error) {
    await detector.close();
    throw error;
  }
}
