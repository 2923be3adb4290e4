/**
 * Reads a Parquet object: staged as a file of ours, decoded by DuckDB, judged and aggregated here, row by row, by the rules
 * that CSV has (DESIGN.md 4). DuckDB decides nothing: it casts no value, and columns are named by their position.
 *
 * Memory: DuckDB's pages and one vector (2,048 rows). Rejected rows are noted by number; a second pass fetches only them,
 * as CSV; where all of them are taken, a further pass for each 50,000 and more. `bad_encoding` is U+0000 in a needed text; a text that is not UTF-8 is against the format, hence `unreadable`.
 * Whatever DuckDB throws about a file that we staged whole means that it cannot be read.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import type { ObjectInfo } from '../../../objects/objects.ts';
import type { ChunkReader } from '../../../reader/chunk-reader.ts';
import { needsOf } from '../../../reader/reading.ts';
import { keptRows } from '../../../reader/rejected.ts';
import type { Fault, PartReader } from '../part-reader.ts';
import { literal, type ParquetFolder } from './duckdb.ts';
import { type NumberedReason, ParquetRows } from './parquet-rows.ts';
import { bindParquet, type ParquetColumn, readSchema } from './schema.ts';

/** What DuckDB says about a file that it cannot read. */
class Unreadable extends Error {}

async function ofFile<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw new Unreadable(error instanceof Error ? error.message : String(error));
  }
}

export class ParquetPart implements PartReader {
  /** Of its pages unpacked, as the file says. */
  bytes = 0;
  rows = 0;
  readonly note = null;
  readonly keepsBlocks = false;
  readonly #object: ObjectInfo;
  readonly #reader: ChunkReader;
  readonly #folder: () => Promise<ParquetFolder>;
  readonly #tooLarge: (bytes: number) => Fault | null;
  readonly #signal: AbortSignal;
  #path: string | null = null;
  #file: FileHandle | null = null;

  /** `folder` makes it when first asked; `tooLarge` judges the unpacked size. */
  constructor(
    object: ObjectInfo,
    reader: ChunkReader,
    folder: () => Promise<ParquetFolder>,
    tooLarge: (bytes: number) => Fault | null,
    signal: AbortSignal,
  ) {
    this.#object = object;
    this.#reader = reader;
    this.#folder = folder;
    this.#tooLarge = tooLarge;
    this.#signal = signal;
  }

  async write(block: Uint8Array): Promise<void> {
    if (this.#file === null) {
      this.#path = await (await this.#folder()).path();
      this.#file = await open(this.#path, 'wx', 0o600);
    }
    let written = 0;
    while (written < block.length) written += (await this.#file.write(block, written)).bytesWritten;
  }

  async end(): Promise<Fault | null> {
    await this.#file?.close();
    this.#file = null;
    if (this.#path === null) return null;
    const folder = await this.#folder();
    const connection = await folder.connect();
    const second = this.#reader.rejections.taker === null ? connection : await folder.connect();
    try {
      return await this.#read(connection, second, this.#path);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return {
        reason: 'unreadable',
        detail: `The Parquet file cannot be read: ${error.message.replaceAll(this.#path, () => this.#object.key)}`,
      };
    } finally {
      connection.closeSync();
      if (second !== connection) second.closeSync();
    }
  }

  async destroy(): Promise<void> {
    await this.#file?.close();
    if (this.#path !== null) await rm(this.#path, { force: true });
  }

  /** `second`: for what is asked while rows stream through the first, if all rejected ones are taken. */
  async #read(connection: DuckDBConnection, second: DuckDBConnection, path: string): Promise<Fault | null> {
    const file = await ofFile(readSchema(connection, path));
    this.bytes = await ofFile(unpackedBytes(connection, path));
    const large = this.#tooLarge(this.bytes);
    if (large !== null) return large;
    const { rejections } = this.#reader;
    const before = rejections.count;
    const { layout } = this.#reader.reading;
    const needs = needsOf(this.#reader.reading);
    const bound = bindParquet(file, needs, layout.dimensions.length);
    if ('fault' in bound) return { reason: 'bad_header', detail: bound.fault };
    const rows = new ParquetRows(this.#reader.aggregator, layout.scale, bound.columns, file, needs.weight === 'amount');
    const wanted = rows.slots.map(({ column, kind }) => (kind.kind === 'text' ? `encode(c${column})` : `c${column}`));
    const result = await ofFile(connection.stream(`select ${wanted.join(', ') || '1'} from ${source(path, file)}`));
    for (let chunk = await ofFile(result.fetchChunk()); chunk !== null && chunk.rowCount > 0; chunk = await ofFile(result.fetchChunk())) {
      this.#signal.throwIfAborted();
      rows.read(chunk);
      if (this.#reader.rejections.taker !== null && rows.isFull) await this.#reject(second, path, file, rows.takeRejected());
    }
    this.rows = rows.rows;
    await this.#reject(second, path, file, rows.takeRejected());
    rejections.skip(rows.rejectedRows - (rejections.count - before));
    return null;
  }

  /** Fetches rejected rows, as far as they are kept or taken. */
  async #reject(
    connection: DuckDBConnection,
    path: string,
    file: readonly ParquetColumn[],
    rejected: readonly NumberedReason[],
  ): Promise<void> {
    const { count, taker } = this.#reader.rejections;
    const kept = taker === null ? rejected.slice(0, Math.max(0, keptRows - count)) : rejected;
    if (kept.length > 0) {
      await ofFile(
        connection.run(`create or replace temp table wanted as select unnest([${kept.map(({ row }) => row + 1).join(', ')}]) as number`),
      );
      const fields = file.map((_, column) => `encode(c${column}::varchar)`);
      const result = await ofFile(
        connection.stream(
          `select ${fields.join(', ')} from (select row_number() over () as number, * from ${source(path, file)})
           semi join wanted using (number) order by number`,
        ),
      );
      await this.#fetchRejected(result, file.length, kept);
    }
  }

  async #fetchRejected(result: DuckDBResult, width: number, kept: readonly NumberedReason[]): Promise<void> {
    let at = 0;
    for (let chunk = await ofFile(result.fetchChunk()); chunk !== null && chunk.rowCount > 0; chunk = await ofFile(result.fetchChunk())) {
      const columns = Array.from({ length: width }, (_, column) => chunk.getColumnVector(column).toArray());
      for (let row = 0; row < chunk.rowCount; row++) {
        const { row: number, reason } = kept[at++]!;
        const fields = columns.map((column) => csvField(column[row] as { readonly bytes: Uint8Array } | null));
        const raw = Buffer.concat(fields.flatMap((field, i) => (i === 0 ? [field] : [comma, field])));
        this.#reader.rejections.add(this.#object.key, number + 2, reason, raw, 0, raw.length);
      }
      await this.#reader.rejections.taker?.room();
    }
  }
}

const comma = Buffer.from(',');

/** As in RFC 4180: quoted where it must be. */
function csvField(value: { readonly bytes: Uint8Array } | null): Buffer {
  if (value === null) return Buffer.alloc(0);
  const text = Buffer.from(value.bytes).toString('latin1');
  return Buffer.from(/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text, 'latin1');
}

/** The rows of the file, its columns named c0, c1, ... by position. */
function source(path: string, file: readonly ParquetColumn[]): string {
  const names = file.map((_, column) => `c${column}`).join(', ');
  return `read_parquet(${literal(path)}, hive_partitioning = false, union_by_name = false) as t(${names})`;
}

async function unpackedBytes(connection: DuckDBConnection, path: string): Promise<number> {
  const reader = await connection.runAndReadAll(
    `select coalesce(sum(greatest(total_uncompressed_size, 0)), 0)::double from parquet_metadata(${literal(path)})`,
  );
  return reader.getRows()[0]?.[0] as number;
}
