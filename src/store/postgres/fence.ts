/**
 * The first statement of every transaction that changes state (PROTOCOL.md 3.1): one row, or another writer took over. Then it
 * fails on the server, so that nothing that leaves behind it takes place, COMMIT included. The fold alone has it last
 * (fold-lock.ts).
 */
import { TallyhoError } from '../../core/error.ts';
import { leaseSeconds } from './lease.ts';
import { exactly, orRefused } from './sending.ts';
import type { Rows, Statements } from './session.ts';

/** $1 name, $2 epoch, $3 from, $4 to, $5 the latest detection time, $6 lease in seconds. */
export const fenceCommit = exactly(
  '1',
  `
update pipeline set last_sequence = $4, lease_until = clock_timestamp() + make_interval(secs => $6), renewed_at = clock_timestamp(),
  last_detection_time = greatest(last_detection_time, $5)
where name = $1 and epoch = $2 and last_sequence = $3`,
);

/** $1 name, $2 epoch, $3 lease in seconds. Also renews the lease, by itself. */
export const fenceOther = exactly(
  '1',
  `
update pipeline set lease_until = clock_timestamp() + make_interval(secs => $3), renewed_at = clock_timestamp()
where name = $1 and epoch = $2`,
);

/** $1 name, $2 epoch, $3 lease in seconds. No row: it is another's, or nobody's. What was granted for longer stays. */
export const renewLease = `
update pipeline set lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => $3)), renewed_at = clock_timestamp()
where name = $1 and epoch = $2 and holder_pid is not null`;

/** Nobody holds it. */
export const noHolder = `holder_pid = null, holder_start = null, lease_until = null,
  holder_host = null, holder_process = null, held_since = null, renewed_at = null`;

/** $1 name, $2 epoch. */
export const fenceRelease = `
update pipeline set ${noHolder} where name = $1 and epoch = $2`;

export interface Holding {
  readonly name: string;
  readonly epoch: number;
}

export function sendFence(statements: Pick<Statements, 'query'>, { name, epoch }: Holding): Promise<Rows> {
  return statements.query(fenceOther, [name, epoch, leaseSeconds]);
}

/** Looks at the fence before anything else that the transaction answers: behind a lost fence other errors mean nothing. */
export async function passFence(fence: Promise<Rows>, { name, epoch }: Holding): Promise<void> {
  await orRefused(fence, () => {
    throw fenced(name, epoch);
  });
}

export function fenced(name: string, epoch: number): TallyhoError {
  return new TallyhoError(
    'FENCED',
    `Another detector took over the pipeline ${name} (this one held epoch ${epoch}). Nothing of its commit took place.`,
    {
      mend: 'Let the other one run, or stop it and start this one again.',
    },
  );
}
