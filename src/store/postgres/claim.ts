/**
 * Taking the right to write (PROTOCOL.md 3.2): the epoch is raised, and with it every commit of an older one is refused.
 *
 * The row is taken at once if nobody holds it, if the holder's backend is gone, or if it is our own from before a lost
 * connection, or from a claim whose answer was lost; else when its lease has run out. Conditions are seen twice: before the row is locked (a live holder is
 * never waited for) and after. A holder that is paused inside of a transaction keeps the row locked: its backend is ended. Its
 * fold is void, and is ended in any case, because the tables may be locked by it.
 * Time is the database's alone, and safety does not rest on it. A schema of an older release is brought up once nobody holds it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import { schemaVersion } from '../migrations/migrations.ts';
import type { ClaimOptions } from '../store.ts';
import { endAnyFold, endOldFold } from './fold-lock.ts';
import { lockTimeout, sqlState } from './failure.ts';
import { describeHolder, hasHolder, ownPlace } from './holder.ts';
import { leaseSeconds } from './lease.ts';
import { type PipelineRecord, selectPipeline } from './pipeline-row.ts';
import { checkVersion, migrate, selectVersion } from './schema.ts';
import type { Session } from './session.ts';

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

/** $1 name, $2 seconds, $3 the epoch of our own lost writer or null, $4 and $5 the server's process of our own lost claim or null, $6 and $7 our machine and process. */
const takeOver = `
update pipeline p set epoch = p.epoch + 1, holder_pid = pg_backend_pid(),
  holder_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
  lease_until = clock_timestamp() + make_interval(secs => $2), renewed_at = clock_timestamp(), held_since = clock_timestamp(),
  holder_host = $6, holder_process = $7
where p.name = $1 and (p.holder_pid is null or p.lease_until < clock_timestamp() or p.epoch = $3
  or (p.holder_pid = $4 and p.holder_start = $5::text::timestamptz) or not exists (
  select from pg_stat_activity a where a.pid = p.holder_pid and (a.backend_start is null or a.backend_start = p.holder_start)
))
returning p.epoch`;

const endHolder = `
select pg_terminate_backend(a.pid) as ended from pipeline p join pg_stat_activity a on a.pid = p.holder_pid and a.backend_start = p.holder_start
where p.name = $1 and a.pid <> pg_backend_pid()`;

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
    if (record === 'older' && !(await hasHolder(session, name))) {
      await migrate(session, name, where);
      continue;
    }
    if (record !== null && record !== 'older') return record;
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

async function attempt(session: Session, name: string, where: string, own: Own): Promise<PipelineRecord | 'blocked' | 'older' | null> {
  const { host, process } = ownPlace();
  let isOlder = false;
  try {
    return await session.transaction('begin', 'take the pipeline', async (statements) => {
      const version = statements.query<{ version: number }>(selectVersion);
      void statements.query(waitBriefly);
      const ours = [own.epoch, own.backend?.pid ?? null, own.backend?.start ?? null];
      const taken = statements.query(takeOver, [name, leaseSeconds, ...ours, host, process]);
      void statements.query(endOldFold, [name]);
      const record = statements.query<PipelineRecord>(selectPipeline);
      const found = (await version)[0]?.version ?? 0;
      checkVersion(found, where);
      isOlder = found < schemaVersion;
      // Such a schema knows not all of what was sent.
      if (isOlder) throw new TallyhoError('STORE_SCHEMA', `The schema in PostgreSQL (${where}) has version ${found}.`);
      if ((await taken).length === 0) return null;
      return (await record)[0] ?? null;
    });
  } catch (error) {
    if (isOlder) return 'older';
    if (error instanceof TallyhoError && sqlState(error.cause) === lockTimeout) return 'blocked';
    throw error;
  }
}
