/** How the bytes of a part become rows, by the kind that its name says. */
import type { ObjectInfo } from '../../objects/objects.ts';
import type { ChunkReader } from '../../reader/chunk-reader.ts';
import type { CsvPart } from '../../reader/csv-part.ts';
import type { ChunkFault, RejectedTaker } from '../../reader/rejected.ts';
import type { Beside } from './beside.ts';
import type { ParquetFolder } from './parquet/duckdb.ts';
import { Unpacker } from './unpack.ts';

export type Fault = Omit<ChunkFault, 'object'>;

export interface PartReader {
  /** Bytes after unpacking. */
  readonly bytes: number;
  /** Rows read, once ended. */
  readonly rows: number;
  /** A fact to tell with errors. */
  readonly note: string | null;
  /** Whether a block may be needed after `write`. */
  readonly keepsBlocks: boolean;
  write(block: Uint8Array): Promise<void> | void;
  end(): Promise<Fault | null>;
  destroy(): Promise<void> | void;
}

/** Unpacking ratio, and the size from which it counts (PROTOCOL.md 2.5). */
const maxRatio = 1000;
const ratioFrom = 100 << 20;

/** The size from which on an object of `size` stored bytes unpacks to too much. */
function ratioLimit(size: number): number {
  return Math.max(ratioFrom, maxRatio * size);
}

/** What is wrong with `bytes` unpacked bytes; the lower limit is passed first. */
function sizeFault(bytes: number, room: number, size: number): Fault | null {
  if (bytes <= Math.min(room, ratioLimit(size))) return null;
  if (room <= ratioLimit(size)) {
    return {
      reason: 'too_large',
      detail: 'The chunk is larger than `source.maxChunkBytes` after unpacking; raise it, or split the chunk.',
    };
  }
  return { reason: 'unpack_ratio', detail: `The object unpacks to more than ${maxRatio} times its size; pack it less, or split it.` };
}

/** `room`: how many bytes the chunk may still have. `beside`: the thread for a large object. `parquet` makes the folder of staged files when first asked. */
export async function makePartReader(
  object: ObjectInfo,
  reader: ChunkReader,
  room: number,
  beside: Beside | null,
  parquet: () => Promise<ParquetFolder>,
  signal: AbortSignal,
): Promise<PartReader> {
  if (object.key.endsWith('.parquet')) {
    const { ParquetPart } = await import('./parquet/parquet-part.ts');
    return new ParquetPart(object, reader, parquet, (bytes) => sizeFault(bytes, room, object.size), signal);
  }
  return object.key.endsWith('.csv.gz') ? makeGzipReader(object, reader, room) : makeCsvReader(object, reader, room, beside);
}

function makeCsvReader(object: ObjectInfo, reader: ChunkReader, room: number, beside: Beside | null): PartReader {
  const part = reader.csv(object.key, beside);
  let bytes = 0;
  let rowsBeside = 0;
  return {
    keepsBlocks: false,
    get bytes() {
      return bytes;
    },
    get rows() {
      return part.rows + rowsBeside;
    },
    get note() {
      return part.note;
    },
    write(block) {
      bytes += block.length;
      return bytes <= room ? pushBlock(part, block, reader) : undefined;
    },
    async end() {
      const fault = (bytes > room ? sizeFault(bytes, room, bytes) : null) ?? part.end();
      const pieces = fault === null && beside !== null ? await beside.pieces() : null;
      if (pieces !== null) {
        reader.addPieces(part, pieces);
        rowsBeside = pieces.rows;
      }
      return fault;
    },
    destroy() {},
  };
}

/** Rows of so many bytes are found at once where somebody takes them. */
const takenBytes = 1 << 16;

/** A promise only where rejected rows are taken: they go out before more come. */
function pushBlock(part: CsvPart, block: Uint8Array, { rejections: { taker } }: ChunkReader): Promise<void> | undefined {
  if (taker !== null) return pushTaken(part, block, taker);
  part.push(block);
  return undefined;
}

async function pushTaken(part: CsvPart, block: Uint8Array, taker: RejectedTaker): Promise<void> {
  for (let at = 0; at < block.length; at += takenBytes) {
    part.push(block.subarray(at, at + takenBytes));
    await taker.room();
  }
}

function makeGzipReader(object: ObjectInfo, reader: ChunkReader, room: number): PartReader {
  const part = reader.csv(object.key);
  const unpacker = new Unpacker(Math.min(room, ratioLimit(object.size)), (block) => pushBlock(part, block, reader));
  return {
    // In zlib's threads.
    keepsBlocks: true,
    get bytes() {
      return unpacker.bytes;
    },
    get rows() {
      return part.rows;
    },
    get note() {
      return part.note;
    },
    write: (block) => unpacker.write(block),
    async end() {
      const fault = await unpacker.end();
      if (fault === null) return part.end();
      if (fault.kind === 'unreadable') return { reason: 'unreadable', detail: `The gzip file cannot be unpacked: ${fault.detail}.` };
      return sizeFault(unpacker.bytes, room, object.size);
    },
    destroy: () => unpacker.destroy(),
  };
}
