/**
 * The engine in our own process: objects are read as listed, hashed on the way, parsed by the byte reader (CSV) or by
 * DuckDB (Parquet), one chunk after the other on this thread; the next objects are read meanwhile.
 */
import type { Objects } from '../../objects/objects.ts';
import type { Aggregation } from '../../reader/aggregator.ts';
import { ChunkReader } from '../../reader/chunk-reader.ts';
import type { Engine, ReadPlan, ReadResult, ReadTask } from '../engine.ts';
import { Lazy } from './lazy.ts';
import { OpenChunks } from './open-chunks.ts';
import { ParquetFolder } from './parquet/duckdb.ts';
import { readTask } from './read-task.ts';

export interface LocalEngineOptions {
  readonly source: Objects;
  /** Where Parquet objects are staged, in a folder of the engine's own; default: the system's folder for temporary files. */
  readonly stagingFolder?: string;
  /** Where rows are aggregated; default: in WebAssembly, if it is there. */
  readonly aggregation?: Aggregation;
  /** Objects from this size on have a second thread (beside.ts); default: 64 MiB. */
  readonly besideFrom?: number;
}

const defaultBesideFrom = 64 << 20;

export function makeLocalEngine(options: LocalEngineOptions): Engine {
  const parquet = new Lazy(() => ParquetFolder.make(options.stagingFolder));
  return {
    aggregate: (tasks, plan, signal) => aggregate(options, parquet, tasks, plan, signal),
    close: async () => {
      await (await parquet.made)?.close();
    },
  };
}

async function* aggregate(
  { source, aggregation, besideFrom = defaultBesideFrom }: LocalEngineOptions,
  parquet: Lazy<ParquetFolder>,
  tasks: AsyncIterable<ReadTask> | Iterable<ReadTask>,
  plan: ReadPlan,
  signal: AbortSignal,
): AsyncGenerator<ReadResult> {
  const reader = new ChunkReader(plan, aggregation);
  const chunks = new OpenChunks(source, tasks, besideFrom, signal);
  try {
    for (let task = await chunks.next(); task !== null; task = await chunks.next()) {
      const result = await readTask(task, chunks, reader, plan, besideFrom, signal, parquet);
      signal.throwIfAborted();
      chunks.drop();
      yield result;
    }
  } finally {
    await chunks.close();
  }
}
