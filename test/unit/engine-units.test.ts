import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactUnitsOfFloat, unitsOfDecimal, unitsOfFloat } from '../../src/engine/local/parquet/units.ts';
import { runs } from '../helpers/engine-arbitrary.ts';

describe('a float', () => {
  const scales = fc.oneof({ weight: 3, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 18 }) });
  const doubles = fc.oneof(
    fc.double(),
    fc.tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.integer({ min: 0, max: 9 })).map(([units, digits]) => units / 10 ** digits),
    fc
      .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 18 }), fc.constantFrom(-1, 0, 1))
      .map(([units, digits, ulps]) => nudge(units / 10 ** digits, ulps)),
  );

  test('is worth what the definition in integers says, at every scale', () => {
    fc.assert(
      fc.property(doubles, scales, (value, scale) => {
        if (Number.isFinite(value)) expect(unitsOfFloat(value, 'double', scale)).toBe(exactUnitsOfFloat(value, 'double', scale));
        const single = Math.fround(value);
        if (Number.isFinite(single)) expect(unitsOfFloat(single, 'float', scale)).toBe(exactUnitsOfFloat(single, 'float', scale));
      }),
      runs(20_000),
    );
  });

  test('is worth its decimal, if that has at most 15 (of a float 6) digits', () => {
    const decimals = (most: number) => fc.tuple(fc.integer({ min: -most, max: most }), fc.integer({ min: 0, max: 4 }));
    fc.assert(
      fc.property(decimals(999_999_999_999_999), decimals(999_999), ([units, digits], [fewUnits, fewDigits]) => {
        expect(unitsOfFloat(Number(`${units}e-${digits}`), 'double', digits)).toBe(units + 0);
        expect(unitsOfFloat(Math.fround(Number(`${fewUnits}e-${fewDigits}`)), 'float', fewDigits)).toBe(fewUnits + 0);
      }),
      runs(5000),
    );
  });

  test.each([
    [0.1, 'double', 2, 10],
    [0.1 + 0.2, 'double', 2, null],
    [Math.fround(0.1), 'float', 2, 10],
    [Math.fround(0.1), 'double', 2, null],
    [0.125, 'double', 2, null],
    [0.125, 'double', 3, 125],
    [-0, 'double', 2, 0],
    [-1.005, 'double', 3, -1005],
    [2 ** 53, 'double', 0, null],
    [2 ** 53 - 1, 'double', 0, 2 ** 53 - 1],
    // Doubles lie 1/64 apart here: the nearest cent is the value; of two equally near the even one.
    [90_000_000_000_000.015625, 'double', 2, 9_000_000_000_000_002],
    [90_000_000_000_000.125, 'double', 2, 9_000_000_000_000_012],
    [90_000_000_000_000.375, 'double', 2, 9_000_000_000_000_038],
    [5e-324, 'double', 18, null],
    [Number.NaN, 'double', 2, null],
    [Number.NEGATIVE_INFINITY, 'float', 2, null],
    [Number.MAX_VALUE, 'double', 2, null],
  ] as const)('%d as %s is at scale %d worth %s', (value, type, scale, units) => {
    expect(unitsOfFloat(value, type, scale)).toBe(units);
  });
});

test.each([
  [150n, 2, 2, 150],
  [15n, 1, 2, 150],
  [1500n, 3, 2, 150],
  [1501n, 3, 2, null],
  [-999_999_999_999_999n, 0, 2, -99_999_999_999_999_900n],
  [1_000_000_000_000_000n, 0, 2, null],
  [0n, 30, 0, 0],
  [0n, 0, 18, 0],
  [1n, 0, 18, null],
  [1n, 18, 18, 1],
] as const)('the decimal %d / 10^%d is at scale %d worth %s', (value, digits, scale, units) => {
  expect(unitsOfDecimal(value, digits, scale)).toBe(units);
});

/** The neighbour of a double, so many steps away. */
function nudge(value: number, ulps: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(ulps));
  const nudged = bits.getFloat64(0);
  return Number.isFinite(nudged) ? nudged : value;
}
