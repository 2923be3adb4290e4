/**
 * The exclusive lock on a state folder. Who holds it may judge whether a server lives there, start one, and stop it.
 *
 * It must die with its holder, hold across containers that share the folder, and need no clean-up. Node has no file lock,
 * so each platform has the cheapest that there is: on Linux flock(2) (flock.ts: 2 ms, and it can be handed on), elsewhere
 * the one that DuckDB takes on its databases (database-lock.ts: 40 ms of CPU). Never both on one platform: they do not see
 * each other.
 *
 * The lock file is never replaced or deleted, for a lock on a file that has lost its name protects nothing; `intact` says
 * whether somebody else has deleted it.
 */
import { takesFlock, tryFlock } from './flock.ts';

export interface Lock {
  /** Where it can be handed on to another process: the descriptor to be inherited. It is held until all of them have closed it. */
  readonly descriptor: number | null;
  /** False once the file that is locked no longer lies under its name: somebody deleted the state folder. */
  intact(): Promise<boolean>;
  /** In this process: those that inherited it go on holding it. */
  release(): void;
}

/** Undefined when another process holds it, `onBusy` being told the reason. SERVER_BINARIES, SERVER_START. */
export async function tryLock(file: string, onBusy: (why: string) => void): Promise<Lock | undefined> {
  if (takesFlock) return await tryFlock(file, onBusy);
  const { tryDatabaseLock } = await import('./database-lock.ts');
  return await tryDatabaseLock(file, onBusy);
}
