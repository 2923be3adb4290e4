import { describe, expect, test } from 'vitest';
import type { Detector } from '../../src/core/detector.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import type { Plan } from '../../src/core/plan.ts';
import { deltaOf, planOf, type Transaction } from '../helpers/core/sentences.ts';

function step(detector: Detector, transactions: readonly Transaction[]): string[] {
  return detector.step(deltaOf(detector.plan, transactions)).detections.map(({ pattern, values }) => [pattern, ...values].join(' '));
}

/** `times` transactions of merchant m and each customer. */
function visits(counts: Readonly<Record<string, number>>, more: Transaction = {}): Transaction[] {
  return Object.entries(counts).map(([customer, times]) => ({ merchant: 'm', customer, times, ...more }));
}

/** Small cohorts always read, read where a step touches many, and kept in blocks. */
const allModes = [
  { read: 64, linear: 16_384 },
  { read: 0, linear: 16_384 },
  { read: 0, linear: 0 },
];

describe('candidates', () => {
  test('an untouched entity is found when the gate of its group opens', () => {
    const detector = makeDetector(planOf([['merchant customer', 'merchant.count > 3', 'count >= 2']]));
    expect(step(detector, visits({ a: 2, b: 1 }))).toEqual([]);
    expect(step(detector, visits({ c: 1 }))).toEqual(['0 m a']);
    expect(step(detector, visits({ b: 1 }))).toEqual(['0 m b']);
  });

  test('an untouched entity is found when the cut of its cohort moves past it', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count in top 50% of merchant', 'count >= 3']]));
    expect(step(detector, visits({ a: 5, b: 4, c: 3 }))).toEqual(['0 m a', '0 m b']);
    expect(step(detector, visits({ d: 1, e: 1 }))).toEqual(['0 m c']);
  });

  test('an untouched entity is found when a measure of its group passes its own', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count < 10% of merchant.count']]));
    expect(step(detector, visits({ a: 1, b: 9 }))).toEqual([]);
    expect(step(detector, visits({ b: 1 }))).toEqual(['0 m a']);
  });

  test('a gate above a finer cohort forgets the cuts below it while it is closed', () => {
    const detector = makeDetector(
      planOf([['merchant category customer', 'merchant.count > 6', 'count in top 10% of (merchant, category)']]),
    );
    const at = (category: string, counts: Readonly<Record<string, number>>): Transaction[] => visits(counts, { category });
    expect(step(detector, at('x', { a: 4, b: 3, c: 1 }))).toEqual(['0 m x a']);
    // Closed: x loses its best two; then y alone opens it again, and c is the best of x.
    expect(step(detector, at('x', { a: -4, b: -3, d: 1, e: 1, c: 1 }))).toEqual([]);
    expect(step(detector, at('y', { z: 4 }))).toEqual(['0 m x c', '0 m y z']);
  });

  test('a ranked measure of a group moves members that nothing touched', () => {
    const detector = makeDetector(planOf([['merchant customer', 'merchant.count in top 1% of customer']]));
    const at = (merchant: string, customer: string, times: number): Transaction => ({ merchant, customer, times });
    expect(step(detector, [at('m', 'a', 2), at('n', 'a', 1)])).toEqual(['0 m a']);
    expect(step(detector, [at('n', 'b', 5)])).toEqual(['0 n a', '0 n b']);
  });

  test('in a wide cohort the cut moves between values that have the same float', () => {
    for (const rankLimits of allModes) {
      for (const [direction, sign] of [
        ['top', 1n],
        ['bottom', -1n],
      ] as const) {
        const plan = planOf([['merchant customer', `sum(amount) in ${direction} 50% of merchant`]]);
        const detector = makeDetector(plan, { rankLimits });
        const pay = (customer: string, more: bigint): Transaction => ({ merchant: 'm', customer, amount: sign * (2n ** 60n + more) });
        expect(step(detector, [pay('a', 3n), pay('b', 2n), pay('c', 1n), pay('d', 0n)])).toEqual(['0 m a', '0 m b']);
        expect(step(detector, [pay('e', -1n)])).toEqual(['0 m c']);
      }
    }
  });

  test('PROTOCOL 3.6: averages that floats cannot tell apart are ranked exactly, also after their rows grew', () => {
    for (const rankLimits of allModes) {
      const detector = makeDetector(planOf([['merchant customer', 'avg(amount) in bottom 50% of merchant', 'count > 1']]), { rankLimits });
      const rows = (customer: string, times: number, amount: bigint): Transaction => ({ merchant: 'm', customer, times, amount });
      const n = 1_000_000;
      // a and b differ by 1 in sums of 2^66 over a million rows: by far less than a float can tell.
      expect(step(detector, [rows('b', 1, 2n), rows('a', 1, 1n)])).toEqual([]);
      const close = 90_071_992_547_409n;
      expect(step(detector, [rows('a', n - 1, close), rows('b', n - 1, close), rows('c', n, close), rows('d', 1, 1n)])).toEqual(['0 m a']);
    }
  });
});

describe('membership', () => {
  test('a cohort of one: its member is both top and bottom', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count in top 1% of merchant', 'count in bottom 1% of merchant']]));
    expect(step(detector, visits({ a: 7 }))).toEqual(['0 m a']);
  });

  test('ties share one fate', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count in top 10% of merchant']]));
    expect(step(detector, visits({ a: 2, b: 2, c: 2, d: 1 }))).toEqual(['0 m a', '0 m b', '0 m c']);
  });

  test('an entity with weights and no transaction is no member and no entity', () => {
    const plan = planOf(
      [
        ['merchant customer', 'avg(weight) in bottom 10% of merchant'],
        ['merchant customer', 'avg(weight) < 5'],
      ],
      'reference',
    );
    const detector = makeDetector(plan);
    const weights = { low: 1, high: 900 };
    detector.addWeights(
      deltaOf(
        plan,
        Object.entries(weights).map(([customer, weight]) => ({ merchant: 'm', customer, weight, times: 0 })),
      ),
    );
    expect(step(detector, visits({ high: 1 }))).toEqual(['0 m high']);
    expect(detector.explain(1, ['m', 'low'])).toMatchObject({ known: true, holds: false });
    expect(step(detector, visits({ low: 1 }))).toEqual(['0 m low', '1 m low']);
  });

  test('an entity whose count goes back to 0 leaves its cohorts', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count in top 1% of merchant', 'count > 1']]));
    expect(step(detector, visits({ a: 9, b: 2 }))).toEqual(['0 m a']);
    expect(step(detector, visits({ a: -9 }))).toEqual(['0 m b']);
  });

  test('undefined makes every condition false, != too', () => {
    const detector = makeDetector(
      planOf([
        ['merchant customer', 'avg(weight) != 5'],
        ['merchant customer', 'avg(weight) in top 100% of merchant'],
      ]),
    );
    expect(step(detector, visits({ a: 1 }))).toEqual([]);
    expect(detector.explain(0, ['m', 'a']).conditions).toEqual([
      { text: 'avg(weight) != 5', holds: false, evidence: null, why: 'undefined: no row has the value' },
    ]);
    expect(step(detector, visits({ a: 1 }, { weight: 400 }))).toEqual(['0 m a', '1 m a']);
  });

  test('keys are never joined as text', () => {
    const detector = makeDetector(planOf([['merchant customer', 'count > 1']]));
    const rows = [
      { merchant: 'a|b', customer: 'c' },
      { merchant: 'a', customer: 'b|c' },
      { merchant: 'a', customer: 'b|c' },
    ];
    expect(detector.step(deltaOf(detector.plan, rows)).detections.map(({ values }) => values)).toEqual([['a', 'b|c']]);
  });
});

test('PROTOCOL 3.7: detections are ordered by UTF-8 bytes in declared order, which is not the order of JS strings', () => {
  const detector = makeDetector(planOf([['customer merchant', 'count > 0']]));
  const rows = ['\u{1f600}', '\uffff', 'z', ''].flatMap((customer) => [
    { customer, merchant: 'm2' },
    { customer, merchant: 'm1' },
  ]);
  expect(detector.step(deltaOf(detector.plan, rows)).detections.map(({ values }) => values.join(' '))).toEqual(
    ['', 'z', '\uffff', '\u{1f600}'].flatMap((customer) => [`${customer} m1`, `${customer} m2`]),
  );
});

test('PROTOCOL 3.7: evidence has exact texts in a fixed order of fields', () => {
  const detector = makeDetector(
    planOf([
      [
        'merchant customer',
        'merchant.count > 3',
        'sum(amount) >= 12.50% of merchant.sum(amount)',
        'avg(amount) <= merchant.avg(amount)',
        'count in top 50% of merchant',
        'avg(amount) in bottom 60% of merchant',
      ],
    ]),
  );
  const rows = [
    { merchant: 'm', customer: 'a', times: 3, amount: 100 },
    { merchant: 'm', customer: 'b', times: 2, amount: 5005 },
    { merchant: 'm', customer: 'c', times: 1, amount: -1 },
    { merchant: 'm', customer: 'd', times: 6, amount: 100 },
  ];
  const { detections } = detector.step(deltaOf(detector.plan, rows));
  expect(detections.map(({ values }) => values[1])).toEqual([]);
  const more = detector.step(deltaOf(detector.plan, [{ merchant: 'm', customer: 'd', times: 16, amount: 100 }])).detections;
  expect(JSON.stringify(more[0]?.conditions, null, 1)).toBe(
    JSON.stringify(
      [
        { when: 'merchant.count > 3', value: '28', bound: '3' },
        { when: 'sum(amount) >= 12.50% of merchant.sum(amount)', value: '22.00', bound: { percent: '12.50', value: '125.09' } },
        { when: 'avg(amount) <= merchant.avg(amount)', sum: '22.00', number: '22', bound: { sum: '125.09', number: '28' } },
        { when: 'count in top 50% of merchant', value: '22', b: 0, n: 4, cutoff: '3' },
        { when: 'avg(amount) in bottom 60% of merchant', sum: '22.00', number: '22', b: 1, n: 4, cutoff: { sum: '3.00', number: '3' } },
      ],
      null,
      1,
    ),
  );
});

describe('loading', () => {
  const plan: Plan = planOf([
    ['merchant customer', 'count > 1'],
    ['merchant', 'distinct(customer) > 1'],
  ]);

  test('detected entities that the state does not have are kept aside and disturb no id', () => {
    const detector = makeDetector(plan);
    detector.loadDetected(0, ['m', 'ghost']);
    detector.loadDetected(1, ['m']);
    const { newValues, detections } = detector.step(deltaOf(plan, visits({ a: 2, ghost: 2 })));
    expect(newValues.map(({ first, values }) => [first, values])).toEqual([
      [0, ['m']],
      [0, ['a', 'ghost']],
    ]);
    expect(detections.map(({ pattern, values }) => [pattern, ...values])).toEqual([[0, 'm', 'a']]);
    expect(detector.explain(0, ['m', 'ghost']).detected).toBe(true);
    expect(detector.explain(0, ['m', 'nobody'])).toMatchObject({ known: false, detected: false, holds: false });
  });

  test('a dictionary with a value twice, rows with a key twice and unknown ids are refused', () => {
    const detector = makeDetector(plan);
    expect(() => detector.loadValues(0, ['a', 'a'])).toThrow('each value once');
    const { delta } = makeDetector(plan).step(deltaOf(plan, visits({ a: 1 })));
    expect(() => makeDetector(plan).apply(delta)).toThrow('known values only');
  });

  test('an empty delta changes nothing', () => {
    const detector = makeDetector(plan);
    expect(step(detector, [])).toEqual([]);
    expect(detector.takeFold()).toEqual([]);
    expect(detector.reevaluate()).toEqual([]);
    expect([...detector.rows(0)]).toEqual([]);
  });

  test('what was applied without evaluation is evaluated by the next step', () => {
    const detector = makeDetector(plan);
    step(detector, visits({ a: 1 }));
    detector.addWeights(deltaOf(plan, visits({ a: 1 })));
    expect(step(detector, [])).toEqual(['0 m a']);
  });
});

describe('law 7: the work of a step', () => {
  const plan = planOf([['merchant customer', 'merchant.count > 100', 'count in top 10% of merchant']]);

  /** Counters of a step that touches ten of n customers, and lets none in. */
  function workAt(n: number): Detector['work'] {
    const detector = makeDetector(plan);
    const customers = Array.from({ length: n }, (_, i) => [`c${i}`, 1 + (i % 100)] as const);
    detector.step(deltaOf(plan, visits(Object.fromEntries(customers))));
    const before = { ...detector.work };
    detector.step(deltaOf(plan, visits(Object.fromEntries(customers.slice(0, 10).map(([customer]) => [customer, 1])))));
    const { entities, moved, rankQueries, evaluated } = detector.work;
    return {
      entities: entities - before.entities,
      moved: moved - before.moved,
      rankQueries: rankQueries - before.rankQueries,
      evaluated: evaluated - before.evaluated,
    };
  }

  test('does not grow with the cohort, kept in order or not', () => {
    const expected = { entities: 11, moved: 10, rankQueries: 1, evaluated: 10 };
    expect(workAt(20_000)).toEqual(expected);
    expect(workAt(60_000)).toEqual(expected);
    expect(workAt(2_000)).toEqual(expected);
    expect(workAt(1_000)).toEqual(expected);
  });
});
