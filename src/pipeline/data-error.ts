/** Whether PostgreSQL refused a statement for the data in it, by SQLSTATE class (PostgreSQL documentation, appendix A). */
import { TallyhoError } from '../core/error.ts';

/** 22 data exception, 23 integrity constraint violation, 54 program limit exceeded. */
const dataClasses = new Set(['22', '23', '54']);

export function isDataError(error: unknown): boolean {
  if (!(error instanceof TallyhoError) || error.code !== 'STORE_FAILED') return false;
  const { cause } = error;
  if (typeof cause !== 'object' || cause === null || !('code' in cause) || typeof cause.code !== 'string') return false;
  return dataClasses.has(cause.code.slice(0, 2));
}
