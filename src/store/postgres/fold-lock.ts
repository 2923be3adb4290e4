/**
 * How a fold keeps to the epoch without holding up commits.
 *
 * Commits begin by updating the pipeline's row, and wait for whoever has updated it. So a fold begins by reading that row,
 * writes the statistics, which no commit touches, and updates the row by its last statement, which leaves together with the
 * COMMIT. That update decides: it wants the epoch, and the watermark from which the fold counts. A takeover raises the epoch by an
 * update of the same row, hence comes before it (the fold is rolled back as a whole) or after its commit (and reads the new
 * watermark). Of two folds from one watermark, such as one whose answer was lost and its repetition, the second finds it moved.
 *
 * A fold that was paused, or whose client is gone without a word, may still hold locks of the statistics. So each holds an advisory
 * lock on its pipeline: folds take turns, and whoever takes over ends the one that has it, as its work is void.
 */
import type { Parameter, Statements } from './session.ts';

export interface FoldStep {
  readonly name: string;
  readonly epoch: number;
  /** The watermark, before and after. */
  readonly from: number;
  readonly to: number;
}

/** Of two integers: this one, and the table `pipeline` of the schema. */
const lockClass = 726_721_643;
const lockFold = `select pg_advisory_xact_lock(${lockClass}, 'pipeline'::regclass::oid::integer) as locked`;

const holdsFor = 'p.name = $1 and p.epoch = $2 and p.folded_sequence = $3 and p.last_sequence >= $4';
const selectHolds = `select count(*)::integer as holds from pipeline p where ${holdsFor}`;

/** No row: a division by zero, so that the COMMIT behind it is refused. */
const moveWatermark = `
with moved as (update pipeline p set folded_sequence = $4 where ${holdsFor} returning 1)
select 1 / count(*) as moved from moved`;
export const divisionByZero = '22012';

/** Ends a fold of this pipeline on another session, if `allowed`. */
const endFoldIf = (allowed: string): string => `
select pg_terminate_backend(l.pid) as ended
from pipeline p, pg_locks l join pg_stat_activity a on a.pid = l.pid
where p.name = $1 and ${allowed} and l.locktype = 'advisory' and l.classid = ${lockClass} and l.objid = 'pipeline'::regclass
  and l.objsubid = 2 and l.granted and l.pid <> pg_backend_pid() and pg_has_role(a.usesysid, 'USAGE')
  and l.database = (select d.oid from pg_database d where d.datname = current_database())`;

/** $1 name, $2 epoch: one of that epoch or older. */
export const endOwnFold = endFoldIf('p.epoch = $2');
/** $1 name. For whoever took the pipeline, in the transaction that took it: there is none of the new epoch yet. */
export const endOldFold = endFoldIf('p.holder_pid = pg_backend_pid()');
/** $1 name. */
export const endAnyFold = endFoldIf('true');

/** Waits for a fold before. False: another took over, or what is to be folded is folded, or not committed. */
export async function beginFold(statements: Statements, step: FoldStep): Promise<boolean> {
  // Two statements: what is read must be as of the lock.
  const locked = statements.query(lockFold);
  const read = statements.query<{ holds: number }>(selectHolds, parametersOf(step));
  await locked;
  return (await read)[0]?.holds === 1;
}

/** Together with the COMMIT. Fails by `divisionByZero` where `beginFold` would say no. */
export async function endFold(statements: Statements, step: FoldStep): Promise<void> {
  await statements.query(moveWatermark, parametersOf(step));
}

function parametersOf({ name, epoch, from, to }: FoldStep): Parameter[] {
  return [name, epoch, from, to];
}
