/**
 * The quarantined rows that can be mended, as the lines of a file (export/quarantine-file.ts). Changes nothing, needs no lease.
 *
 * The ledger has the first 100,000 of each chunk; the rest of them, and the titles above all, are in the source, from where they are read
 * as long as the chunk there is the one that was applied (read-rejected.ts). Held are the chunks that have such rows, and some rows.
 *
 * Rows that were replayed are done with. Left out, and counted: rows of a chunk that does not count as a whole (written anew under its name it is evaluated afresh, so
 * mended rows of it would count twice), and of the reference, which `rebuild` reads.
 */
import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { TallyhoError } from '../core/error.ts';
import type { Engine } from '../engine/engine.ts';
import { type Head, readHead } from '../export/object-head.ts';
import { type CuttableFile, type OutRow, RowsOut } from '../export/rows-out.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import type { ObjectInfo, Objects } from '../objects/objects.ts';
import type { Csv } from '../reader/csv.ts';
import type { RejectedRow, RejectedTaker, RowReason } from '../reader/rejected.ts';
import type { StoredLine, StoreReader } from '../store/store.ts';
import type { InputSettings } from './options.ts';
import { KeptRows, readRejected } from './read-rejected.ts';

export interface ExportRejected {
  readonly store: Pick<StoreReader, 'chunks' | 'quarantined' | 'pipeline'>;
  readonly source: Objects;
  /** Of the source. */
  readonly engine: Engine;
  readonly input: Pick<InputSettings, 'columns' | 'csv' | 'maxChunkBytes' | 'waitForMs'>;
  readonly now: number;
  readonly key: string | null;
  readonly reason: RowReason | null;
  readonly file: CuttableFile;
  readonly signal: AbortSignal;
}

export interface ExportedRows {
  readonly rows: number;
  /** Rows of chunks that are quarantined as a whole or were replaced, and of the reference. */
  readonly leftOut: number;
  /** Rows behind the kept ones that the source does not give any more, whatever their reasons, and their chunks. */
  readonly gone: { readonly rows: number; readonly chunks: readonly string[] };
  /** Objects whose header is not to be had, so that their rows stand in `_raw`. */
  readonly headless: readonly string[];
}

export async function exportRejected(options: ExportRejected): Promise<ExportedRows> {
  const { store, key, reason, signal } = options;
  const lines = await linesWithRows(options);
  const found = await listChunks(options, lines);
  const heads = makeHeads(options, found, lines);
  const kept = new Map<number, KeptRows>();
  const out = new RowsOut(options.file);
  let leftOut = 0;
  await out.begin();
  for await (const page of store.quarantined(key === null ? {} : { key })) {
    signal.throwIfAborted();
    const rows: OutRow[] = [];
    for (const row of page) {
      if (row.inForce) keptOf(kept, row.position).add(row.number);
      if (row.resolvedBy !== null || (reason !== null && row.reason !== reason)) continue;
      if (row.inForce && row.contentId !== null) rows.push({ row, version: row.contentId, head: await heads(row, row.object) });
      else leftOut++;
    }
    await out.write(rows);
  }
  const gone = { rows: 0, chunks: [] as string[] };
  // Behind the rest, so that nobody reads the source while a snapshot of the database is open.
  for (const line of lines.values()) {
    const has = keptOf(kept, line.position);
    if (has.count >= line.quarantined || (await exportBehind(options, line, has, found.get(nameOf(line)) ?? null, heads, out))) continue;
    gone.rows += line.quarantined - has.count;
    gone.chunks.push(line.key);
  }
  await out.end();
  return { rows: out.rows, leftOut, gone, headless: [...out.headless] };
}

function keptOf(kept: Map<number, KeptRows>, position: number): KeptRows {
  const rows = kept.get(position) ?? new KeptRows();
  kept.set(position, rows);
  return rows;
}

/** Rows that the ledger has only counted, in bounded memory; false, and nothing is written, where the source does not have them any more. */
async function exportBehind(
  options: ExportRejected,
  line: StoredLine,
  kept: KeptRows,
  chunk: ChunkVersion | null,
  heads: Heads,
  out: RowsOut,
): Promise<boolean> {
  const { store, engine, input, reason, signal } = options;
  const { contentId } = line;
  const basis = (await store.pipeline())?.basis ?? null;
  if (chunk === null || basis === null || contentId === null) return false;
  const { columns, csv, maxChunkBytes } = input;
  const plan = { layout: basis.layout, columns, csv, maxChunkBytes };
  let waiting: RejectedRow[] = [];
  const flush = async (): Promise<void> => {
    const rows = waiting;
    waiting = [];
    const texts: OutRow[] = [];
    for (const row of rows) texts.push({ row, version: contentId, head: await heads(line, row.object) });
    await out.write(texts);
  };
  const taker: RejectedTaker = {
    from: kept.first,
    take(row, number) {
      if (!kept.has(number) && (reason === null || row.reason === reason)) waiting.push(row);
    },
    room: () => (waiting.length < rowsAtOnce ? undefined : flush()),
  };
  return await out.writeOnlyIf(async () => {
    if (!(await readRejected({ store, engine, plan, signal }, line, chunk, taker))) return false;
    await flush();
    return true;
  });
}

const rowsAtOnce = 1_000;

/** The chunks in force that have quarantined rows, by their names in a listing. */
async function linesWithRows({ store, key }: ExportRejected): Promise<ReadonlyMap<string, StoredLine>> {
  const lines = new Map<string, StoredLine>();
  for await (const page of store.chunks(key === null ? { outcome: 'applied' } : { outcome: 'applied', key })) {
    for (const line of page) {
      if (line.kind !== 'chunk' && line.kind !== 'correction') continue;
      if (line.quarantined > 0 && line.correctedBy === null) lines.set(nameOf(line), line);
    }
  }
  return lines;
}

/** Those of them that lie in the source, by name. */
async function listChunks(
  { source, input, now, signal }: ExportRejected,
  lines: ReadonlyMap<string, StoredLine>,
): Promise<ReadonlyMap<string, ChunkVersion>> {
  const found = new Map<string, ChunkVersion>();
  if (lines.size === 0) return found;
  for await (const page of discoverChunks(source, { waitFor: input.waitForMs, now, signal }))
    for (const chunk of page) if (lines.has(nameOf(chunk))) found.set(nameOf(chunk), chunk);
  return found;
}

interface OfChunk {
  readonly position: number;
  readonly key: string;
  readonly folder: boolean;
}

type Heads = (of: OfChunk, object: string) => Promise<Head | null>;

/** Of objects that are as they were applied. Rows come object by object, so the last head is the one that is wanted. */
function makeHeads(
  { source, input: { csv }, signal }: ExportRejected,
  found: ReadonlyMap<string, ChunkVersion>,
  lines: ReadonlyMap<string, StoredLine>,
): Heads {
  let last: { readonly position: number; readonly key: string; readonly head: Head | null } | null = null;
  return async (of, key) => {
    if (last?.position === of.position && last.key === key) return last.head;
    const chunk = found.get(nameOf(of));
    const isAsApplied = chunk !== undefined && chunk.version === lines.get(nameOf(of))?.version;
    const object = isAsApplied ? chunk.parts.find((part) => part.key === key) : undefined;
    const head = object === undefined ? null : await headOf(source, object, csv, signal);
    last = { position: of.position, key, head };
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
