/**
 * Taking the right to write (PROTOCOL.md 3.2): the epoch is raised, and with it every commit of an older one is refused.
 *
 * The row is taken at once if nobody holds it, if the holder's backend is gone, or if it is our own from before a lost
 * connection, or from a claim whose answer was lost; else when its lease has run out. Conditions are seen twice: before the row is locked (a live holder is
 * never waited for) and after. A holder that is paused inside of a transaction keeps the row locked: its backend is ended. Its
 * fold is void, and is ended in any case, because the tables may be locked by it.
 * Time is the database's alone, and safety does not rest on it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import type { ClaimOptions } from '../store.ts';
import { endAnyFold, endOldFold } from './fold-lock.ts';
import { leaseSeconds } from './lease.ts';
import { lockTimeout, sqlState } from './failure.ts';
import { type PipelineRecord, selectPipeline } from './pipeline-row.ts';
import { checkVersion, selectVersion } from './schema.ts';
import type { Session } from './session.ts';

const pollMs = 200;

/** What `becomeWriter` tells: which process of the server serves the session. */
export interface Backend extends Record<string, unknown> {
  readonly pid: number;
  readonly start: string | null;
}

/** What is ours, though the server may still show it as a live holder: a writer whose connection was lost, a claim whose answer was. */
export interface Own {
  readonly epoch: number | null;
  readonly backend: Backend | null;
}

const waitBriefly = `set local lock_timeout = '1s'`;

/** $1 name, $2 seconds, $3 the epoch of our own lost writer or null, $4 and $5 the server's process of our own lost claim or null. */
const takeOver = `
update pipeline p set epoch = p.epoch + 1, holder_pid = pg_backend_pid(),
  holder_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
  lease_until = clock_timestamp() + make_interval(secs => $2)
where p.name = $1 and (p.holder_pid is null or p.lease_until < clock_timestamp() or p.epoch = $3
  or (p.holder_pid = $4 and p.holder_start = $5::text::timestamptz) or not exists (
  select from pg_stat_activity a where a.pid = p.holder_pid and (a.backend_start is null or a.backend_start = p.holder_start)
))
returning p.epoch`;

const endHolder = `
select pg_terminate_backend(a.pid) as ended from pipeline p join pg_stat_activity a on a.pid = p.holder_pid and a.backend_start = p.holder_start
where p.name = $1 and a.pid <> pg_backend_pid()`;

const selectHolder = `
select p.holder_pid as pid, coalesce(a.application_name, '') as name, coalesce(host(a.client_addr), 'this machine') as host, p.lease_until
from pipeline p left join pg_stat_activity a on a.pid = p.holder_pid where p.name = $1`;

/** The pipeline as it is under our new epoch. */
export async function claimPipeline(
  session: Session,
  name: string,
  where: string,
  own: Own,
  options: ClaimOptions,
): Promise<PipelineRecord> {
  const until = performance.now() + options.waitMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const record = await attempt(session, name, where, own);
    if (record === 'blocked') {
      await session.query(endHolder, [name]);
      await session.query(endAnyFold, [name]);
      continue;
    }
    if (record !== null) return record;
    const left = until - performance.now();
    if (left <= 0) throw await held(session, name, where);
    await sleep(Math.min(pollMs, left), undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

async function attempt(session: Session, name: string, where: string, own: Own): Promise<PipelineRecord | 'blocked' | null> {
  try {
    return await session.transaction('begin', 'take the pipeline', async (statements) => {
      const version = statements.query<{ version: number }>(selectVersion);
      void statements.query(waitBriefly);
      const taken = statements.query(takeOver, [name, leaseSeconds, own.epoch, own.backend?.pid ?? null, own.backend?.start ?? null]);
      void statements.query(endOldFold, [name]);
      const record = statements.query<PipelineRecord>(selectPipeline);
      checkVersion((await version)[0]?.version ?? 0, where);
      if ((await taken).length === 0) return null;
      return (await record)[0] ?? null;
    });
  } catch (error) {
    if (error instanceof TallyhoError && sqlState(error.cause) === lockTimeout) return 'blocked';
    throw error;
  }
}

async function held(session: Session, name: string, where: string): Promise<TallyhoError> {
  const [holder] = await session.query<{ pid: number; name: string; host: string; lease_until: Date }>(selectHolder, [name]);
  const who =
    holder === undefined ? '' : ` (server process ${holder.pid}, ${holder.name === '' ? 'unnamed' : holder.name}, from ${holder.host})`;
  return new TallyhoError('HELD', `Another detector${who} holds the pipeline ${name} in PostgreSQL (${where}).`, {
    mend: 'Stop it, or wait until it ends.',
  });
}
