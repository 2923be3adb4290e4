/** How the bytes of a part become rows, by the kind that its name says. */
import { TallyhoError } from '../../core/error.ts';
import type { ObjectInfo } from '../../objects/objects.ts';
import type { ChunkReader } from '../../reader/chunk-reader.ts';
import type { ChunkFault } from '../../reader/rejected.ts';
import { Unpacker } from './unpack.ts';

export type Fault = Omit<ChunkFault, 'object'>;

export interface PartReader {
  /** Bytes after unpacking. */
  readonly bytes: number;
  /** Rows read, once ended. */
  readonly rows: number;
  /** A fact to tell with errors. */
  readonly note: string | null;
  write(block: Uint8Array): Promise<void> | void;
  end(): Promise<Fault | null>;
  destroy(): void;
}

/** Unpacking ratio, and the size from which it counts (PROTOCOL.md 2.5). */
const maxRatio = 1000;
const ratioFrom = 100 << 20;

function tooLarge(): Fault {
  return { reason: 'too_large', detail: 'The chunk is larger than `source.maxChunkBytes` after unpacking; raise it, or split the chunk.' };
}

/** `room`: how many bytes the chunk may still have. */
export function makePartReader(object: ObjectInfo, reader: ChunkReader, room: number): PartReader {
  if (object.key.endsWith('.parquet')) throw new TallyhoError('UNSUPPORTED', 'Parquet is not read yet.');
  return object.key.endsWith('.csv.gz') ? makeGzipReader(object, reader, room) : makeCsvReader(object, reader, room);
}

function makeCsvReader(object: ObjectInfo, reader: ChunkReader, room: number): PartReader {
  const part = reader.csv(object.key);
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    get rows() {
      return part.rows;
    },
    get note() {
      return part.note;
    },
    write(block) {
      bytes += block.length;
      if (bytes <= room) part.push(block);
    },
    async end() {
      return bytes > room ? tooLarge() : part.end();
    },
    destroy() {},
  };
}

function makeGzipReader(object: ObjectInfo, reader: ChunkReader, room: number): PartReader {
  const part = reader.csv(object.key);
  const ratioLimit = Math.max(ratioFrom, maxRatio * object.size);
  const unpacker = new Unpacker(Math.min(room, ratioLimit), (block) => part.push(block));
  return {
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
      if (room <= ratioLimit) return tooLarge();
      return {
        reason: 'unpack_ratio',
        detail: `The gzip file unpacks to more than ${maxRatio} times its size; split it if that is wanted.`,
      };
    },
    destroy: () => unpacker.destroy(),
  };
}
