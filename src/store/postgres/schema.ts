/** Making the pipeline's schema and bringing it to this release's version; refusing what does not fit. */
import { TallyhoError } from '../../core/error.ts';
import { migrations, schemaVersion } from '../migrations/migrations.ts';
import { identifier } from './identifier.ts';
import { findMissingRight } from './rights.ts';
import type { Row, Session, Statements } from './session.ts';
import { unhurried } from './session-settings.ts';

/** The first question of every session. Its search path has the pipeline's schema alone. */
export const greeting = `
select current_setting('server_version_num')::int as server, getdatabaseencoding() as encoding,
  pg_is_in_recovery() as standby, pg_backend_pid() as pid, current_setting('search_path') as path, to_regclass('migration') is not null as migrated`;

export interface Greeting extends Row {
  readonly server: number;
  readonly encoding: string;
  /** It follows another, and takes no writes. */
  readonly standby: boolean;
  readonly pid: number;
  /** What we have set, unless somebody in between dropped it. */
  readonly path: string;
  readonly migrated: boolean;
}

const oldestServer = 14;

export function checkServer({ server, encoding }: Pick<Greeting, 'server' | 'encoding'>, where: string): void {
  if (server < oldestServer * 10_000)
    throw new TallyhoError(
      'STORE_UNSUITABLE',
      `PostgreSQL (${where}) has version ${Math.floor(server / 10_000)}; the oldest that works is ${oldestServer}.`,
      {
        mend: `Give a \`store\` of version ${oldestServer} or newer, or none: a private server comes along.`,
      },
    );
  if (encoding !== 'UTF8')
    throw new TallyhoError('STORE_UNSUITABLE', `The database (${where}) has the encoding ${encoding}; it must be UTF8.`, {
      mend: "Make one with `create database ... encoding 'UTF8' template template0`, and name it in `store`.",
    });
}

export const selectVersion = 'select max(version) as version from migration';

/** Refuses a schema that a newer release has written. An older one is the caller's to bring up, or to refuse. */
export function checkVersion(version: number, where: string): void {
  if (version > schemaVersion)
    throw new TallyhoError(
      'STORE_SCHEMA',
      `The schema in PostgreSQL (${where}) has version ${version}; this release knows ${schemaVersion}.`,
      {
        mend: 'Use the release that wrote it, or a newer one.',
      },
    );
}

const lockSchema = 'select pg_advisory_xact_lock(hashtextextended($1, 7267216432)) as locked';

/** Asked of the catalog itself: what the session knows by its search path may be older than the lock. */
const selectPresent = `
select n.oid is not null as schema, c.oid is not null as migrated
from (values ($1)) p (name) left join pg_namespace n on n.nspname = p.name
left join pg_class c on c.relnamespace = n.oid and c.relname = 'migration'`;
const selectForeign = `
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') limit 1`;
const createMigration = `
create table migration (
  version integer primary key,
  name text not null,
  at timestamptz not null default now()
);
comment on table migration is 'The steps by which this schema was made.'`;
const insertMigration = 'insert into migration (version, name) values ($1, $2)';
const insertPipeline = 'insert into pipeline (name) values ($1) on conflict (name) do nothing';

/** Makes what is missing, in one transaction under a lock, so that two starts at once do it once. */
export async function migrate(session: Session, pipeline: string, where: string): Promise<void> {
  // A schema that may not be used is left out of the search path: all would be made in that of temporary tables, and be gone.
  const missing = await findMissingRight(session, pipeline, 'write', where);
  if (missing !== null) throw missing;
  await session.transaction(`begin; ${unhurried}`, `prepare the schema ${pipeline}`, async (statements) => {
    const version = (await beginSchema(statements, pipeline, where)) ?? 0;
    checkVersion(version, where);
    for (const { text, parameters } of stepsOf(version, schemaVersion)) await statements.query(text, parameters);
    await statements.query(insertPipeline, [pipeline]);
  });
}

/** Holds other starts up, and makes the schema if there is none; the version of what is in it, or null where nothing is. */
export async function beginSchema(statements: Statements, pipeline: string, where: string): Promise<number | null> {
  await statements.query(lockSchema, [pipeline]);
  return await presentVersion(statements, pipeline, where);
}

/** From one version of the schema to another, 0 being none. */
export function stepsOf(from: number, to: number): { readonly text: string; readonly parameters: readonly (string | number)[] }[] {
  const steps = migrations.slice(from, to).flatMap(({ version, name, sql }) => [
    { text: insertMigration, parameters: [version, name] },
    { text: sql, parameters: [] },
  ]);
  return from === 0 ? [{ text: createMigration, parameters: [] }, ...steps] : steps;
}

/** null where there is only a schema, made now if it was missing. */
async function presentVersion(statements: Statements, pipeline: string, where: string): Promise<number | null> {
  const [present] = await statements.query<{ schema: boolean; migrated: boolean }>(selectPresent, [pipeline]);
  if (present?.schema !== true) {
    // Not `if not exists`: it wants the right to create schemas even where there is nothing to create.
    await statements.query(`create schema ${identifier(pipeline)}`);
    return null;
  }
  if (present.migrated) {
    const [row] = await statements.query<{ version: number | null }>(selectVersion);
    return row?.version ?? 0;
  }
  const [foreign] = await statements.query<{ name: string }>(selectForeign, [pipeline]);
  if (foreign !== undefined)
    throw new TallyhoError('STORE_SCHEMA', `The schema ${pipeline} in PostgreSQL (${where}) is not ours: it holds ${foreign.name}.`, {
      mend: 'Give another name in `pipeline`.',
    });
  return null;
}
