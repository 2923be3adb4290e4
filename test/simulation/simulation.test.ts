/**
 * All laws through simulated lives (simulate/): detectors that are killed, paused, cut off and taken over, on a bucket and a
 * database that fail in every way that we know of. `npm run simulate -- --seed S` replays one; `--seeds N` runs more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { plants } from '../../simulate/plants.ts';
import { simulate } from '../../simulate/simulate.ts';

const seeds = 200;
const group = 20;
/** A planted bug must be found within so many seeds (docs/simulation.md tells how many it takes). */
const mostSeeds = 100;

describe('laws 1 to 4 and 6: nothing that fails leaves a trace in what is counted, detected and published', () => {
  for (let first = 1; first <= seeds; first += group) {
    test(`seeds ${first} to ${first + group - 1}`, async () => {
      for (let seed = first; seed < first + group; seed++) {
        const { violation } = await simulate(seed);
        expect(violation, `replay: npm run simulate -- --seed ${seed}`).toBeNull();
      }
    });
  }
});

test('a seed is one life: twice the same, to the millisecond', async () => {
  const [once, again] = [await simulate(7), await simulate(7)];
  expect(once.happenings.length).toBeGreaterThan(10);
  expect(again).toEqual(once);
});

// Or the memory of 10,000 lives grows without bound, and so does that of a pipeline that watches for months.
test('lives leave nothing behind that is not garbage, killed detectors included', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const stores: WeakRef<object>[] = [];
  for (let seed = 1; seed <= 5; seed++)
    await simulate(seed, {
      plant(options) {
        stores.push(new WeakRef(options.store));
        return options;
      },
    });
  expect(stores.length).toBeGreaterThan(10);
  for (let i = 0; i < 50 && stores.some((store) => store.deref() !== undefined); i++) {
    await sleep(20);
    collect();
  }
  expect(stores.filter((store) => store.deref() !== undefined).length).toBe(0);
});

describe('a planted bug is found', () => {
  test.each(Object.entries(plants))('%s', async (_, plant) => {
    for (let seed = 1; seed <= mostSeeds; seed++) if ((await simulate(seed, plant)).violation !== null) return;
    expect.unreachable(`${mostSeeds} lives do not show that this is broken: ${plant.rule}`);
  });
});
