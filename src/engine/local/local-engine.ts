/**
 * The engine in our own process: objects are read as listed, hashed on the way, parsed by the byte reader (CSV) or by
 * DuckDB (Parquet), one chunk after the other on this thread; the next objects are read meanwhile.
 */
import { TallyhoError } from '../../core/error.ts';
import type { Objects } from '../../objects/objects.ts';
import { ChunkReader } from '../../reader/chunk-reader.ts';
import type { ChunkFault } from '../../reader/rejected.ts';
import type { Engine, ReadOutcome, ReadPlan, ReadResult, ReadTask } from '../engine.ts';
import { folderId, startHash } from './content-id.ts';
import { OpenChunks } from './open-chunks.ts';
import { makePartReader, type PartReader } from './part-reader.ts';

export interface LocalEngineOptions {
  readonly source: Objects;
}

export function makeLocalEngine(options: LocalEngineOptions): Engine {
  return {
    aggregate: (tasks, plan, signal) => aggregate(options, tasks, plan, signal),
    close: async () => {},
  };
}

async function* aggregate(
  options: LocalEngineOptions,
  tasks: AsyncIterable<ReadTask> | Iterable<ReadTask>,
  plan: ReadPlan,
  signal: AbortSignal,
): AsyncGenerator<ReadResult> {
  const reader = new ChunkReader(plan);
  const chunks = new OpenChunks(options.source, tasks, signal);
  try {
    for (let task = await chunks.next(); task !== null; task = await chunks.next()) {
      const result = await readTask(task, chunks, reader, plan);
      signal.throwIfAborted();
      chunks.drop();
      yield result;
    }
  } finally {
    await chunks.close();
  }
}

async function readTask(task: ReadTask, chunks: OpenChunks, reader: ChunkReader, plan: ReadPlan): Promise<ReadResult> {
  const reading = new ReadingOfTask(task, chunks, reader, plan);
  try {
    return { task, outcome: await reading.outcome(), bytes: reading.bytes };
  } catch (error) {
    reader.clear();
    if (error instanceof TallyhoError && (error.code === 'OBJECT_CHANGED' || error.code === 'OBJECT_MISSING')) {
      return { task, outcome: { kind: 'moved', detail: error.message }, bytes: reading.bytes };
    }
    throw error;
  }
}

class ReadingOfTask {
  /** As stored. */
  bytes = 0;
  readonly #task: ReadTask;
  readonly #chunks: OpenChunks;
  readonly #reader: ChunkReader;
  readonly #plan: ReadPlan;
  readonly #ids: string[] = [];
  readonly #notes: string[] = [];
  #unpacked = 0;
  #rows = 0;
  #grew = false;
  #fault: ChunkFault | null = null;

  constructor(task: ReadTask, chunks: OpenChunks, reader: ChunkReader, plan: ReadPlan) {
    this.#task = task;
    this.#chunks = chunks;
    this.#reader = reader;
    this.#plan = plan;
  }

  async outcome(): Promise<ReadOutcome> {
    const { chunk, want } = this.#task;
    for (let index = 0; index < chunk.parts.length; index++) {
      await this.#part(index);
      this.#chunks.donePart(index);
    }
    const contentId = chunk.folder ? folderId(this.#ids) : (this.#ids[0] ?? folderId([]));
    if (want === 'id') return { kind: 'id', contentId, grew: this.#grew };
    if (this.#fault !== null) {
      this.#reader.clear();
      return { kind: 'fault', contentId, fault: this.#fault };
    }
    return { kind: 'rows', contentId, ...this.#reader.take(this.#rows), notes: this.#notes };
  }

  /** Reads a part to its end, whatever is wrong with it: its id is that of all its bytes. */
  async #part(index: number): Promise<void> {
    const object = this.#task.chunk.parts[index]!;
    const blocks = this.#chunks.part(index);
    const hash = startHash();
    const applied = this.#task.want === 'id' && !this.#task.chunk.folder ? this.#task.applied : null;
    let bytes = 0;
    let prefix: string | null = null;
    // Made with the first byte: a part without any has no rows, and needs no header.
    let part: PartReader | null = null;
    try {
      for (let block = await blocks.next(); block !== null; block = await blocks.next()) {
        if (block.length === 0) continue;
        if (applied !== null && bytes <= applied.bytes && bytes + block.length > applied.bytes) {
          prefix = hash
            .copy()
            .update(block.subarray(0, applied.bytes - bytes))
            .digest('hex');
        }
        hash.update(block);
        bytes += block.length;
        this.bytes += block.length;
        if (this.#task.want !== 'rows' || this.#fault !== null) continue;
        part ??= makePartReader(object, this.#reader, this.#plan.maxChunkBytes - this.#unpacked);
        await part.write(block);
      }
      if (part !== null) this.#end(object.key, part, await part.end());
    } finally {
      part?.destroy();
    }
    this.#grew = applied !== null && prefix === applied.contentId;
    this.#ids.push(hash.digest('hex'));
  }

  #end(object: string, part: PartReader, fault: Omit<ChunkFault, 'object'> | null): void {
    this.#unpacked += part.bytes;
    this.#rows += part.rows;
    if (fault !== null) this.#fault = { object, ...fault };
    if (part.note !== null) this.#notes.push(part.note);
  }
}
