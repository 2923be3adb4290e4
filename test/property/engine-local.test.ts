import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { blockSizes, files, packed, readings, runs } from '../helpers/engine-arbitrary.ts';
import { foundByEngine, foundBySlow } from '../helpers/engine-compare.ts';
import { MemoryObjects } from '../helpers/engine-memory-objects.ts';
import { planOf, taskOf } from '../helpers/engine-world.ts';

// The contract suite reads files in large blocks; here blocks end anywhere, in the packed bytes too.

test('packed files are read in blocks of any size', async () => {
  const cases = readings.chain((reading) => fc.tuple(fc.constant(reading), files(reading).chain(packed), blockSizes));
  await fc.assert(
    fc.asyncProperty(cases, async ([reading, bytes, block]) => {
      const objects = new MemoryObjects({ 'x.csv.gz': bytes }, block);
      const engine = makeLocalEngine({ source: objects });
      const tasks = [taskOf(objects.chunk('x.csv.gz'))];
      for await (const { outcome } of engine.aggregate(tasks, planOf(reading.layout, reading), new AbortController().signal)) {
        expect(foundByEngine(outcome, reading)).toEqual(foundBySlow([{ object: 'x.csv.gz', bytes }], reading));
      }
      await engine.close();
      expect(objects.open).toBe(0);
    }),
    runs(800),
  );
});
