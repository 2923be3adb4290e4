/** What went wrong in PostgreSQL or on the way to it, by SQLSTATE and error code, never by message. */
import postgres from 'postgres';
import { TallyhoError } from '../../core/error.ts';

/** SQLSTATE of an error of the server, else null. */
export function sqlState(error: unknown): string | null {
  return error instanceof postgres.PostgresError ? error.code : null;
}

export const undefinedTable = '42P01';
export const lockTimeout = '55P03';

/** Classes that say nothing of the statement: connection (08), authorization (28), no such database (3D), too many
 * connections (53300), shut down or terminated (57P), terminated for idling (25P03). */
function isUnreachable(state: string): boolean {
  return /^(08|28|3D|57P)/.test(state) || state === '53300' || state === '25P03';
}

/** `doing` completes "PostgreSQL failed to ..."; `where` describes the store without secrets. */
export function storeError(error: unknown, doing: string, where: string): TallyhoError {
  if (error instanceof TallyhoError) return error;
  const state = sqlState(error);
  const said = error instanceof Error ? error.message : String(error);
  if (state !== null && !isUnreachable(state))
    return new TallyhoError('STORE_FAILED', `PostgreSQL (${where}) failed to ${doing}: ${said} (SQLSTATE ${state}).`, {
      mend: 'See the cause; the state is as it was before.',
      cause: error,
    });
  if (state !== null || hasCode(error))
    return new TallyhoError('STORE_UNREACHABLE', `PostgreSQL (${where}) does not answer, while trying to ${doing}: ${said}`, {
      mend: 'Check that the server runs, and the address, user, password and database of `store`.',
      cause: error,
    });
  return new TallyhoError('INTERNAL', `The store failed to ${doing}: ${said}`, { cause: error });
}

/** The client's and the socket's errors carry a code (ECONNRESET, CONNECTION_CLOSED, ...); a bug of ours carries none. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_');
}
