/**
 * Which rows of a mended file do something, and why the others do not (PROTOCOL.md 1.5): a row of the file names a quarantined row by
 * object, content id and line, or has no effect. What names one that is open is read by the reader that read the chunk.
 */
import { TallyhoError } from '../core/error.ts';
import { mendedFields, type MendedRow, parseMended, quotedLine } from '../export/mended-file.ts';
import { rawText } from '../export/quarantine-file.ts';
import type { ReadPlan } from '../engine/engine.ts';
import type { Csv } from '../reader/csv.ts';
import { keptRows } from '../reader/rejected.ts';
import type { QuarantinedRow, RejectedBehind, ReplayedRow } from '../store/store.ts';
import { findBehind, type FoundBehind } from './find-behind.ts';
import type { PipelineOptions } from './options.ts';
import { type BadRow, readReplayed } from './read-replayed.ts';

export interface ReplayFile {
  /** By which the ledger and the evidence name it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A row of the file that did nothing, and why. */
export interface ToldRow extends BadRow {
  readonly fileLine: number;
  readonly object: string;
  readonly line: number;
}

export interface ReplaySummary {
  /** null: there was nothing to apply, and there is no entry. */
  readonly sequence: number | null;
  readonly applied: number;
  readonly detections: number;
  /** Replayed before, by this file or another. */
  readonly before: number;
  /** They name an open row, and stay quarantined. */
  readonly stillBad: readonly ToldRow[];
  readonly withoutEffect: readonly ToldRow[];
  /** Of both lists: rows that are not named any more, because there are too many. */
  readonly rest: { readonly stillBad: number; readonly withoutEffect: number };
}

export const nothingLeftOut: ReplaySummary['rest'] = { stillBad: 0, withoutEffect: 0 };

/** A quarantined row that the file names. */
interface NamedRow extends Pick<QuarantinedRow, 'position' | 'kind' | 'key' | 'object' | 'line' | 'reason' | 'inForce' | 'resolvedBy'> {
  /** What the export shows of one that is not kept as a whole. */
  readonly cutText: string | null;
  /** Where the ledger does not have it. */
  readonly behind: RejectedBehind | null;
}

/** A row that names an open one. */
export interface Candidate {
  readonly row: MendedRow;
  readonly of: NamedRow;
}

/** Fails as a whole, with USAGE, where the file cannot be replayed. */
export function parseFile({ name, bytes }: ReplayFile): readonly MendedRow[] {
  const rows = parseMended(bytes);
  if (rows.length > keptRows)
    throw new TallyhoError('USAGE', `${name} has ${rows.length} rows; one replay takes at most ${keptRows}.`, {
      mend: 'Split the file, and replay each part.',
    });
  return rows;
}

export interface Named {
  readonly candidates: readonly Candidate[];
  readonly withoutEffect: readonly ToldRow[];
  readonly before: number;
}

/** As the database has it: all that was evaluated is committed. */
export async function findCandidates(options: PipelineOptions, rows: readonly MendedRow[], signal: AbortSignal): Promise<Named> {
  const names = new Set(rows.map(nameOf));
  const found = new Map<string, NamedRow>();
  const objects = [...new Set(rows.map(({ object }) => object))].filter((object) => !object.includes('\0'));
  for await (const page of options.store.quarantined({ objects })) {
    for (const row of page) {
      const name = nameOf({ object: row.object, version: row.contentId ?? '', line: row.line });
      // The same bytes may have been in force before: what is in force now counts.
      if (names.has(name) && found.get(name)?.inForce !== true) found.set(name, { ...namedRow(row), behind: null });
    }
  }
  const open = rows.filter((row) => found.get(nameOf(row))?.inForce !== true);
  const behind = await findBehind(options, open, signal);
  for (const row of open) {
    const there = behind.find(row);
    if (there !== null) found.set(nameOf(row), namedBehind(there));
  }
  const candidates: Candidate[] = [];
  const withoutEffect: ToldRow[] = [];
  let before = 0;
  const taken = new Map<string, number>();
  for (const row of rows) {
    const name = nameOf(row);
    const of = found.get(name);
    const earlier = taken.get(name);
    if (of !== undefined && of.resolvedBy !== null) before++;
    else if (of === undefined) withoutEffect.push(toldUnknown(row, behind.unknown(row)));
    else if (!of.inForce) withoutEffect.push(told(row, 'not_in_force', whyNotInForce(of)));
    else if (earlier !== undefined) withoutEffect.push(told(row, 'twice', `line ${earlier} of the file names the same row`));
    else {
      taken.set(name, row.fileLine);
      candidates.push({ row, of });
    }
  }
  return { candidates, withoutEffect, before };
}

function namedBehind({ of, behind }: FoundBehind): NamedRow {
  const { position, kind, key } = of;
  return { ...namedRow({ ...behind.row, position, kind, key, inForce: true, resolvedBy: null }), behind };
}

function toldUnknown(row: MendedRow, unread: string | null): ToldRow {
  if (unread === null) return told(row, 'unknown_row', 'there is no such quarantined row');
  const why = `${unread} has more bad rows than are kept, and is not in the source any more as it was applied, or not read as then`;
  return told(row, 'not_in_source', `it is not known: ${why}`);
}

type Told = Omit<NamedRow, 'cutText' | 'behind'> & Pick<QuarantinedRow, 'raw' | 'length'>;

/** Without its bytes: there may be many. */
function namedRow(row: Told): Omit<NamedRow, 'behind'> {
  const { position, kind, key, object, line, reason, inForce, resolvedBy } = row;
  const cutText = row.length > row.raw.length ? rawText(row) : null;
  return { position, kind, key, object, line, reason, inForce, resolvedBy, cutText };
}

function whyNotInForce({ kind, key }: NamedRow): string {
  if (kind === 'reference') return 'it is a row of the reference: mend that file, and `tallyho rebuild`';
  return `what it was part of does not count: write ${key} anew under its name`;
}

export function readCandidates(
  candidates: readonly Candidate[],
  csv: Csv,
  plan: ReadPlan,
): {
  readonly good: readonly ReplayedRow[];
  /** Those of them that the ledger does not have. */
  readonly behind: readonly RejectedBehind[];
  readonly stillBad: readonly ToldRow[];
  readonly delta: ReturnType<typeof readReplayed>['delta'];
} {
  const bad = new Map<MendedRow, BadRow>();
  const tried: { readonly row: MendedRow; readonly replayed: ReplayedRow; readonly behind: RejectedBehind | null }[] = [];
  for (const { row, of } of candidates) {
    const fields = mendedFields(row, csv);
    const why = whyUnreadable(row, of, fields);
    if (why !== null || !Array.isArray(fields)) {
      bad.set(row, why ?? { reason: of.reason, detail: null });
      continue;
    }
    const { position: origin, object, line } = of;
    const replayed = { origin, version: row.version, object, line, header: quotedLine(row.columns), record: quotedLine(fields) };
    tried.push({ row, replayed, behind: of.behind });
  }
  const read = readReplayed(
    tried.map(({ replayed }) => replayed),
    plan,
  );
  for (const [place, why] of read.bad) bad.set((tried[place] as (typeof tried)[number]).row, why);
  return {
    good: tried.flatMap(({ row, replayed }) => (bad.has(row) ? [] : [replayed])),
    behind: tried.flatMap(({ row, behind }) => (bad.has(row) || behind === null ? [] : [behind])),
    stillBad: candidates.flatMap(({ row }) => {
      const why = bad.get(row);
      return why === undefined ? [] : [told(row, why.reason, why.detail)];
    }),
    delta: read.delta,
  };
}

/** What the reader of rows cannot know. */
function whyUnreadable(row: MendedRow, { reason, cutText }: NamedRow, fields: ReturnType<typeof mendedFields>): BadRow | null {
  if (fields === null) return { reason, detail: 'its line in the file has no fields' };
  if (fields === 'lines') return { reason, detail: 'the text in _raw is more than one line, or has an open quote' };
  if (row.columns.length === 0)
    return { reason, detail: 'the title line above it names no columns behind _raw: write those of its object there' };
  const text = fields.join('');
  if (text.includes('\0') || (reason === 'bad_encoding' && text.includes('\uFFFD')))
    return { reason: 'bad_encoding', detail: 'it still has characters that are shown as U+FFFD' };
  const isFromRaw = row.cells.every((cell) => cell === '');
  if (isFromRaw && row.raw === cutText) return { reason, detail: 'its text is cut off, and is as it was' };
  return null;
}

function nameOf({ object, version, line }: Pick<MendedRow, 'object' | 'version' | 'line'>): string {
  return JSON.stringify([object, version, line]);
}

function told({ fileLine, object, line }: MendedRow, reason: string, detail: string | null): ToldRow {
  return { fileLine, object, line, reason, detail };
}
