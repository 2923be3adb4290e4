/** What went wrong in PostgreSQL or on the way to it, by SQLSTATE and error code, never by message. */
import postgres from 'postgres';
import { TallyhoError } from '../../core/error.ts';

/** SQLSTATE of an error of the server, else null. */
export function sqlState(error: unknown): string | null {
  return error instanceof postgres.PostgresError ? error.code : null;
}

export const insufficientPrivilege = '42501';
export const undefinedTable = '42P01';
export const lockTimeout = '55P03';
const protocolViolation = '08P01';
export const tooManyConnections = '53300';
const readOnlyTransaction = '25006';

/** Classes that say nothing of the statement: connection (08), authorization (28), no such database (3D), too many
 * connections (53300), shut down or terminated (57P), terminated for idling (25P03). */
function isUnreachable(state: string): boolean {
  return /^(08|28|3D|57P)/.test(state) || state === tooManyConnections || state === '25P03';
}

/** It answers: the user or password is wrong (28), or the database is not there (3D). */
function isRefused(state: string | null): boolean {
  return state !== null && /^(28|3D)/.test(state);
}

/** A lock that was not to be had in time, a statement that took too long or was cancelled by somebody. */
function isBusy(state: string): boolean {
  return state === lockTimeout || state === '57014';
}

/** `doing` completes "PostgreSQL failed to ..."; `where` describes the store without secrets. */
export function storeError(error: unknown, doing: string, where: string): TallyhoError {
  if (error instanceof TallyhoError) return error;
  const state = sqlState(error);
  const said = error instanceof Error ? error.message : String(error);
  if (state === readOnlyTransaction)
    return new TallyhoError('STORE_UNREACHABLE', `PostgreSQL (${where}) takes no writes, while trying to ${doing}: ${said}`, {
      mend: 'It is a standby, or was made read-only: name the primary in `store`, or several hosts with target_session_attrs=read-write.',
      cause: error,
    });
  // A server of PostgreSQL takes what we say; a pooler refuses settings that it cannot keep apart.
  if (state === protocolViolation) return pooled(where, said, error);
  if (state === insufficientPrivilege)
    return new TallyhoError('STORE_DENIED', `PostgreSQL (${where}) denies a right, while trying to ${doing}: ${said}`, {
      mend: 'See docs/postgresql.md for the rights of a detector. Two detectors of one pipeline need one role, or `pg_signal_backend`.',
      cause: error,
    });
  if (state !== null && isBusy(state))
    return new TallyhoError('STORE_BUSY', `PostgreSQL (${where}) was held up, while trying to ${doing}: ${said} (SQLSTATE ${state}).`, {
      mend: 'See who holds locks on the tables of this schema: `select pid, pg_blocking_pids(pid), query from pg_stat_activity`.',
      cause: error,
    });
  if (state !== null && !isUnreachable(state))
    return new TallyhoError('STORE_FAILED', `PostgreSQL (${where}) failed to ${doing}: ${said} (SQLSTATE ${state}).`, {
      mend: 'See the cause; the state is as it was before.',
      cause: error,
    });
  if (hasCode(error, /^ERR_(SSL|TLS)/))
    return new TallyhoError('STORE_TLS', `The encryption with PostgreSQL (${where}) failed, while trying to ${doing}: ${said}`, {
      mend: 'Check `sslcert` and `sslkey` in the URL of `store`, and what the server asks of them.',
      cause: error,
    });
  if (state !== null || hasCode(error, /^(?!ERR_)/))
    return new TallyhoError(
      'STORE_UNREACHABLE',
      `PostgreSQL (${where}) ${isRefused(state) ? 'refuses the connection' : 'does not answer'}, while trying to ${doing}: ${said}`,
      {
        mend: 'Check that the server runs, and the address, user, password and database of `store`.',
        cause: error,
      },
    );
  return new TallyhoError('INTERNAL', `The store failed to ${doing}: ${said}`, { cause: error });
}

/** Several clients share a connection of the server in turn: no lease, lock or setting of a session would be ours. */
export function pooled(where: string, what: string, cause?: unknown): TallyhoError {
  return new TallyhoError('STORE_UNSUITABLE', `PostgreSQL (${where}) is behind a pooler that shares sessions: ${what}.`, {
    mend: 'Name the server itself in `store`, or a port of the pooler in session mode that passes settings on.',
    cause,
  });
}

/** The client's and the socket's errors carry a code (ECONNRESET, CONNECTION_CLOSED, ...); a bug of ours carries none, or ERR_ more. */
function hasCode(error: unknown, form: RegExp): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && form.test(error.code);
}
