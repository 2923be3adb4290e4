/**
 * What each session sets for itself, whatever its role or its database have set: how values are written, how long it may be held
 * up, and who it is in `pg_stat_activity`.
 *
 * Times follow from the lease (PROTOCOL.md 3.2): a writer that is held up is rid of its transaction, and an end of the
 * connection is noticed, before the lease is over. What may rightly take long (load, fold, rebuild, migrations) lifts the limit
 * for its own transaction (`unhurried`).
 */
import type { Reach, Target } from './address.ts';
import { leaseSeconds } from './lease.ts';
import { identifier } from './identifier.ts';

/** What a session is for; the last word of its `application_name`. */
export type Role = 'writer' | 'fold' | 'lease' | 'reader' | 'probe';

const longestName = 63;

const ours = {
  DateStyle: 'ISO',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed',
  jit: 'off',
} as const;

/** Of readers: a wait for `rebuild`, an analysis over a large ledger, a page that somebody looks at. */
const readerTimes = {
  statement_timeout: '10min',
  lock_timeout: '2min',
  idle_in_transaction_session_timeout: '1h',
} as const;

/** A statement of a commit takes milliseconds; one that runs for minutes, or waits for a lock longer than the lease, is stuck. */
function writerTimes(): Record<string, string> {
  return {
    statement_timeout: '5min',
    lock_timeout: `${part(2 / 3)}ms`,
    idle_in_transaction_session_timeout: `${part(2 / 3)}ms`,
    tcp_user_timeout: `${part(2 / 3)}ms`,
  };
}

function part(of: number): number {
  return Math.round(leaseSeconds * 1000 * of);
}

/** Of a transaction whose statements may rightly take long. Nobody is held up by it, or all know. */
export const unhurried = `set local statement_timeout = 0; set local lock_timeout = '10min'`;

/** Sent with the connection; all of it holds for readers. */
export function startSettings(pipeline: string, role: Role, readOnly: boolean): Record<string, string> {
  return {
    application_name: applicationName(pipeline, role),
    search_path: `${identifier(pipeline)}, pg_temp`,
    ...ours,
    ...readerTimes,
    ...(readOnly ? { default_transaction_read_only: 'on' } : {}),
  };
}

/** In ASCII, as the server keeps it. The pipeline's name is what is cut where all is too long. */
export function applicationName(pipeline: string, role: Role): string {
  const room = longestName - `tallyho  ${role}`.length;
  return `tallyho ${pipeline.replaceAll(/[^\x20-\x7e]/gu, '?').slice(0, room)} ${role}`;
}

/**
 * Makes a session that of a writer, and tells which process of the server serves it. What exists only on some platforms is set
 * only there. A name that the URL gives stays.
 */
export function becomeWriter(
  pipeline: string,
  role: Role,
  { applicationName: given }: Pick<Reach, 'applicationName'>,
): {
  readonly text: string;
  readonly parameters: readonly string[];
} {
  const times = {
    ...writerTimes(),
    idle_session_timeout: '0',
    ...(given === null ? { application_name: applicationName(pipeline, role) } : {}),
  };
  const sets = Object.keys(times).map((name, i) => `set_config('${name}', $${i + 1}, false)`);
  return {
    text: `
select ${sets.join(', ')},
  set_config('synchronous_commit', case when current_setting('synchronous_commit') = 'off' then 'on' else current_setting('synchronous_commit') end, false),
  case when version() like '%linux%' then set_config('client_connection_check_interval', '${part(1 / 6)}ms', false) end as checked,
  pg_backend_pid() as pid, (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as start`,
    parameters: Object.values(times),
  };
}

/** A detector among several hosts looks for the one that can be written. */
export function targetOf({ endpoints, target }: Reach, readOnly: boolean): Target {
  return target ?? (endpoints.length > 1 && !readOnly ? 'read-write' : 'any');
}
