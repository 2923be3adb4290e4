/** Statistics tables on their way into the state, in any order. */
import { describe, expect, test } from 'vitest';
import type { Detector, TableRows } from '../../src/core/detector.ts';
import { Integers } from '../../src/core/integers.ts';
import { baseGrains } from '../../src/core/layout.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import { deltaOf, planOf } from '../helpers/core/sentences.ts';

const plan = planOf([
  ['merchant customer', 'merchant.count > 3', 'count in top 10% of merchant'],
  ['merchant', 'distinct(customer where gender = F) > 2'],
  ['merchant category customer', 'sum(amount) > 10'],
]);
const [base = 0] = baseGrains(plan.layout);
const { dimensions, additive } = plan.layout.grains[base] as {
  readonly dimensions: readonly number[];
  readonly additive: readonly unknown[];
};
const names = plan.layout.dimensions.map(({ name }) => name);

/** Entity e, for any e: its key by dimension of the grain, and its sums; one of them beyond float64. */
const keysOf = (entity: number): number[] =>
  dimensions.map((_, k) => (k === 0 ? entity % 7 : k === 1 ? Math.floor(entity / 21) : Math.floor(entity / 7) % 3));
const sumOf = (entity: number, m: number): bigint =>
  entity === 70_000 && m === 1 ? 10n ** 20n : BigInt((entity * (m + 3)) % (m === 0 ? 5 : 90));

function rowsOf(entities: readonly number[]): TableRows {
  return {
    entities: Uint32Array.from(entities),
    keys: dimensions.map((_, k) => Uint32Array.from(entities, (entity) => keysOf(entity)[k] as number)),
    additive: additive.map((_, m) => Integers.from(entities.map((entity) => sumOf(entity, m)))),
    size: entities.length,
  };
}

function withValues(size: number): Detector {
  const detector = makeDetector(plan);
  names.forEach((name, dimension) =>
    detector.loadValues(
      dimension,
      Array.from({ length: size + 7 }, (_, i) => `${name} ${i}`),
    ),
  );
  return detector;
}

/** In that order, so many at a time. */
function loaded(order: readonly number[], piece: number): Detector {
  const detector = withValues(order.length);
  const load = detector.loadTable(base, order.length);
  for (let at = 0; at < order.length; at += piece) load.add(rowsOf(order.slice(at, at + piece)));
  load.end();
  return detector;
}

function contents(detector: Detector): unknown {
  const lines = (grain: number): string[] =>
    Array.from(detector.rows(grain), ({ values, additive: sums, distinct }) => `${values.join()} ${sums.join()} ${distinct.join()}`);
  return plan.layout.grains.map((_, grain) => lines(grain).toSorted());
}

describe('a statistics table', () => {
  test('that comes in any order is what it is in order: sums of all grains, distinct counts, what is found by key', () => {
    // More than one piece of 65,536; every order is of all entities.
    const size = 72_000;
    const ascending = Array.from({ length: size }, (_, i) => i);
    const orders = [
      ascending.toReversed(),
      ascending.map((i) => (i * 99_991) % size),
      [...ascending.slice(1000), ...ascending.slice(0, 1000)],
    ];
    const inOrder = withValues(size);
    const { keys, additive: sums } = rowsOf(ascending);
    inOrder.loadRows(base, keys, sums, size);
    const expected = contents(inOrder);
    const next = deltaOf(plan, [{ merchant: 'merchant 3', customer: 'customer 5', category: 'category 1', times: 500, amount: 5 }]);
    const found = inOrder.step(next).detections;
    expect(found.length).toBeGreaterThan(0);
    const folded = inOrder.takeFold();
    for (const order of orders) {
      const detector = loaded(order, 30_001);
      expect(contents(detector)).toEqual(expected);
      expect(detector.step(next).detections).toEqual(found);
      expect(detector.takeFold()).toEqual(folded);
    }
  });

  test('is refused if an entity is missing, there twice or too many, if a key is there twice, or a value is not known', () => {
    const load = (size: number, rows: TableRows): (() => void) => {
      const loader = withValues(10).loadTable(base, size);
      return () => {
        loader.add(rows);
        loader.end();
      };
    };
    const good = rowsOf([2, 0, 1]);
    expect(load(3, good)).not.toThrow();
    expect(load(4, good)).toThrow('has all its rows');
    expect(load(2, good)).toThrow('are dense');
    expect(load(3, rowsOf([2, 0, 2]))).toThrow('each entity once');
    expect(load(3, { ...good, keys: good.keys.map(() => Uint32Array.of(1, 2, 1)) })).toThrow('each key once');
    expect(load(3, { ...good, keys: good.keys.map(() => Uint32Array.of(1, 2, 1_000_000)) })).toThrow('known values only');
    expect(load(3, { ...good, additive: good.additive.slice(1) })).toThrow('measures');
  });
});
