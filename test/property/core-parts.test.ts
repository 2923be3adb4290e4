/** Replay a failure with the seed and path that fast-check prints: CORE_SEED=... CORE_PATH=... */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Comparison } from '../../src/core/comparison.ts';
import { crc32 } from '../../src/core/crc32.ts';
import { decodeDelta, encodeDelta } from '../../src/core/delta-codec.ts';
import { formatUnits, parseUnits } from '../../src/core/decimal.ts';
import { IdList } from '../../src/core/grow.ts';
import { Integers } from '../../src/core/integers.ts';
import { Measure } from '../../src/core/measure.ts';
import { BlockRanking } from '../../src/core/rank/block-ranking.ts';
import { nextAbove, nextBelow } from '../../src/core/rank/ranking.ts';
import { selectKey } from '../../src/core/rank/select.ts';
import { roundedQuotient } from '../../src/core/rational.ts';
import { VarintReader } from '../../src/core/varint.ts';

const parameters = {
  numRuns: Number(process.env['CORE_RUNS'] ?? 300),
  ...(process.env['CORE_SEED'] === undefined ? {} : { seed: Number(process.env['CORE_SEED']) }),
  ...(process.env['CORE_PATH'] === undefined ? {} : { path: process.env['CORE_PATH'] }),
};

const around = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 2n ** BigInt(bits) - 3n, max: 2n ** BigInt(bits) + 3n });
const integer = fc
  .tuple(
    fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 10n ** 8n }), around(52), around(53), around(64), around(100)),
    fc.boolean(),
  )
  .map(([value, negative]) => (negative ? -value : value));
const positive = fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 1n, max: 10n ** 8n }), around(53), around(64));

function sign(value: bigint): number {
  return value < 0n ? -1 : value > 0n ? 1 : 0;
}

describe('quotients', () => {
  test('the key is the correctly rounded quotient: no float is closer, and exact order is never reversed', () => {
    const property = fc.property(integer, positive, integer, positive, (s1, n1, s2, n2) => {
      const measure = new Measure(Integers.from([s1, s2]), Integers.from([n1, n2]), 2);
      const [key1, key2] = [measure.key(0), measure.key(1)];
      const exact = sign(s1 * n2 - s2 * n1);
      if (key1 !== key2) expect(Math.sign(key1 - key2)).toBe(exact);
      expect(Math.sign(measure.compare(0, 1))).toBe(exact);
      expect(key1).toBe(roundedQuotient(s1, n1));
      // |key - s/n| <= |other - s/n| for both neighbours, in units of 2^-1100.
      const unit = 2n ** 1100n;
      const distance = (x: number): bigint => {
        const d = toBig(x, 1100n) * n1 - s1 * unit;
        return d < 0n ? -d : d;
      };
      if (key1 !== 0) for (const other of [nextAbove(key1), nextBelow(key1)]) expect(distance(key1) <= distance(other)).toBe(true);
      // Where equal keys hide different values, it is said that they may.
      const largest = Number(n1 > n2 ? n1 : n2);
      if (key1 === key2 && exact !== 0) expect(measure.isDoubtful(key1, largest)).toBe(true);
    });
    fc.assert(property, parameters);
  });

  test('comparisons are exact for every op, with percentages and literals of many digits', () => {
    const digits = fc.constantFrom(0, 1, 2, 18);
    const factor = fc.record({ units: integer, digits: fc.constantFrom(0, 1, 3, 25, 330) });
    const property = fc.property(
      integer,
      fc.option(positive),
      digits,
      integer,
      fc.option(positive),
      digits,
      factor,
      (a, b, dl, c, d, dr, p) => {
        const left = new Measure(Integers.from([a]), b === null ? null : Integers.from([b]), dl);
        const right = new Measure(Integers.from([c]), d === null ? null : Integers.from([d]), dr);
        const ten = (n: number): bigint => 10n ** BigInt(n);
        const exact = sign(a * (d ?? 1n) * ten(dr + p.digits) - c * (b ?? 1n) * p.units * ten(dl));
        const number = sign(a * ten(p.digits) - (b ?? 1n) * p.units * ten(dl));
        for (const [measure, order] of [
          [right, exact],
          [null, number],
        ] as const) {
          const holds = (op: Comparison['op']): boolean => new Comparison(left, op, measure, p).holds(0, 0);
          expect([holds('<'), holds('<='), holds('='), holds('>='), holds('>'), holds('!=')]).toEqual([
            order < 0,
            order <= 0,
            order === 0,
            order >= 0,
            order > 0,
            order !== 0,
          ]);
        }
      },
    );
    fc.assert(property, parameters);
  });

  test('undefined makes every comparison false', () => {
    const average = new Measure(Integers.from([5, 5]), Integers.from([0, -1]), 0);
    for (const op of ['<', '<=', '>', '>=', '=', '!='] as const) {
      for (const i of [0, 1]) expect(new Comparison(average, op, null, { units: 0n, digits: 0 }).holds(i, 0)).toBe(false);
    }
    expect([average.key(0), average.key(1)]).toEqual([Number.NaN, Number.NaN]);
  });
});

/** A finite float times 2^bits, exact. */
function toBig(x: number, bits: bigint): bigint {
  let value = x;
  let shift = bits;
  while (!Number.isInteger(value)) {
    value *= 2;
    shift--;
  }
  return BigInt(value) * 2n ** shift;
}

test('decimals come back from their text', () => {
  fc.assert(
    fc.property(integer, fc.nat(18), (units, digits) => {
      expect(parseUnits(formatUnits(units, digits), digits)).toBe(units);
    }),
    parameters,
  );
});

const keys = fc.array(fc.constantFrom(-1, 0, 1, 2, 3, 1 / 3, 2 ** 53, -(2 ** 70), 1e300), { minLength: 1, maxLength: 400 });

test('selection is sorting and taking', () => {
  const property = fc.property(keys, fc.nat(), (list, at) => {
    const k = at % list.length;
    expect(selectKey(Float64Array.from(list), list.length, k)).toBe(list.toSorted((a, b) => a - b)[k]);
  });
  fc.assert(property, parameters);
});

describe('a kept ranking', () => {
  interface Member {
    readonly key: number;
    readonly id: number;
  }

  function check(ranking: BlockRanking, members: Map<number, number>, probes: readonly number[]): void {
    const sorted = [...members].map(([id, key]): Member => ({ id, key })).sort((a, b) => a.key - b.key || a.id - b.id);
    expect(ranking.size).toBe(sorted.length);
    for (const at of probes) {
      if (sorted.length === 0) break;
      const { key } = sorted[at % sorted.length] as Member;
      expect(ranking.keyAt(at % sorted.length)).toBe(key);
      expect(members.get(ranking.memberWith(key))).toBe(key);
      for (const near of [key, nextAbove(key), nextBelow(key), -5, 1e9]) {
        expect(ranking.countBelow(near)).toBe(sorted.filter((member) => member.key < near).length);
        expect(ranking.countAtMost(near)).toBe(sorted.filter((member) => member.key <= near).length);
      }
      const list = new IdList();
      ranking.collect(key, key + 1, list);
      const near = sorted.filter((member) => member.key >= key && member.key <= key + 1);
      expect([...list.view()].toSorted((a, b) => a - b)).toEqual(near.map(({ id }) => id).toSorted((a, b) => a - b));
    }
  }

  test.each([
    ['spread values', 1_000_000],
    ['many ties', 4],
    ['all equal', 0],
  ])('equals sorting from scratch through thousands of changes: %s', (_, spread) => {
    const change = fc.tuple(fc.nat(4000), fc.nat(spread), fc.nat(9));
    const batches = fc.array(fc.array(change, { maxLength: 1500 }), { minLength: 1, maxLength: 6 });
    const property = fc.property(fc.nat(3000), batches, fc.array(fc.nat(), { maxLength: 6 }), (n, list, probes) => {
      const members = new Map<number, number>();
      for (let id = 0; id < n; id++) members.set(id, (id * 7919) % (spread + 1));
      const ranking = BlockRanking.from(Float64Array.from(members.values()), Uint32Array.from(members.keys()), 1);
      check(ranking, members, probes);
      // Batches take out more and more, so that blocks join, empty and split again.
      list.forEach((batch, b) => {
        for (const [id, key, out] of batch) {
          const old = members.get(id);
          const stays = out >= b * 2;
          if (old !== undefined && stays) ranking.move(old, key, id);
          else if (old !== undefined) ranking.remove(old, id);
          else if (stays) ranking.insert(key, id);
          members.delete(id);
          if (stays) members.set(id, key);
        }
        check(ranking, members, probes);
      });
      for (const [id, key] of members) ranking.remove(key, id);
      expect(ranking.size).toBe(0);
      ranking.insert(1, 1);
      check(ranking, new Map([[1, 1]]), [0]);
    });
    fc.assert(property, { ...parameters, numRuns: Math.ceil(parameters.numRuns / 10) });
  });

  test('moving marked members together is moving each', () => {
    const change = fc.tuple(fc.nat(1999), fc.oneof(fc.nat(1_000_000), fc.nat(4), fc.constant(Number.NaN)));
    const batches = fc.array(fc.array(change, { maxLength: 1500 }), { minLength: 1, maxLength: 6 });
    const property = fc.property(fc.nat(2000), batches, fc.array(fc.nat(), { maxLength: 6 }), (n, list, probes) => {
      const members = new Map(Array.from({ length: n }, (_, id) => [id, (id * 7919) % 1000]));
      const ranking = BlockRanking.from(Float64Array.from(members.values()), Uint32Array.from(members.keys()), 1);
      const marks = new Uint8Array(2000).fill(1);
      for (const batch of list) {
        const keys = new Map(batch.filter(([id]) => members.has(id)));
        for (const [id, key] of keys) {
          marks[id] = 3;
          if (Number.isNaN(key)) members.delete(id);
          else members.set(id, key);
        }
        expect(ranking.moveMarked(marks, 2, (id) => keys.get(id) as number)).toBe(keys.size);
        expect(marks.every((mark) => mark === 1)).toBe(true);
        check(ranking, members, probes);
        // Whoever left comes back.
        for (const [id, key] of keys) {
          if (!Number.isNaN(key)) continue;
          ranking.insert(id, id);
          members.set(id, id);
        }
      }
      for (const [id, key] of members) ranking.remove(key, id);
      expect(ranking.size).toBe(0);
    });
    fc.assert(property, { ...parameters, numRuns: Math.ceil(parameters.numRuns / 10) });
  });

  test('a member that is not where its key says is a broken law', () => {
    const ranking = BlockRanking.from(Float64Array.of(1, 2), Uint32Array.of(0, 1), 1);
    expect(() => ranking.remove(2, 0)).toThrow('broken law');
  });
});

describe('the codec of deltas', () => {
  const column = (size: number): fc.Arbitrary<Integers> =>
    fc.array(integer, { minLength: size, maxLength: size }).map((values) => Integers.from(values));
  const grain = fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 3 }), fc.nat(4)).chain(([size, width, measures]) =>
    fc.record({
      size: fc.constant(size),
      keys: fc.array(
        fc.array(fc.nat(0xffffffff), { minLength: size, maxLength: size }).map((ids) => Uint32Array.from(ids)),
        { minLength: width, maxLength: width },
      ),
      additive: fc.array(column(size), { minLength: measures, maxLength: measures }),
    }),
  );

  test('round trip', () => {
    const property = fc.property(fc.array(grain, { maxLength: 3 }), (grains) => {
      const decoded = decodeDelta(encodeDelta({ grains }));
      const plain = (parts: typeof grains): unknown =>
        parts.map(({ size, keys, additive }) => [
          size,
          keys.map((k) => [...k]),
          additive.map((m) => Array.from({ length: size }, (_, i) => m.big(i))),
        ]);
      expect(plain(decoded.grains as typeof grains)).toEqual(plain(grains));
    });
    fc.assert(property, parameters);
  });

  test('bytes that are no delta are refused as INTERNAL even where their checksum holds, and make nothing large', () => {
    const property = fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (body) => {
      const bytes = Buffer.concat([Buffer.of(1), body, Buffer.alloc(4)]);
      bytes.writeUInt32LE(crc32(bytes, 0, bytes.length - 4), bytes.length - 4);
      try {
        decodeDelta(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'INTERNAL' });
      }
    });
    fc.assert(property, parameters);
  });

  test('a varint of any bytes is a number or refused', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      for (const read of [(r: VarintReader) => r.signed(), (r: VarintReader) => r.unsigned(), (r: VarintReader) => r.bigSigned()]) {
        try {
          const value = read(new VarintReader(bytes, 0, bytes.length, 'it'));
          expect(typeof value === 'bigint' || Number.isSafeInteger(value)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INTERNAL' });
        }
      }
    });
    fc.assert(property, parameters);
  });
});
