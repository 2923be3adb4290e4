/**
 * Who holds the pipeline: the detector as it has said of itself when it claimed, and its session as the server sees it. One of an
 * older release has said nothing, and of another role's session a server shows a part.
 */
import { hostname } from 'node:os';
import type { Holder } from '../store.ts';
import type { Row, Statements } from './session.ts';

/** What this process says of itself in a claim. */
export function ownPlace(): { readonly host: string; readonly process: number } {
  return { host: hostname(), process: process.pid };
}

/** Of `pipeline p`: its lease runs, and the server has its session. */
export const isHeld = `(p.lease_until > clock_timestamp() and exists (
    select from pg_stat_activity a where a.pid = p.holder_pid and (a.backend_start is null or a.backend_start = p.holder_start)
  ))`;

/** By the row as JSON, because a schema of an older release lacks columns. $1 name. */
const selectHolder = `
select ${isHeld} as held, p.holder_pid as pid, coalesce(a.application_name, '') as name, host(a.client_addr) as address,
  j ->> 'holder_host' as host, (j ->> 'holder_process')::double precision as process,
  coalesce((j ->> 'held_since')::timestamptz, p.holder_start) as since,
  floor(extract(epoch from clock_timestamp() - (j ->> 'renewed_at')::timestamptz))::double precision as renewed,
  ceil(extract(epoch from p.lease_until - clock_timestamp()))::double precision as left
from pipeline p cross join to_jsonb(p) j left join pg_stat_activity a on a.pid = p.holder_pid where p.name = $1`;

interface HolderRow extends Row {
  readonly held: boolean | null;
  readonly pid: number | null;
  readonly name: string;
  readonly address: string | null;
  readonly host: string | null;
  readonly process: number | null;
  readonly since: Date | null;
  readonly renewed: number | null;
  readonly left: number | null;
}

async function read(statements: Pick<Statements, 'query'>, name: string): Promise<HolderRow | null> {
  return (await statements.query<HolderRow>(selectHolder, [name]))[0] ?? null;
}

export async function readHolder(statements: Pick<Statements, 'query'>, name: string): Promise<Holder | null> {
  const found = await read(statements, name);
  if (found === null || found.held !== true) return null;
  const { host, process, since, renewed } = found;
  return host === null || process === null || since === null || renewed === null
    ? null
    : { host, process, since, renewedSecondsAgo: Math.max(0, renewed) };
}

/** Whether there is a live one; asked of a schema of any release. */
export async function hasHolder(statements: Pick<Statements, 'query'>, name: string): Promise<boolean> {
  return (await read(statements, name))?.held === true;
}

/** As a sentence. No secrets. */
export async function describeHolder(statements: Pick<Statements, 'query'>, name: string, where: string): Promise<string> {
  const about = await read(statements, name);
  return `Another detector holds the pipeline ${name} in PostgreSQL (${where})${about === null ? '' : inWords(about)}.`;
}

function inWords({ pid, name, address, host, process, since, renewed, left }: HolderRow): string {
  const said = (parts: readonly (string | null)[]): string => parts.filter((part) => part !== null).join(', ');
  const session = said([
    name === '' ? null : name,
    address === null ? null : `from ${address}`,
    pid === null ? null : `server process ${pid}`,
  ]);
  const all = said([
    host === null ? (session === '' ? null : session) : `process ${process} on ${host}${session === '' ? '' : ` (${session})`}`,
    since === null ? null : `since ${since.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    renewed === null ? null : `renewed ${Math.max(0, renewed)} s ago`,
    left === null ? null : `its lease has ${Math.max(0, left)} s left`,
  ]);
  return all === '' ? '' : `: ${all}`;
}
