/**
 * Mended rows, applied exactly once (PROTOCOL.md 1.5): one ledger entry of kind `replay` for a file.
 *
 * Those that name an open row and are good now are the entry, those that are not stay quarantined under their chunk. All is looked up and
 * committed under one lease, in one commit, and the schema lets each row be resolved once: killed at any moment, all of the file
 * is applied or nothing, and the same file once more finds nothing open.
 *
 * Rows read = applied + quarantined: those that name an open row. Without any that is good there is no entry.
 */
import { createHash } from 'node:crypto';
import type { InboxAnswer, ReplayedRow } from '../store/store.ts';
import type { Decided } from './decide.ts';
import { type Candidate, readCandidates, type ReplayFile, type ReplaySummary } from './mended-rows.ts';
import type { PipelineOptions } from './options.ts';
import type { Session } from './session.ts';

export type Applied = Pick<ReplaySummary, 'sequence' | 'applied' | 'detections' | 'stillBad'>;

export type ReadRows = ReturnType<typeof readCandidates>;

export function readRows(session: Session, { input }: Pick<PipelineOptions, 'input'>, candidates: readonly Candidate[]): ReadRows {
  return readCandidates(candidates, input.csv, session.readPlan);
}

/**
 * Evaluates them, and hands the entry to the committer; null where none is good. From here on memory is ahead of the database.
 * `answer`: what a request is told, in the same commit.
 */
export async function commitReplay(
  session: Session,
  file: ReplayFile,
  { good, behind, stillBad, delta }: ReadRows,
  answer: (applied: Applied) => InboxAnswer | null,
): Promise<Applied | null> {
  if (good.length === 0) return null;
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
  const applied = { sequence: entry.line.sequence, applied: good.length, detections: entry.line.detections, stillBad };
  const fulfils = answer(applied);
  await session.commit({ ...entry, replayed: good, behind, ...(fulfils === null ? {} : { fulfils }) }, []);
  return applied;
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
