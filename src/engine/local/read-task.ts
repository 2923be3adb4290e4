/**
 * One task: its parts read to their ends in order, hashed as stored, and, as long as nothing is wrong, parsed.
 *
 * The first part with a fault decides; of it and of the parts after it only the bytes are read, for the content id.
 */
import { TallyhoError } from '../../core/error.ts';
import type { ObjectInfo } from '../../objects/objects.ts';
import type { ChunkReader } from '../../reader/chunk-reader.ts';
import type { ChunkFault } from '../../reader/rejected.ts';
import type { ReadOutcome, ReadPlan, ReadResult, ReadTask } from '../engine.ts';
import { Beside } from './beside.ts';
import { type ContentHash, folderId, HashHere } from './content-id.ts';
import type { Lazy } from './lazy.ts';
import { type OpenChunks, readsBeside } from './open-chunks.ts';
import type { ParquetFolder } from './parquet/duckdb.ts';
import { makePartReader, type PartReader } from './part-reader.ts';

export async function readTask(
  task: ReadTask,
  chunks: OpenChunks,
  reader: ChunkReader,
  plan: ReadPlan,
  besideFrom: number,
  signal: AbortSignal,
  parquet: Lazy<ParquetFolder>,
): Promise<ReadResult> {
  const reading = new TaskReading(
    task,
    chunks,
    reader,
    (object, room, beside) => makePartReader(object, reader, room, beside, parquet.get, signal),
    plan.maxChunkBytes,
    besideFrom,
  );
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

class TaskReading {
  /** As stored. */
  bytes = 0;
  readonly task: ReadTask;
  readonly #chunks: OpenChunks;
  readonly #reader: ChunkReader;
  readonly #makePart: (object: ObjectInfo, room: number, beside: Beside | null) => Promise<PartReader>;
  readonly #maxBytes: number;
  readonly #besideFrom: number;
  readonly #ids: string[] = [];
  readonly #notes: string[] = [];
  #unpacked = 0;
  #rows = 0;
  #grew = false;
  #fault: ChunkFault | null = null;

  constructor(
    task: ReadTask,
    chunks: OpenChunks,
    reader: ChunkReader,
    makePart: (object: ObjectInfo, room: number, beside: Beside | null) => Promise<PartReader>,
    maxBytes: number,
    besideFrom: number,
  ) {
    this.task = task;
    this.#chunks = chunks;
    this.#reader = reader;
    this.#makePart = makePart;
    this.#maxBytes = maxBytes;
    this.#besideFrom = besideFrom;
  }

  async outcome(): Promise<ReadOutcome> {
    const { chunk, want, taker = null } = this.task;
    this.#reader.rejections.taker = taker;
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
    const rows = this.#reader.take(this.#rows);
    return { kind: 'rows', contentId, ...rows, notes: rows.rejectedRows > 0 ? this.#notes : [] };
  }

  /** Reads a part to its end, whatever is wrong with it: its id is that of all its bytes. */
  async #part(index: number): Promise<void> {
    const object = this.task.chunk.parts[index]!;
    const blocks = this.#chunks.part(index);
    const here = new HashHere();
    const beside = readsBeside(this.task, object, this.#besideFrom)
      ? new Beside(object.key, this.#reader.reading, this.#chunks.blocks)
      : null;
    const hash: ContentHash = beside ?? here;
    const applied = this.task.want === 'id' && !this.task.chunk.folder ? this.task.applied : null;
    let bytes = 0;
    let prefix: string | null = null;
    // Made with the first byte: a part without any has no rows, and needs no header.
    let part: PartReader | null = null;
    try {
      for (let block = await blocks.next(); block !== null; block = await blocks.next()) {
        if (block.length === 0) continue;
        const shared = beside === null ? block : beside.share(block);
        if (applied !== null && bytes <= applied.bytes && bytes + block.length > applied.bytes) {
          prefix = here.prefix(block.subarray(0, applied.bytes - bytes));
        }
        // Awaited only where it must be: a turn of the event loop costs more than hashing a small chunk.
        const hashed = hash.update(shared);
        if (hashed !== undefined) await hashed;
        bytes += block.length;
        this.bytes += block.length;
        if (this.task.want === 'rows' && this.#fault === null) {
          part ??= await this.#makePart(object, this.#maxBytes - this.#unpacked, beside);
          await part.write(part.keepsBlocks ? block : shared);
        }
        beside?.giveBack(shared);
        if ((beside === null || shared !== block) && part?.keepsBlocks !== true) this.#chunks.blocks.giveBack(block);
      }
      if (part !== null) this.#end(object.key, part, await part.end());
      this.#ids.push(await hash.digest());
    } finally {
      hash.close();
      await part?.destroy();
    }
    this.#grew = applied !== null && prefix === applied.contentId;
  }

  #end(object: string, part: PartReader, fault: Omit<ChunkFault, 'object'> | null): void {
    this.#unpacked += part.bytes;
    this.#rows += part.rows;
    if (fault !== null) this.#fault = { object, ...fault };
    if (part.note !== null) this.#notes.push(part.note);
  }
}
