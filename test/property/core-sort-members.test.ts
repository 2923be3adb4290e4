import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortMembers } from '../../src/core/rank/sort-members.ts';

const key = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Number.MIN_VALUE, -Number.MIN_VALUE, 2 ** 53 - 1, -(2 ** 53), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

test('members are sorted by key, ties as they came', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), (keys) => {
      const ids = Uint32Array.from(keys, (_, i) => 3 * i);
      const sorted = sortMembers(Float64Array.from(keys), ids);
      const expected = keys
        .map((k, i) => ({ key: k + 0, id: 3 * i }))
        .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.id - b.id));
      expect([...sorted.keys]).toEqual(expected.map((member) => member.key));
      expect([...sorted.ids]).toEqual(expected.map((member) => member.id));
    }),
    { numRuns: Number(process.env['CORE_RUNS'] ?? 300) },
  );
});
