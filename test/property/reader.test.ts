import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import { illegal, parseUnits, wholeDigits, wide, wideUnits } from '../../src/reader/decimal.ts';
import { Dictionary } from '../../src/reader/dictionary.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { blockSizes, files, longFiles, readings, runs } from '../helpers/engine-arbitrary.ts';
import { foundByReader, foundBySlow } from '../helpers/engine-compare.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';
import { slowDecimal } from '../helpers/slow-parser/parse.ts';

// A failure prints its seed and path; `fc.assert(..., { seed, path })` replays it.

/** What the generated files came to, so that a generator that makes nothing but one kind is noticed. */
const seen = new Map<string, number>();
const see = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);

describe.each(['auto', 'typescript'] as const)('the reader finds what the slow parser finds: aggregation %s', (aggregation) => {
  test('in any file, in blocks of any size', () => {
    const cases = readings.chain((reading) => fc.tuple(fc.constant(reading), files(reading), blockSizes));
    fc.assert(
      fc.property(cases, ([reading, bytes, blockBytes]) => {
        const part = { object: 'x.csv', bytes };
        const expected = foundBySlow([part], reading);
        if ('fault' in expected) see(expected.fault);
        else {
          for (const [, , reason] of expected.rejected) see(String(reason));
          if (expected.rows > expected.rejected.length) see('accepted');
        }
        expect(foundByReader(part, reading, blockBytes, new ChunkReader(reading, aggregation))).toEqual(expected);
      }),
      runs(4000),
    );
  });

  afterAll(() => {
    const kinds = [
      'accepted',
      'bad_header',
      'bad_quoting',
      'bad_encoding',
      'column_count',
      'missing_key',
      'long_key',
      'bad_amount',
      'bad_weight',
    ];
    for (const kind of kinds) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(5);
  });

  test('in long files, where windows end anywhere', () => {
    const reading: Reading = { layout: presetLayout('column'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
    const sizes = fc.oneof(fc.integer({ min: 1000, max: 200_000 }), fc.constantFrom(4096, 65_536, 1 << 20));
    fc.assert(
      fc.property(longFiles, sizes, (bytes, blockBytes) => {
        const part = { object: 'x.csv', bytes };
        expect(foundByReader(part, reading, blockBytes, new ChunkReader(reading, aggregation))).toEqual(foundBySlow([part], reading));
      }),
      runs(20),
    );
  });

  test('whatever it has read before', () => {
    const reading: Reading = { layout: presetLayout('amount'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
    fc.assert(
      fc.property(fc.array(files(reading), { minLength: 2, maxLength: 6 }), (chunks) => {
        const reader = new ChunkReader(reading, aggregation);
        chunks.forEach((bytes, i) => {
          const part = { object: `${i}.csv`, bytes };
          expect(foundByReader(part, reading, 50, reader)).toEqual(foundBySlow([part], reading));
        });
      }),
      runs(200),
    );
  });
});

test('decimals are the exact integers of the text, at every scale', () => {
  const digits = fc.stringMatching(/^[0-9]{0,20}$/);
  const text = fc.oneof(
    fc.tuple(fc.constantFrom('', '+', '-', ' '), digits, fc.constantFrom('', '.', '.', '..'), digits).map((pieces) => pieces.join('')),
    fc.string({ maxLength: 6 }),
    fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }).map(
      (units) =>
        `${units / 100n}.${String(units % 100n)
          .replace('-', '')
          .padStart(2, '0')}`,
    ),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 18 }), (text, scale) => {
      const bytes = Buffer.from(`x${text}y`, 'utf8');
      const units = parseUnits(bytes, 1, bytes.length - 1, scale, wholeDigits(scale));
      const expected = slowDecimal(text, scale);
      if (expected === undefined) expect(units).toBe(illegal);
      else if (units === wide) {
        expect(wideUnits(bytes, 1, bytes.length - 1, scale)).toBe(expected);
        expect(Number.isSafeInteger(Number(expected))).toBe(false);
      } else {
        expect(BigInt(units)).toBe(expected);
        expect(Object.is(units, -0)).toBe(false);
      }
    }),
    runs(5000),
  );
});

test('a dictionary names equal bytes by one id, and others by others', () => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 5 }),
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...['', 'a', 'b', 'ab'].map((text) => Buffer.from(text))),
  );
  const dictionary = new Dictionary();
  fc.assert(
    fc.property(fc.array(value, { maxLength: 3000, size: 'max' }), (values) => {
      const ids = new Map<string, number>();
      for (const bytes of values) {
        const text = Buffer.from(bytes).toString('latin1');
        expect(dictionary.find(bytes, 0, bytes.length)).toBe(ids.get(text) ?? -1);
        const id = dictionary.intern(bytes, 0, bytes.length);
        expect(id).toBe(ids.get(text) ?? ids.size);
        ids.set(text, id);
      }
      const taken = dictionary.take();
      expect(taken.count).toBe(ids.size);
      for (const [text, id] of ids) {
        expect(Buffer.from(taken.bytes.subarray(taken.offsets[id], taken.offsets[id + 1])).toString('latin1')).toBe(text);
      }
      expect(dictionary.count).toBe(0);
    }),
    runs(10),
  );
});
