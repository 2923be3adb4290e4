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
import type { Row, Session } from './session.ts';

const firstPollMs = 200;
const longestPollMs = 2_000;
/** A holder that ends is no news. */
const tellAfterMs = 1_000;

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
select p.holder_pid as pid, to_char(p.holder_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as since,
  coalesce(a.application_name, '') as name, host(a.client_addr) as host,
  greatest(0, ceil(extract(epoch from p.lease_until - clock_timestamp())))::integer as left
from pipeline p left join pg_stat_activity a on a.pid = p.holder_pid where p.name = $1`;

/** The pipeline as it is under our new epoch. */
export async function claimPipeline(
  session: Session,
  name: string,
  where: string,
  own: Own,
  options: ClaimOptions,
): Promise<PipelineRecord> {
  const started = performance.now();
  let isTold = false;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, pollMs * 1.5)) {
    options.signal?.throwIfAborted();
    const record = await attempt(session, name, where, own);
    if (record === 'blocked') {
      await session.query(endHolder, [name]);
      await session.query(endAnyFold, [name]);
      continue;
    }
    if (record !== null) return record;
    const waited = performance.now() - started;
    const left = options.waitMs - waited;
    if (left <= 0)
      throw new TallyhoError('HELD', await describeHolder(session, name, where), {
        mend: 'Stop it, or wait until it ends: `tallyho run --wait`.',
      });
    if (!isTold && waited > tellAfterMs) {
      isTold = true;
      options.onHeld?.(await describeHolder(session, name, where));
    }
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

interface Holder extends Row {
  readonly pid: number | null;
  readonly since: string | null;
  readonly name: string;
  readonly host: string | null;
  readonly left: number | null;
}

/** As the server sees it; a backend of another role it shows in part. */
export async function describeHolder(session: Pick<Session, 'query'>, name: string, where: string): Promise<string> {
  const [holder] = await session.query<Holder>(selectHolder, [name]);
  const { pid = null, since = null, host = null, left = null } = holder ?? {};
  const about = [
    holder === undefined || holder.name === '' ? null : holder.name,
    host === null ? null : `from ${host}`,
    pid === null ? null : `server process ${pid}`,
    since === null ? null : `since ${since} UTC`,
    left === null ? null : `its lease has ${left} s left`,
  ].filter((part) => part !== null);
  return `Another detector holds the pipeline ${name} in PostgreSQL (${where})${about.length === 0 ? '' : `: ${about.join(', ')}`}.`;
}
