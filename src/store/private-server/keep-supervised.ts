/**
 * The opener's part in that a server always has a supervisor, as long as it is open: one that was killed is replaced.
 *
 * A supervisor of our own that sleeps (sleeper.ts) is known to live, and holds the lock. Else we look every ten seconds:
 * where locks can be left to another process by trying for the lock, which costs a few ms; elsewhere by asking the server for
 * the supervisor's session.
 */
import { setImmediate } from 'node:timers/promises';
import { takesFlock } from './flock.ts';
import { type Session, supervisorName } from './knock.ts';
import { type Sleeper, tryLockWithSleeper } from './sleeper.ts';
import type { StateFolder } from './state-folder.ts';
import { startAdopter } from './supervisor-process.ts';

export interface Keeper {
  /** Leaves the server to its supervisor, and ends the session. */
  close(): Promise<void>;
}

export interface Supervised {
  /** Ours, from now on the keeper's. */
  readonly sleeper: Sleeper | undefined;
  readonly isSupervised: boolean;
}

const everyMs = 10_000;

/** Rejects when the session has ended. */
export async function keepSupervised(folder: StateFolder, session: Session, { sleeper, isSupervised }: Supervised): Promise<Keeper> {
  let own = sleeper;
  let isGone = false;

  async function look(): Promise<void> {
    if (own !== undefined && !own.ended) {
      if (!(await own.intact())) own.leave();
      return;
    }
    // Also says whether the server still answers: without one there is nothing to supervise.
    const found = await session.sql`select from pg_stat_activity where application_name = ${supervisorName}`;
    if (found.length > 0) return;
    if (!takesFlock) return startAdopter(folder);
    // Of two looks at once one gets the lock.
    own = (await adopt(folder)) ?? own;
    if (isGone) own?.leave();
  }

  // Whoever sleeps while the server is gone would keep others from starting it again.
  session.whenGone(() => {
    isGone = true;
    own?.leave();
  });
  if (!isSupervised && own === undefined) await look();
  const watch = setInterval(() => void look().catch(() => clearInterval(watch)), everyMs).unref();
  return {
    close: async () => {
      clearInterval(watch);
      // Once more: one that was killed just before we first looked still had its session.
      // Beside the end of the session, which also ends a question to a server that is gone.
      const last = look().catch(() => {});
      // The client sends a question a few steps later, and none once it is told to end.
      await setImmediate();
      await session.end();
      await last;
      own?.leave();
    },
  };
}

/** Undefined: it has one. */
async function adopt(folder: StateFolder): Promise<Sleeper | undefined> {
  const held = await tryLockWithSleeper(folder, () => {});
  held?.lock.release();
  return held?.sleeper;
}
