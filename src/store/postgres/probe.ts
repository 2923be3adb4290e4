/**
 * What a detector would meet in a PostgreSQL, found out without changing anything: all questions are asked in transactions that
 * only read. For `tallyho doctor`.
 */
import { schemaVersion } from '../migrations/migrations.ts';
import { type Address, describeAddress } from './address.ts';
import { storeError } from './failure.ts';
import { checkPipelineName } from './identifier.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';

export interface DatabaseProbe {
  readonly where: string;
  /** As `18.4`. */
  readonly version: string;
  readonly user: string;
  /** By how many ms the database's clock is ahead of this machine's. */
  readonly aheadMs: number;
  /** A copy that follows another server, and takes no writes. */
  readonly isStandby: boolean;
  /** Transactions may not write unless they ask for it (`default_transaction_read_only`, set for server, database, role or URL). */
  readonly isReadOnly: boolean;
  /** Several sessions are served by one connection in turn, transaction by transaction. */
  readonly isPooled: boolean;
  readonly schema: SchemaProbe;
}

export type SchemaProbe =
  | { readonly kind: 'missing'; readonly mayCreate: boolean }
  /** There, and nothing of ours in it. */
  | { readonly kind: 'empty'; readonly mayCreate: boolean }
  | { readonly kind: 'foreign'; readonly holds: string }
  | {
      readonly kind: 'ours';
      readonly version: number;
      readonly known: number;
      /** What this user may not do, as `insert on chunk`. */
      readonly denied: readonly string[];
      /** Tables that belong to somebody else: a migration cannot change them. */
      readonly notOwned: readonly string[];
    };

/** STORE_UNREACHABLE, STORE_UNSUITABLE. */
export async function probeDatabase(connection: Address, pipeline: string, signal: AbortSignal): Promise<DatabaseProbe> {
  checkPipelineName(pipeline);
  const where = describeAddress(connection);
  const sessions = new Sessions(connection, pipeline, where, false);
  const end = (): void => void sessions.close().catch(() => {});
  signal.addEventListener('abort', end);
  try {
    const { session } = await sessions.open();
    sessions.keep(session);
    const asked = Date.now();
    const [about] = await read<About>(session, selectAbout);
    const answered = Date.now();
    if (about === undefined) throw new Error('the server says nothing of itself');
    const { session: other } = await sessions.open();
    sessions.keep(other);
    return {
      where,
      version: about.version,
      user: about.user,
      aheadMs: about.now - (asked + answered) / 2,
      isStandby: about.standby,
      isReadOnly: about.readonly,
      isPooled: await isPooled(session, other),
      schema: await probeSchema(session, pipeline),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw storeError(error, 'look at the database', where);
  } finally {
    signal.removeEventListener('abort', end);
    await sessions.close();
  }
}

async function read<R extends Record<string, unknown>>(
  session: Session,
  text: string,
  parameters: readonly string[] = [],
): Promise<readonly R[]> {
  return await session.transaction('begin read only', 'look at the database', (statements) => statements.query<R>(text, parameters));
}

interface About extends Record<string, unknown> {
  readonly version: string;
  readonly user: string;
  readonly standby: boolean;
  readonly readonly: boolean;
  readonly now: number;
}

const selectAbout = `
select current_setting('server_version') as version, current_user::text as user, pg_is_in_recovery() as standby,
  current_setting('default_transaction_read_only')::boolean as readonly,
  (extract(epoch from clock_timestamp()) * 1000)::double precision as now`;

/**
 * While one session is inside of a transaction, a pooler gives the other another connection of the server, or the same before and
 * after: so two sessions with one backend at any time, or one session with two of them, are pooled.
 */
async function isPooled(one: Session, other: Session): Promise<boolean> {
  const backend = async (session: Session): Promise<number> => (await session.query<{ pid: number }>(selectBackend))[0]?.pid ?? 0;
  const before = await backend(one);
  const [of, meanwhile] = await other.transaction('begin read only', 'look at the connections', async (statements) => {
    const [row] = await statements.query<{ pid: number }>(selectBackend);
    return [row?.pid ?? 0, await backend(one)];
  });
  return before === of || before !== meanwhile || of !== (await backend(other));
}

const selectBackend = 'select pg_backend_pid() as pid';

async function probeSchema(session: Session, pipeline: string): Promise<SchemaProbe> {
  const [found] = await read<{
    schema: boolean;
    migrated: boolean;
    create_schema: boolean;
    create_in: boolean | null;
    holds: string | null;
  }>(session, selectSchema, [pipeline]);
  if (found?.schema !== true) return { kind: 'missing', mayCreate: found?.create_schema === true };
  if (!found.migrated && found.holds !== null) return { kind: 'foreign', holds: found.holds };
  if (!found.migrated) return { kind: 'empty', mayCreate: found.create_in === true };
  const denied = await read<{ what: string }>(session, selectDenied, [pipeline]);
  const notOwned = await read<{ name: string }>(session, selectNotOwned, [pipeline]);
  // Asked only where it may be read, since the answer to the rest stands without.
  const [row] = denied.some(({ what }) => /^(usage|select on migration)/.test(what))
    ? []
    : await read<{ version: number | null }>(session, 'select max(version) as version from migration');
  return {
    kind: 'ours',
    version: row?.version ?? 0,
    known: schemaVersion,
    denied: denied.map(({ what }) => what),
    notOwned: notOwned.map(({ name }) => name),
  };
}

const selectSchema = `
select n.oid is not null as schema, has_database_privilege(current_database(), 'create') as create_schema,
  has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage') as create_in,
  exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'migration') as migrated,
  (select c.relname from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') limit 1) as holds
from (values ($1)) p (name) left join pg_namespace n on n.nspname = p.name`;

const selectDenied = `
select what from (
  select r as what from pg_namespace n, unnest(array['usage', 'create']) r where n.nspname = $1 and not has_schema_privilege(n.oid, r)
  union all
  select r || ' on ' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(array['select', 'insert', 'update', 'delete']) r
  where n.nspname = $1 and c.relkind = 'r' and not has_table_privilege(c.oid, r)
) d order by what`;

const selectNotOwned = `
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind = 'r' and not pg_has_role(c.relowner, 'usage') order by c.relname limit 20`;
