/**
 * Mended rows, applied exactly once (PROTOCOL.md 1.5): one ledger entry of kind `replay` for a file.
 *
 * A row of the file names a quarantined row by object, content id and line, or has no effect. What names one that is open is read by
 * the reader that read the chunk; those that are good now are the entry, those that are not stay quarantined under their chunk. All is
 * looked up and committed under one lease, in one commit, and the schema lets each row be resolved once: killed at any moment,
 * all of the file is applied or nothing, and the same file once more finds nothing open.
 *
 * Rows read = applied + quarantined: those that name an open row. Without any that is good there is no entry.
 */
import { createHash } from 'node:crypto';
import { TallyhoError } from '../core/error.ts';
import { mendedFields, type MendedRow, parseMended, quotedLine } from '../export/mended-file.ts';
import { rawText } from '../export/quarantine-file.ts';
import type { ReadPlan } from '../engine/engine.ts';
import { keptRows } from '../reader/rejected.ts';
import type { QuarantinedRow, ReplayedRow, Store, Writer } from '../store/store.ts';
import type { Decided } from './decide.ts';
import type { PipelineOptions } from './options.ts';
import { publishAll } from './publish-all.ts';
import { type BadRow, readReplayed } from './read-replayed.ts';
import { openSession, type Session } from './session.ts';
import { makeTally } from './summary.ts';

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
}

/** A quarantined row that the file names. */
interface NamedRow extends Pick<QuarantinedRow, 'position' | 'kind' | 'key' | 'object' | 'line' | 'reason' | 'inForce' | 'resolvedBy'> {
  /** What the export shows of one that is not kept as a whole. */
  readonly cutText: string | null;
}

/** A row that names an open one. */
interface Candidate {
  readonly row: MendedRow;
  readonly of: NamedRow;
}

export async function replayRejected(options: PipelineOptions, file: ReplayFile, signal: AbortSignal): Promise<ReplaySummary> {
  const rows = parseMended(file.bytes);
  if (rows.length > keptRows)
    throw new TallyhoError('USAGE', `${file.name} has ${rows.length} rows; one replay takes at most ${keptRows}.`, {
      mend: 'Split the file, and replay each part.',
    });
  const onHeld = (by: string): void => options.on({ kind: 'held', by });
  const onLeaseTrouble = (why: string): void => options.on({ kind: 'lease-trouble', why });
  const writer = await options.store.claim({ waitMs: options.claimWaitMs, signal, onHeld, onLeaseTrouble });
  try {
    const { candidates, withoutEffect, before } = await findCandidates(options.store, rows);
    const named = { before, withoutEffect };
    if (candidates.length > 0) return { ...named, ...(await apply(options, writer, file, candidates, signal)) };
    // A replay that was killed behind its commit may have left this to do.
    await publishAll(options, writer, signal);
    return { ...named, sequence: null, applied: 0, detections: 0, stillBad: [] };
  } finally {
    await writer.release().catch(() => undefined);
  }
}

async function findCandidates(
  store: Store,
  rows: readonly MendedRow[],
): Promise<{ readonly candidates: readonly Candidate[]; readonly withoutEffect: readonly ToldRow[]; readonly before: number }> {
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
    else if (of === undefined) withoutEffect.push(told(row, 'unknown_row', 'there is no such quarantined row'));
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

type Applied = Pick<ReplaySummary, 'sequence' | 'applied' | 'detections' | 'stillBad'>;

async function apply(
  options: PipelineOptions,
  writer: Writer,
  file: ReplayFile,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Applied> {
  const session = await openSession({
    options,
    writer,
    startTime: options.clock(),
    tally: makeTally(),
    groupSize: () => 1,
    uncommittable: new Map(),
    onCommitted: () => undefined,
    onPut: () => undefined,
    onMarked: () => undefined,
    onUnknown: () => undefined,
    signal,
  });
  try {
    const applied = await commitReplay(session, options, file, candidates, signal);
    await session.committer.flush();
    await session.folding.finish();
    await session.publisher.drain();
    return applied;
  } finally {
    await session.close();
  }
}

async function commitReplay(
  session: Session,
  options: PipelineOptions,
  file: ReplayFile,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Applied> {
  const { good, stillBad, delta } = readCandidates(candidates, options, session.readPlan);
  if (good.length === 0) return { sequence: null, applied: 0, detections: 0, stillBad };
  signal.throwIfAborted();
  const contentId = createHash('sha256').update(file.bytes).digest('hex');
  const subject = {
    kind: 'replay' as const,
    key: file.name,
    folder: false,
    version: contentId,
    contentId,
    bytes: file.bytes.length,
    replaces: null,
  };
  const entry = session.entries.chunk(subject, decideReplay(good, stillBad.length), delta, []);
  await session.commit({ ...entry, replayed: good }, []);
  return { sequence: entry.line.sequence, applied: good.length, detections: entry.line.detections, stillBad };
}

function decideReplay(good: readonly ReplayedRow[], bad: number): Decided {
  const objects = [...new Set(good.map(({ object }) => object))];
  const some = objects.slice(0, 5).join(', ') + (objects.length > 5 ? ` and ${objects.length - 5} more` : '');
  const rows = good.length === 1 ? '1 mended row' : `${good.length} mended rows`;
  const rest = bad === 0 ? '' : ` ${bad} of the file ${bad === 1 ? 'is' : 'are'} still bad.`;
  return {
    kind: 'line',
    outcome: 'applied',
    reason: null,
    detail: `${rows} of ${some}.${rest}`,
    rows: good.length + bad,
    applied: good.length,
    quarantined: bad,
    notCounted: 0,
  };
}

function readCandidates(
  candidates: readonly Candidate[],
  { input }: PipelineOptions,
  plan: ReadPlan,
): {
  readonly good: readonly ReplayedRow[];
  readonly stillBad: readonly ToldRow[];
  readonly delta: ReturnType<typeof readReplayed>['delta'];
} {
  const bad = new Map<MendedRow, BadRow>();
  const tried: { readonly row: MendedRow; readonly replayed: ReplayedRow }[] = [];
  for (const { row, of } of candidates) {
    const fields = mendedFields(row, input.csv);
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
