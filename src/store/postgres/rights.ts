/**
 * Which right a role lacks, in words and as the GRANT that mends it. PostgreSQL names the object that it refuses, not what would
 * have to be granted; and a schema that may not be used it treats as if it were not there.
 */
import { TallyhoError } from '../../core/error.ts';
import { insufficientPrivilege, sqlState, undefinedTable } from './failure.ts';
import { identifier } from './identifier.ts';
import type { Row, Session } from './session.ts';

const selectRights = `
select current_user::text as role, current_database()::text as database, n.oid is not null as there,
  has_database_privilege(current_database(), 'CREATE') as may_make,
  coalesce(has_schema_privilege(n.oid, 'USAGE'), false) as may_use, coalesce(has_schema_privilege(n.oid, 'CREATE'), false) as may_create,
  (select min(c.relname) from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'v') and not has_table_privilege(c.oid, 'SELECT')) as unreadable,
  (select min(c.relname) from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'v') and not pg_has_role(c.relowner, 'USAGE')) as of_others
from (values ($1::text)) p (name) left join pg_namespace n on n.nspname = p.name`;

interface Rights extends Row {
  readonly role: string;
  readonly database: string;
  readonly there: boolean;
  readonly may_make: boolean;
  readonly may_use: boolean;
  readonly may_create: boolean;
  readonly unreadable: string | null;
  readonly of_others: string | null;
}

export type Purpose = 'read' | 'write';

/** Null where the rights are enough. STORE_DENIED names the first that is missing. */
export async function findMissingRight(session: Session, pipeline: string, purpose: Purpose, where: string): Promise<TallyhoError | null> {
  const [rights] = await session.query<Rights>(selectRights, [pipeline]);
  const missing = rights === undefined ? null : missingOf(rights, identifier(pipeline), purpose);
  if (rights === undefined || missing === null) return null;
  return new TallyhoError('STORE_DENIED', `The role ${rights.role} lacks ${missing.what} in PostgreSQL (${where}).`, {
    mend: `${missing.mend};`,
  });
}

/** A failure for want of a right, with its name; any other as it is. */
export async function nameMissingRight(
  error: unknown,
  session: Session,
  pipeline: string,
  purpose: Purpose,
  where: string,
): Promise<unknown> {
  const state = error instanceof TallyhoError ? sqlState(error.cause) : sqlState(error);
  if ((state !== insufficientPrivilege && state !== undefinedTable) || session.ended !== null) return error;
  try {
    return (await findMissingRight(session, pipeline, purpose, where)) ?? error;
  } catch {
    return error;
  }
}

function missingOf(rights: Rights, schema: string, purpose: Purpose): { readonly what: string; readonly mend: string } | null {
  const role = identifier(rights.role);
  if (!rights.there) {
    if (purpose === 'read' || rights.may_make) return null;
    return {
      what: `CREATE on the database ${rights.database}, and there is no schema ${schema}`,
      mend: `create schema ${schema}; grant usage, create on schema ${schema} to ${role}`,
    };
  }
  if (!rights.may_use) return { what: `USAGE on the schema ${schema}`, mend: `grant usage on schema ${schema} to ${role}` };
  if (purpose === 'read') {
    if (rights.unreadable === null) return null;
    return { what: `SELECT on ${schema}.${rights.unreadable}`, mend: `grant select on all tables in schema ${schema} to ${role}` };
  }
  if (!rights.may_create) return { what: `CREATE on the schema ${schema}`, mend: `grant create on schema ${schema} to ${role}` };
  if (rights.of_others === null) return null;
  return {
    what: `the ownership of ${schema}.${rights.of_others}`,
    mend: `grant to ${role} the role that owns the tables, or let the detector log in as that one`,
  };
}
