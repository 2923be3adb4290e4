/** Records against arrays of BigInt: sums of any size, twins that part, crossings. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Integers } from '../../src/core/integers.ts';
import { Records } from '../../src/core/records.ts';

const runs = Number(process.env['TALLYHO_RUNS'] ?? 300);
const twins = [-1, 0, -1, 2];
const safe = 2n ** 53n - 1n;

const value = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt(-3n, 3n) },
  { weight: 1, arbitrary: fc.constantFrom(safe, -safe, safe - 1n, safe + 1n, 2n ** 100n, -(2n ** 100n)) },
);
/** Rows of one delta: entity and the four measures; `alike` makes twins equal. */
const delta = fc.record({
  alike: fc.boolean(),
  rows: fc.array(fc.tuple(fc.nat({ max: 9 }), fc.tuple(value, value, value, value)), { maxLength: 8 }),
});

test('PROTOCOL 3.6: sums, twins and crossings equal those of plain integers, whatever the size of the numbers', () => {
  fc.assert(
    fc.property(fc.array(delta, { maxLength: 12 }), (deltas) => {
      const records = new Records(5, twins);
      const watched = [0, 2].map((m) => records.columns[m]!.watch());
      const model = Array.from({ length: 10 }, () => [0n, 0n, 0n, 0n, 0n]);
      for (const { alike, rows } of deltas) {
        const even = rows.map(([entity, [a, b, c, d]]) => [entity, alike ? [a, a, c, c] : [a, b, c, d]] as const);
        const crossings = [new Map<number, number>(), new Map<number, number>()];
        records.grow(10);
        records.add(
          Uint32Array.from(even, ([entity]) => entity),
          [0, 1, 2, 3].map((m) => Integers.from(even.map(([, values]) => values[m]!))),
          even.length,
        );
        for (const [entity, values] of even) {
          values.forEach((v, m) => {
            const before = model[entity]![m]!;
            model[entity]![m] = before + v;
            const moved = Number(before + v > 0n) - Number(before > 0n);
            if (m % 2 === 0 && moved !== 0) crossings[m / 2]!.set(entity, (crossings[m / 2]!.get(entity) ?? 0) + moved);
          });
        }
        watched.forEach(({ rose, fell }, w) => {
          const seen = new Map<number, number>();
          for (const entity of rose.view()) seen.set(entity, (seen.get(entity) ?? 0) + 1);
          for (const entity of fell.view()) seen.set(entity, (seen.get(entity) ?? 0) - 1);
          for (let entity = 0; entity < 10; entity++) expect(seen.get(entity) ?? 0).toBe(crossings[w]!.get(entity) ?? 0);
        });
        records.clearCrossings();
        const all = Uint32Array.from(model.keys());
        for (const column of records.columns) {
          const picked = column.pick(all);
          for (const entity of all) {
            const exact = model[entity]![column.index]!;
            expect(column.big(entity)).toBe(exact);
            expect(picked.big(entity)).toBe(exact);
            expect(column.float(entity)).toBe(Number(exact));
            expect(column.sign(entity)).toBe(exact > 0n ? 1 : exact < 0n ? -1 : 0);
            expect(column.compare(entity, 0)).toBe(exact < model[0]![column.index]! ? -1 : exact > model[0]![column.index]! ? 1 : 0);
          }
        }
      }
    }),
    { numRuns: runs },
  );
});

test('a measure that no source feeds is moved by steps', () => {
  const records = new Records(2);
  records.grow(3);
  records.columns[1]!.step(2, 1);
  records.columns[1]!.step(2, 1);
  records.columns[1]!.step(2, -1);
  records.add(Uint32Array.of(2), [Integers.from([5])], 1);
  expect([0, 1, 2].map((entity) => records.columns[1]!.float(entity))).toEqual([0, 0, 1]);
});

test('twins share their number until they differ', () => {
  const records = new Records(2, [-1, 0]);
  records.grow(2);
  records.add(Uint32Array.of(0, 1), [Integers.from([1, 2]), Integers.from([1, 2])], 2);
  expect(records.stride).toBe(1);
  records.add(Uint32Array.of(0), [Integers.from([1]), Integers.from([5])], 1);
  expect(records.stride).toBe(2);
  expect(records.columns.map((column) => [column.float(0), column.float(1)])).toEqual([
    [2, 2],
    [6, 2],
  ]);
});
