/** The deltas of rehearsals, which are nobody's rows. */
import { expect, test } from 'vitest';
import { baseGrains } from '../../src/core/layout.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import { rehearsalDelta } from '../../src/core/rehearsal.ts';
import { planOf } from '../helpers/core/sentences.ts';

test('rehearsed steps bring entities to every base grain, move some within their cohorts, and detect', () => {
  const plan = planOf([
    ['merchant customer', 'merchant.count > 50000', 'count in top 10% of merchant', 'avg(weight) in bottom 10% of merchant'],
    ['merchant', 'distinct(customer where gender = F) > 100'],
    ['customer category', 'count >= 80'],
    ['gender', 'sum(amount) > 10'],
  ]);
  const grains = baseGrains(plan.layout);
  expect(grains.length).toBeGreaterThan(2);
  const detector = makeDetector(plan, { rankLimits: { read: 0, linear: 0 } });
  const found = [0, 1, 2].map((n) => detector.step(rehearsalDelta(plan.layout, n)).detections.map(({ pattern }) => pattern));
  expect(new Set(found[0])).toEqual(new Set([0, 1, 2, 3]));
  expect(found[2]?.length).toBeGreaterThan(0);
  expect(grains.map((grain) => detector.size(grain))).toEqual(grains.map(() => 24_200));
  expect(detector.work.moved).toBeGreaterThan(2 * 24_000 + 2 * 2 * 1_000);
});

test('by turns they move members of one group alone, and few members of all groups', () => {
  const plan = planOf([['merchant customer', 'count in top 10% of merchant']]);
  const merchant = plan.layout.dimensions.findIndex(({ name }) => name === 'merchant');
  const moved = [2, 3].map((n) => {
    const [rows] = rehearsalDelta(plan.layout, n).grains;
    const place = plan.layout.grains[baseGrains(plan.layout)[0] ?? 0]?.dimensions.indexOf(merchant) ?? -1;
    const groups = Array.from(rows?.keys[place]?.subarray(100, rows.size) ?? []);
    return [0, 1, 2, 3, 4].map((group) => groups.filter((other) => other === group).length);
  });
  expect(moved[0]?.filter((count) => count > 0)).toEqual([1400]);
  expect(moved[1]).toEqual([60, 60, 60, 60, 60]);
});
