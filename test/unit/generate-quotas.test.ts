import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { apportion } from '../../src/generate/apportion.ts';
import { Dealer } from '../../src/generate/deal-customers.ts';
import { makeNumbering } from '../../src/generate/names.ts';
import { makeProfile } from '../../src/generate/profile.ts';
import { makeRandom, Random } from '../../src/generate/random.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('generate: random numbers', () => {
  it('are those of xoshiro128**, computed here once more in big integers', () => {
    const mask = 0xffffffffn;
    const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
    const s = [1n, 2n, 3n, 0xfedcba98n] as [bigint, bigint, bigint, bigint];
    const random = new Random(1, 2, 3, 0xfedcba98);
    for (let i = 0; i < 1_000; i++) {
      const expected = (rotl((s[1] * 5n) & mask, 7n) * 9n) & mask;
      const t = (s[1] << 9n) & mask;
      s[2] ^= s[0];
      s[3] ^= s[1];
      s[1] ^= s[2];
      s[0] ^= s[3];
      s[2] ^= t;
      s[3] = rotl(s[3], 11n);
      expect(BigInt(random.next())).toBe(expected);
    }
  });

  it('differ by seed and by stream', () => {
    const heads = [makeRandom(0, 1), makeRandom(1, 1), makeRandom(0, 2), makeRandom(2 ** 32, 1)].map((random) => random.next());
    expect(new Set(heads).size).toBe(4);
  });

  it('below n stay below n and reach every value', () => {
    const random = makeRandom(1, 1);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++;
    for (const n of counts) expect(Math.abs(n - 10_000)).toBeLessThan(500);
    for (let i = 0; i < 1_000; i++) expect(random.below(100_000_000)).toBeLessThan(100_000_000);
  });

  it('name two million customers differently', () => {
    const numbering = makeNumbering(makeRandom(5, 1));
    const names = Uint32Array.from({ length: 2_000_000 }, (_, i) => numbering(i)).sort();
    expect(names.every((name, i) => i === 0 || name > names[i - 1]!)).toBe(true);
    expect(names.at(-1)).toBeLessThan(2 ** 31);
  });
});

describe('generate: apportion', () => {
  it('gives the largest remainders what is left', () => {
    expect(apportion(10, [1, 1, 1])).toEqual([4, 3, 3]);
    expect(apportion(100, [50_001, 49_999])).toEqual([50, 50]);
    expect(apportion(7, [3, 2, 2])).toEqual([3, 2, 2]);
    expect(apportion(0, [3, 2])).toEqual([0, 0]);
  });

  it('keeps to minimum and maximum, and shares the rest again', () => {
    expect(apportion(10, [100, 1, 1], [0, 1, 1])).toEqual([8, 1, 1]);
    expect(apportion(10, [100, 1, 1], undefined, [4, 10, 10])).toEqual([4, 3, 3]);
    expect(apportion(5, [0, 0, 1], undefined, [9, 9, 2])).toEqual([2, 1, 2]);
  });

  it('refuses bounds that cannot be met', () => {
    expect(() => apportion(3, [1, 1], [2, 2])).toThrow(TallyhoError);
    expect(() => apportion(3, [1, 1], undefined, [1, 1])).toThrow(TallyhoError);
  });

  it('sums to the total within the bounds, and a larger weight gets no less', () => {
    const part = fc.record({ weight: fc.nat(1_000_000), low: fc.nat(20), more: fc.nat(1_000) });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 30 }), fc.double({ min: 0, max: 1, noNaN: true }), (parts, at) => {
        const low = parts.map((p) => p.low);
        const high = parts.map((p) => p.low + p.more);
        const total = sum(low) + Math.floor(at * (sum(high) - sum(low)));
        const weights = parts.map((p) => p.weight);
        const shares = apportion(total, weights, low, high);
        expect(sum(shares)).toBe(total);
        expect(shares.every((share, i) => share >= low[i]! && share <= high[i]!)).toBe(true);
        const free = apportion(total, weights);
        const fair = weights.every((w, i) => weights.every((v, j) => w <= v || free[i]! >= free[j]!));
        expect(fair).toBe(true);
      }),
    );
  });
});

describe('generate: profile', () => {
  it('sums to the rows, ascends but for rounding, and stays within 1 and top', () => {
    const cell = fc.record({
      d: fc.integer({ min: 1, max: 3_000 }),
      top: fc.integer({ min: 1, max: 400 }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(cell, ({ d, top, at }) => {
        const n = d + Math.floor(at * d * (top - 1));
        const profile = makeProfile(n, d, top);
        const counts = Array.from({ length: d }, (_, i) => profile(i));
        expect(sum(counts)).toBe(n);
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...counts)).toBeLessThanOrEqual(top);
        expect(counts.every((c, i) => i === 0 || c >= counts[i - 1]! - 1)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('generate: dealing customers', () => {
  it('gives each cell distinct ones and all of them a place, however tight', () => {
    const cells = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 200 }), cells, fc.boolean(), (seed, count, shares, tight) => {
        const sizes = shares.map((share) => Math.ceil(share * count));
        const places = sum(sizes);
        // Tight: exactly as many customers as places.
        const customers = tight ? places : Math.min(count, places);
        const dealer = new Dealer(1_000, customers, places, makeRandom(seed, 1));
        const seen = new Set<number>();
        for (const d of sizes) {
          const into = new Uint32Array(d + 2);
          dealer.deal(into, 1, d);
          expect(into[0]! + into[d + 1]!).toBe(0);
          const dealt = [...into.subarray(1, d + 1)];
          expect(new Set(dealt).size).toBe(d);
          for (const customer of dealt) seen.add(customer);
        }
        expect(seen.size).toBe(customers);
        expect(Math.min(...seen)).toBe(1_000);
        expect(Math.max(...seen)).toBe(999 + customers);
      }),
    );
  });
});
