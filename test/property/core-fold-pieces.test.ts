/** PROTOCOL 3.5: a fold made piece by piece is that of the moment in which it was begun, whatever is applied meanwhile. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FoldRows } from '../../src/core/detector.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import { makeDelta } from '../helpers/core/deltas.ts';
import type { Row } from '../helpers/core/model.ts';
import { rowArbitrary, type World, worldArbitrary } from '../helpers/core/world.ts';

const parameters = {
  numRuns: Number(process.env['CORE_RUNS'] ?? 300),
  ...(process.env['CORE_SEED'] === undefined ? {} : { seed: Number(process.env['CORE_SEED']) }),
  ...(process.env['CORE_PATH'] === undefined ? {} : { path: process.env['CORE_PATH'] }),
};

interface Case {
  readonly world: World;
  /** By fold: what is applied before it, and between its pieces. */
  readonly folds: readonly { readonly before: readonly Row[][]; readonly meanwhile: readonly Row[][]; readonly isGivenBack: boolean }[];
  readonly piece: number;
}

const cases: fc.Arbitrary<Case> = worldArbitrary.chain((world) => {
  const rows = fc.array(fc.array(rowArbitrary(world), { maxLength: 20 }), { maxLength: 4 });
  const fold = fc.record({ before: rows, meanwhile: rows, isGivenBack: fc.boolean() });
  return fc.record({
    world: fc.constant(world),
    folds: fc.array(fold, { minLength: 1, maxLength: 4 }),
    piece: fc.integer({ min: 1, max: 5 }),
  });
});

test('a fold made in pieces, with steps in between, is the one taken at once', () => {
  let between = 0;
  const property = fc.property(cases, ({ world, folds, piece }) => {
    const { plan, features } = world;
    const [inPieces, atOnce] = [makeDetector(plan, { foldPiece: piece }), makeDetector(plan)];
    const step = (detector: typeof inPieces, rows: readonly Row[]): unknown => detector.step(makeDelta(plan.layout, features, rows));
    for (const { before, meanwhile, isGivenBack } of folds) {
      for (const rows of before) for (const detector of [inPieces, atOnce]) step(detector, rows);
      const expected = atOnce.takeFold();
      const making = inPieces.beginFold();
      // Applied after the call, before the first piece is made.
      const later = [...meanwhile];
      let next: IteratorResult<void, readonly FoldRows[]>;
      do {
        const rows = later.shift();
        if (rows !== undefined) {
          step(inPieces, rows);
          between++;
        }
        next = making.next();
      } while (next.done !== true);
      for (const rows of later) step(inPieces, rows);
      for (const rows of meanwhile) step(atOnce, rows);
      expect(plain(next.value)).toEqual(plain(expected));
      if (!isGivenBack) continue;
      inPieces.returnFold(next.value);
      atOnce.returnFold(expected);
    }
    expect(plain(inPieces.takeFold())).toEqual(plain(atOnce.takeFold()));
  });
  fc.assert(property, parameters);
  expect(between).toBeGreaterThan(0);
});

test('one fold at a time', () => {
  fc.assert(
    fc.property(worldArbitrary, ({ plan }) => {
      const detector = makeDetector(plan);
      detector.beginFold();
      expect(() => detector.takeFold()).toThrow('broken law');
    }),
    { ...parameters, numRuns: 1 },
  );
});

function plain(folds: readonly FoldRows[]): unknown {
  return folds.map(({ grain, entities, firstNew, keys, additive }) => ({
    grain,
    firstNew,
    entities: [...entities],
    keys: keys.map((column) => [...column]),
    additive: additive.map((column) => Array.from({ length: column.length }, (_, i) => column.big(i))),
  }));
}
