/**
 * The quarantined rows that can be mended, as the lines of a file (export/quarantine-file.ts). Changes nothing, needs no lease.
 *
 * The ledger has the rows; the titles above them are in the source, from where they are read as long as the chunk there is the one
 * that was applied. Held are the chunks that have such rows, and one row at a time.
 *
 * Rows that were replayed are done with. Left out, and counted: rows of a chunk that does not count as a whole (written anew under its name it is evaluated afresh, so
 * mended rows of it would count twice), and of the reference, which `rebuild` reads.
 */
import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { TallyhoError } from '../core/error.ts';
import { type Head, readHead } from '../export/object-head.ts';
import { fileStart, rowLine, titleLine } from '../export/quarantine-file.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import type { ObjectInfo, Objects } from '../objects/objects.ts';
import type { Csv } from '../reader/csv.ts';
import type { RowReason } from '../reader/rejected.ts';
import type { QuarantinedRow, StoreReader } from '../store/store.ts';

export interface ExportRejected {
  readonly store: Pick<StoreReader, 'chunks' | 'quarantined'>;
  readonly source: Objects;
  readonly csv: Csv;
  readonly waitForMs: number;
  readonly now: number;
  readonly key: string | null;
  readonly reason: RowReason | null;
  /** Takes lines of the file. */
  readonly write: (text: string) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface ExportedRows {
  readonly rows: number;
  /** Rows of chunks that are quarantined as a whole or were replaced, and of the reference. */
  readonly leftOut: number;
  /** Rows that are counted, and were not kept: those behind the first 100,000 of a chunk. */
  readonly notKept: number;
  /** Objects whose header is not to be had, so that their rows stand in `_raw`. */
  readonly headless: readonly string[];
}

export async function exportRejected(options: ExportRejected): Promise<ExportedRows> {
  const { store, key, reason, write, signal } = options;
  const chunks = await chunksWithRows(options);
  const heads = makeHeads(options, await listParts(options, chunks));
  const headless = new Set<string>();
  let [rows, leftOut, seen] = [0, 0, 0];
  let titles: string | null = null;
  await write(fileStart);
  for await (const page of store.quarantined(key === null ? {} : { key })) {
    signal.throwIfAborted();
    const lines: string[] = [];
    for (const row of page) {
      if (row.inForce) seen++;
      if (row.resolvedBy !== null || (reason !== null && row.reason !== reason)) continue;
      if (!row.inForce || row.contentId === null) {
        leftOut++;
        continue;
      }
      const head = await heads(row);
      if (head === null) headless.add(row.object);
      const line = titleLine(head?.columns ?? []);
      if (line !== titles) lines.push(line);
      titles = line;
      lines.push(rowLine(row, row.contentId, head));
      rows++;
    }
    await write(lines.join(''));
  }
  if (titles === null) await write(titleLine([]));
  const all = [...chunks.values()].reduce((sum, { quarantined }) => sum + quarantined, 0);
  return { rows, leftOut, notKept: Math.max(0, all - seen), headless: [...headless] };
}

interface RowsOfChunk {
  readonly version: string;
  readonly quarantined: number;
}

/** The chunks in force that have quarantined rows, by their names in a listing. */
async function chunksWithRows({ store, key }: ExportRejected): Promise<Map<string, RowsOfChunk>> {
  const chunks = new Map<string, RowsOfChunk>();
  for await (const page of store.chunks(key === null ? { outcome: 'applied' } : { outcome: 'applied', key })) {
    for (const line of page) {
      if (line.kind !== 'chunk' && line.kind !== 'correction') continue;
      if (line.quarantined > 0 && line.correctedBy === null) chunks.set(nameOf(line), line);
    }
  }
  return chunks;
}

/** The objects of those of them that lie in the source as they were applied: chunk -> object -> object as listed. */
async function listParts(
  { source, waitForMs, now, signal }: ExportRejected,
  chunks: ReadonlyMap<string, RowsOfChunk>,
): Promise<ReadonlyMap<string, ReadonlyMap<string, ObjectInfo>>> {
  const parts = new Map<string, ReadonlyMap<string, ObjectInfo>>();
  if (chunks.size === 0) return parts;
  for await (const page of discoverChunks(source, { waitFor: waitForMs, now, signal }))
    for (const chunk of page)
      if (chunks.get(nameOf(chunk))?.version === chunk.version)
        parts.set(nameOf(chunk), new Map(chunk.parts.map((part) => [part.key, part])));
  return parts;
}

/** Rows come object by object, so the last head is the one that is wanted. */
function makeHeads(
  { source, csv, signal }: ExportRejected,
  parts: ReadonlyMap<string, ReadonlyMap<string, ObjectInfo>>,
): (row: QuarantinedRow) => Promise<Head | null> {
  let last: { readonly position: number; readonly object: string; readonly head: Head | null } | null = null;
  return async (row) => {
    if (last?.position === row.position && last.object === row.object) return last.head;
    const object = parts.get(nameOf(row))?.get(row.object);
    const head = object === undefined ? null : await headOf(source, object, csv, signal);
    last = { position: row.position, object: row.object, head };
    return head;
  };
}

/** null where it went away or changed meanwhile. A Parquet object has its names elsewhere. */
async function headOf(source: Objects, object: ObjectInfo, csv: Csv, signal: AbortSignal): Promise<Head | null> {
  if (object.key.endsWith('.parquet')) return null;
  const stop = new AbortController();
  const blocks = source.read(object, AbortSignal.any([signal, stop.signal]));
  try {
    return await readHead(object.key.endsWith('.gz') ? unpacked(blocks) : blocks, csv);
  } catch (error) {
    if (error instanceof TallyhoError && (error.code === 'OBJECT_CHANGED' || error.code === 'OBJECT_MISSING')) return null;
    throw error;
  } finally {
    stop.abort();
  }
}

async function* unpacked(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const packed = Readable.from(blocks);
  const gunzip = createGunzip();
  packed.on('error', (error) => gunzip.destroy(error));
  yield* packed.pipe(gunzip) as AsyncIterable<Uint8Array>;
}

/** As it is listed: an object and a folder of one key are two. */
function nameOf({ key, folder }: { readonly key: string; readonly folder: boolean }): string {
  return folder ? `${key}/` : key;
}
