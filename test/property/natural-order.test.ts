import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNatural, compareUtf8 } from '../../src/core/natural-order.ts';

const bytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The words of DESIGN.md 5, with lists of pieces and big integers. */
function naive(a: string, b: string): number {
  const pieces = (key: string): string[] => key.split(/([0-9]+)/).filter((piece, i, all) => piece !== '' || i < all.length - 1);
  const x = pieces(a);
  const y = pieces(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const number = i % 2 === 1;
    const order = number ? Number(BigInt(x[i]!) > BigInt(y[i]!)) - Number(BigInt(x[i]!) < BigInt(y[i]!)) : bytes(x[i]!, y[i]!);
    if (order !== 0) return order;
  }
  return Math.sign(x.length - y.length) || bytes(a, b);
}

const key = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '0',
        '1',
        '00',
        '9',
        '10',
        '007',
        '99999999999999999999',
        'a',
        'ab',
        '/',
        '-',
        '.csv',
        '_',
        '²',
        '\uFF5E',
        '\u{1F600}',
      ),
      fc.string({ unit: 'binary', maxLength: 2 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));
const sign = Math.sign;

test('natural order is that of the pieces', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(sign(compareNatural(a, b))).toBe(sign(naive(a, b)));
    }),
    { numRuns: 20_000 },
  );
});

test('natural order is total: antisymmetric, transitive, and equal only for equal keys', () => {
  fc.assert(
    fc.property(key, key, key, (a, b, c) => {
      expect(sign(compareNatural(a, b))).toBe(-sign(compareNatural(b, a)) || 0);
      expect(compareNatural(a, b) === 0).toBe(a === b);
      const [x, y, z] = [a, b, c].sort(compareNatural) as [string, string, string];
      expect(compareNatural(x, y)).toBeLessThanOrEqual(0);
      expect(compareNatural(y, z)).toBeLessThanOrEqual(0);
      expect(compareNatural(x, z)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 20_000 },
  );
});

test('byte order is that of the UTF-8 bytes', () => {
  const text = fc.string({ unit: 'binary', maxLength: 6 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(sign(compareUtf8(a, b))).toBe(bytes(a, b));
    }),
    { numRuns: 20_000 },
  );
});
