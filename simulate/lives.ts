/** Lives of many seeds: in this process one after the other, or in several others (`--jobs`), each of which asks for its next seed. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { liveSeed } from './one-seed.ts';
import type { Life } from './simulate.ts';

export type LifeSummary = Omit<Life, 'happenings'>;

export interface LivesOptions {
  readonly from: number;
  readonly count: number;
  readonly jobs: number;
  readonly plant: string | null;
  /** Asked before each seed. */
  readonly isOver: () => boolean;
  /** In the order in which they end. */
  readonly onLife: (life: LifeSummary) => void;
}

export async function runLives(options: LivesOptions): Promise<void> {
  const { from, count, jobs, plant, isOver, onLife } = options;
  let next = from;
  const take = (): number | null => (isOver() || next === from + count ? null : next++);
  if (jobs > 1) {
    await Promise.all(Array.from({ length: jobs }, () => runElsewhere(options, take)));
    return;
  }
  for (let seed = take(); seed !== null; seed = take()) onLife(await liveSeed(seed, plant));
}

/** A process of its own, of the same node and the same loader of TypeScript. */
function runElsewhere({ plant, onLife }: LivesOptions, take: () => number | null): Promise<void> {
  const child = fork(join(import.meta.dirname, 'seed-process.ts'), plant === null ? [] : [plant]);
  let under: number | null = null;
  const give = (): void => {
    under = take();
    if (under === null) child.disconnect();
    else child.send(under);
  };
  return new Promise((resolve, reject) => {
    child.on('message', (life) => {
      onLife(life as LifeSummary);
      give();
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (under === null) resolve();
      else reject(new Error(`The process of seed ${under} ended with ${signal ?? code}; replay: npm run simulate -- --seed ${under}`));
    });
    give();
  });
}
