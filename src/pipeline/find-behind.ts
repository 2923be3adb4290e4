/**
 * Rows that a file of mended rows names and the ledger has only counted: those behind the first 100,000 of their chunk (PROTOCOL.md
 * 2.5). They are looked up in the source, by reading their chunks once more (read-rejected.ts). What is found is written into the
 * ledger with the replay, so that from then on such a row is like any other.
 */
import type { ChunkVersion } from '../objects/chunk.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import type { RejectedBehind, StoredLine } from '../store/store.ts';
import { excluded } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { KeptRows, readRejected } from './read-rejected.ts';

/** By object, content id and line. */
export interface RowName {
  readonly object: string;
  readonly version: string;
  readonly line: number;
}

export interface FoundBehind {
  readonly of: StoredLine;
  readonly behind: RejectedBehind;
}

export interface Behind {
  find(row: RowName): FoundBehind | null;
  /** The chunk that may have the row, and cannot be asked: it is not in the source any more as it was applied, or is not read as then. */
  unknown(row: RowName): string | null;
}

/** Reads chunks only if they have more rejected rows than the ledger, and one of the rows may be of them. */
export async function findBehind(options: PipelineOptions, rows: readonly RowName[], signal: AbortSignal): Promise<Behind> {
  const found = new Map<string, FoundBehind>();
  const unread: StoredLine[] = [];
  const lines = rows.length === 0 ? [] : await linesOf(options, rows);
  const basis = lines.length === 0 ? null : ((await options.store.pipeline())?.basis ?? null);
  const chunks = basis === null ? null : await listChunks(options, lines, signal);
  const names = new Set(rows.map(nameOf));
  for (const { line, kept } of lines) {
    const chunk = chunks?.get(listedName(line)) ?? null;
    const version = line.contentId ?? '';
    const own: [string, FoundBehind][] = [];
    const taker = {
      from: kept.first,
      take(row: RejectedBehind['row'], number: number): void {
        const name = nameOf({ object: row.object, version, line: row.line });
        if (names.has(name) && !kept.has(number)) own.push([name, { of: line, behind: { origin: line.position, number, row } }]);
      },
      room: () => undefined,
    };
    const { store, engine, input } = options;
    const isRead =
      chunk !== null &&
      basis !== null &&
      (await readRejected(
        {
          store,
          engine,
          plan: { layout: basis.layout, columns: input.columns, csv: input.csv, maxChunkBytes: input.maxChunkBytes },
          signal,
        },
        line,
        chunk,
        taker,
      ));
    if (isRead) for (const [name, row] of own) found.set(name, row);
    else unread.push(line);
  }
  return {
    find: (row) => found.get(nameOf(row)) ?? null,
    unknown: (row) => unread.find((line) => mayHave(line, row))?.key ?? null,
  };
}

interface OpenLine {
  readonly line: StoredLine;
  readonly kept: KeptRows;
}

/** The chunks in force that may have one of the rows among those that the ledger does not. */
async function linesOf({ store }: PipelineOptions, rows: readonly RowName[]): Promise<readonly OpenLine[]> {
  const byVersion = new Map<string, RowName[]>();
  for (const row of rows) {
    const others = byVersion.get(row.version);
    if (others === undefined) byVersion.set(row.version, [row]);
    else others.push(row);
  }
  const lines: StoredLine[] = [];
  for await (const page of store.chunks({ outcome: 'applied' }))
    for (const line of page) {
      const isInForce = (line.kind === 'chunk' || line.kind === 'correction') && line.correctedBy === null;
      const named = byVersion.get(line.contentId ?? '') ?? [];
      if (isInForce && line.quarantined > 0 && named.some((row) => mayHave(line, row))) lines.push(line);
    }
  const open: OpenLine[] = [];
  for (const line of lines) {
    const kept = new KeptRows();
    for await (const page of store.quarantined({ key: line.key }))
      for (const { position, number } of page) if (position === line.position) kept.add(number);
    if (kept.count < line.quarantined) open.push({ line, kept });
  }
  return open;
}

function mayHave({ key, folder, contentId }: StoredLine, { object, version }: RowName): boolean {
  return contentId === version && (folder ? object.startsWith(`${key}/`) : object === key);
}

async function listChunks(
  options: PipelineOptions,
  lines: readonly OpenLine[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ChunkVersion>> {
  const wanted = new Set(lines.map(({ line }) => listedName(line)));
  const listing = discoverChunks(options.source, {
    waitFor: options.input.waitForMs,
    now: options.time.now(),
    exclude: excluded(options),
    signal,
  });
  const chunks = new Map<string, ChunkVersion>();
  for await (const page of listing) for (const chunk of page) if (wanted.has(listedName(chunk))) chunks.set(listedName(chunk), chunk);
  return chunks;
}

/** An object and a folder of one key are two. */
function listedName({ key, folder }: { readonly key: string; readonly folder: boolean }): string {
  return folder ? `${key}/` : key;
}

function nameOf({ object, version, line }: RowName): string {
  return JSON.stringify([object, version, line]);
}
