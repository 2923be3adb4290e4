/**
 * Faults at random moments of a run that are counted, not timed: each comes at a call to the database, or up to some milliseconds
 * behind one, so all of them strike work that is under way, however fast the run or slow the machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { realTime, type Time } from '../../src/pipeline/time.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { type Boundaries, watchBoundaries } from './boundaries.ts';
import type { Random } from './dataset/random.ts';
import type { Run, World } from './pipeline-world.ts';

export interface Faults {
  /** Of the world's database. */
  readonly url: string;
  /** `once` gives up after six failures in a row, so it stands fewer; a watching detector stands any number. It is stopped when idle. */
  readonly mode: 'once' | 'watching';
  readonly times: number;
  readonly random: Random;
  strike(): Promise<void>;
}

/** Pauses between tries grow up to half a minute; their length is not what is tested. */
const impatient: Time = { ...realTime, sleep: (ms, signal) => realTime.sleep(Math.min(ms, 100), signal) };

/** How many of the faults struck before the work was done. */
export async function runWithFaults(world: World, run: Run, faults: Faults): Promise<number> {
  const { times, random } = faults;
  const watched = await watchBoundaries(0, Number(new URL(faults.url).port));
  try {
    const twin = await world.twin();
    await runThrough(watched, twin, run, faults, () => true);
    // Of the calls of a run to which nothing happens, for faults only add to them; and not of the last, which overlap in many ways.
    const gap = Math.floor((watched.crossed.length * 0.8) / times);
    watched.begin();
    const state = { due: 0, begun: 0, done: 0, isWorkDone: false };
    let next = 1 + random.below(gap);
    let last = Promise.resolve();
    const strikeAfter = async (earlier: Promise<void>, pause: number): Promise<void> => {
      await earlier;
      if (pause > 0) await sleep(pause);
      if (!state.isWorkDone) state.begun++;
      await faults.strike();
      state.done++;
    };
    watched.onCrossed = () => {
      if (state.due === times || watched.crossed.length < next) return;
      state.due++;
      next += 1 + random.below(gap);
      // At the call itself, or when it is at work, done, or followed by others.
      last = strikeAfter(last, random.below(4));
      last.catch(() => {});
    };
    await runThrough(watched, world, run, faults, () => {
      state.isWorkDone = true;
      return state.done === state.due;
    });
    await last;
    return state.begun;
  } finally {
    await watched.close();
  }
}

/** `onIdle`: whether a watching run may end. */
async function runThrough(watched: Boundaries, world: World, run: Run, { url, mode }: Faults, onIdle: () => boolean): Promise<void> {
  const store = await openPostgresStore({ connection: { url: watched.databaseUrl(url) }, pipeline: world.name });
  const stop = new AbortController();
  try {
    await world.run({
      ...run,
      once: mode === 'once',
      time: impatient,
      signal: stop.signal,
      change: () => ({ store }),
      on(event) {
        if (event.kind === 'idle' && onIdle()) stop.abort();
      },
    });
    onIdle();
  } finally {
    await store.close();
  }
}
