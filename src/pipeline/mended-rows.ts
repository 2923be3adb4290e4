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
import type { QuarantinedRow, ReplayedRow, Store } from '../store/store.ts';
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
export async function findCandidates(store: Pick<Store, 'quarantined'>, rows: readonly MendedRow[]): Promise<Named> {
  const names = new Set(rows.map(nameOf));
  const found = new Map<string, NamedRow>();
  const objects = [...new Set(rows.map(({ object }) => object))].filter((object) => !object.includes('\0'));
  for await (const page of store.quarantined({ objects })) {
    for (const row of page) {
      const name = nameOf({ object: row.object, version: row.contentId ?? '', line: row.line });
      // The same bytes may have been in force before: what is in force now counts.
      if (names.has(name) && found.get(name)?.inForce !== true) found.set(name, namedRow(row));
    }
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
    else if (of === undefined)
      withoutEffect.push(told(row, 'unknown_row', 'there is no such row among those that are kept, of each chunk the first 100,000'));
    else if (!of.inForce) withoutEffect.push(told(row, 'not_in_force', whyNotInForce(of)));
    else if (earlier !== undefined) withoutEffect.push(told(row, 'twice', `line ${earlier} of the file names the same row`));
    else {
      taken.set(name, row.fileLine);
      candidates.push({ row, of });
    }
  }
  return { candidates, withoutEffect, before };
}

/** Without its bytes: there may be many. */
function namedRow(row: QuarantinedRow): NamedRow {
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
  readonly stillBad: readonly ToldRow[];
  readonly delta: ReturnType<typeof readReplayed>['delta'];
} {
  const bad = new Map<MendedRow, BadRow>();
  const tried: { readonly row: MendedRow; readonly replayed: ReplayedRow }[] = [];
  for (const { row, of } of candidates) {
    const fields = mendedFields(row, csv);
    const why = whyUnreadable(row, of, fields);
    if (why !== null || !Array.isArray(fields)) {
      bad.set(row, why ?? { reason: of.reason, detail: null });
      continue;
    }
    const { position: origin, object, line } = of;
    const replayed = { origin, version: row.version, object, line, header: quotedLine(row.columns), record: quotedLine(fields) };
    tried.push({ row, replayed });
  }
  const read = readReplayed(
    tried.map(({ replayed }) => replayed),
    plan,
  );
  for (const [place, why] of read.bad) bad.set((tried[place] as (typeof tried)[number]).row, why);
  return {
    good: tried.flatMap(({ row, replayed }) => (bad.has(row) ? [] : [replayed])),
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
