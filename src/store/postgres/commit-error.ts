/**
 * What a failed COMMIT means. Every error is either the server's word on the transaction, and then nothing took place, or it leaves
 * open what became of it: then only the ledger can tell (PROTOCOL.md 3.3).
 */
import postgres from 'postgres';
import { TallyhoError } from '../../core/error.ts';
import { storeError } from './failure.ts';

/** STORE_UNKNOWN_COMMIT where no answer came. */
export function commitError(error: unknown, doing: string, where: string): TallyhoError {
  if (!isUnanswered(error)) return storeError(error, doing, where);
  return new TallyhoError('STORE_UNKNOWN_COMMIT', `The connection to PostgreSQL (${where}) ended in a commit, while trying to ${doing}.`, {
    mend: 'The ledger is read again to learn whether it took place.',
    cause: error,
  });
}

/** Whether a server that answers no COMMIT has said before that there is none: an error of its own, or what we made of one. */
export function isAnswer(settled: PromiseSettledResult<unknown>): boolean {
  return settled.status === 'rejected' && !isUnanswered(settled.reason);
}

/** No answer, or the server's last words before it hangs up. */
function isUnanswered(error: unknown): boolean {
  if (error instanceof TallyhoError) return error.code === 'STORE_UNREACHABLE';
  if (error instanceof postgres.PostgresError)
    return error.severity === 'FATAL' || error.severity === 'PANIC' || /^(08|57P)/.test(error.code);
  return true;
}
