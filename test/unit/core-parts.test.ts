import { describe, expect, test } from 'vitest';
import { Children } from '../../src/core/children.ts';
import { formatUnits, parseUnits } from '../../src/core/decimal.ts';
import { decodeDelta, encodeDelta } from '../../src/core/delta-codec.ts';
import { Dictionary } from '../../src/core/dictionary.ts';
import { EntityTable } from '../../src/core/entity-table.ts';
import { IdList } from '../../src/core/grow.ts';
import { hashPair, hashRow } from '../../src/core/hash.ts';
import { HashIndex, NONE } from '../../src/core/hash-index.ts';
import { Integers } from '../../src/core/integers.ts';
import { makeValues } from '../helpers/core/deltas.ts';

describe('decimals', () => {
  test.each([
    [143010n, 2, '1430.10'],
    [-5n, 2, '-0.05'],
    [0n, 2, '0.00'],
    [0n, 0, '0'],
    [-7n, 0, '-7'],
    [-100n, 2, '-1.00'],
    [1n, 18, '0.000000000000000001'],
    [2n ** 100n, 3, '1267650600228229401496703205.376'],
  ])('%s units with %s digits are %s', (units, digits, text) => {
    expect(formatUnits(units, digits)).toBe(text);
    expect(parseUnits(text, digits)).toBe(units);
  });

  test('numbers are formatted as bigints are', () => {
    expect(formatUnits(-5, 2)).toBe('-0.05');
    expect(formatUnits(-0, 0)).toBe('0');
    expect(formatUnits(2 ** 53 - 1, 0)).toBe('9007199254740991');
  });

  test('zeros beyond the digits are read, other digits refused', () => {
    expect(parseUnits('+007.5000', 2)).toBe(750n);
    for (const text of ['1.001', '', '1.', '.5', '1e3', 'NaN', '1,5', ' 1']) expect(() => parseUnits(text, 2)).toThrow('not a decimal');
  });
});

describe('integers', () => {
  test('stay narrow up to 2^53 - 1, then are wide for good and exact', () => {
    const column = Integers.from([0, -0, -5, 2 ** 53 - 1]);
    expect(column.isWide).toBe(false);
    expect(Object.is(column.float(1), 0)).toBe(true);
    column.add(3, 1);
    expect(column.isWide).toBe(true);
    expect([0, 1, 2, 3].map((i) => column.big(i))).toEqual([0n, 0n, -5n, 2n ** 53n]);
    column.add(3, 2n ** 64n);
    column.add(2, -(2n ** 100n));
    expect([column.big(2), column.big(3), column.sign(2), column.compare(2, 3)]).toEqual([-5n - 2n ** 100n, 2n ** 53n + 2n ** 64n, -1, -1]);
    column.resize(2);
    column.resize(4);
    expect(column.big(3)).toBe(0n);
  });
});

describe('dictionary', () => {
  test('ids are dense in order of first appearance, texts come back, bytes decide', () => {
    const dictionary = new Dictionary();
    const texts = ['b', '', 'a', '\u{1f600}', '\uffff', 'x'.repeat(70_000), 'b'];
    expect([...dictionary.internAll(makeValues(texts))]).toEqual([0, 1, 2, 3, 4, 5, 0]);
    expect(texts.map((text) => dictionary.text(dictionary.findText(text)))).toEqual(texts);
    expect(dictionary.findText('c')).toBe(NONE);
    expect(dictionary.compare(3, 4)).toBeGreaterThan(0);
    expect([dictionary.compare(1, 2), dictionary.compare(2, 2)]).toEqual([-1, 0]);
  });

  test('200,000 values over several blocks and doublings', () => {
    const dictionary = new Dictionary();
    const text = (i: number): string => `customer ${i} ${'x'.repeat(i % 13)}`;
    for (let i = 0; i < 200_000; i++) dictionary.internText(text(i));
    expect(dictionary.size).toBe(200_000);
    for (let i = 0; i < 200_000; i += 997) {
      expect(dictionary.text(i)).toBe(text(i));
      expect(dictionary.findText(text(i))).toBe(i);
    }
  });
});

describe('entities', () => {
  test('equal hashes do not make keys equal', () => {
    const index = new HashIndex();
    for (let id = 0; id < 40; id++) {
      let found = index.first(7);
      while (found !== NONE) found = index.next(7);
      index.insert(7, id);
    }
    const ids: number[] = [];
    for (let id = index.first(7); id !== NONE; id = index.next(7)) ids.push(id);
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test.each([0, 1, 2, 3, 4])('keys of %s values: found again, dense, unknown ones not made', (width) => {
    const table = new EntityTable(width);
    const count = 50_000;
    const keys = Array.from({ length: width }, (_, k) =>
      Uint32Array.from({ length: count }, (_, i) => (k === 0 ? i >>> 1 : (i * 31) % (k * 977))),
    );
    const out = new Uint32Array(count + 1);
    table.resolve(keys, count, out, 1);
    const known = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const key = keys.map((column) => column[i]).join();
      if (!known.has(key)) known.set(key, known.size);
      expect(out[i + 1]).toBe(known.get(key));
    }
    expect(table.size).toBe(known.size);
    expect(table.find(keys.map((column) => column[4242] as number))).toBe(out[4243]);
    if (width > 0) expect(table.find(keys.map(() => 4_000_000_000))).toBe(NONE);
    expect(new EntityTable(width).find(keys.map(() => 0))).toBe(NONE);
    expect(table.size).toBe(known.size);
  });

  test('a pair and a row of two columns have one hash', () => {
    expect(hashRow([Uint32Array.of(5), Uint32Array.of(4_294_967_295)], 0)).toBe(hashPair(5, 4_294_967_295));
  });

  test('children of many parents come back in full', () => {
    const children = new Children();
    const expected = new Map<number, number[]>();
    for (let child = 0; child < 20_000; child++) {
      const parent = child % 7 === 0 ? 3 : child % 1001;
      children.add(parent, child);
      expected.set(parent, [...(expected.get(parent) ?? []), child]);
    }
    const list = new IdList();
    for (const [parent, ids] of expected) {
      children.collect(parent, list);
      expect([...list.view()].toSorted((a, b) => a - b)).toEqual(ids);
      expect(children.count(parent)).toBe(ids.length);
    }
    children.collect(99_999, list);
    expect(list.length).toBe(0);
  });
});

describe('the codec of deltas', () => {
  const sample = {
    grains: [
      {
        size: 3,
        keys: [Uint32Array.of(1_000_000, 1_000_001, 1_000_002), Uint32Array.of(4_294_967_295, 0, 5)],
        additive: [
          Integers.from([1, 1, 2]),
          Integers.from([-(2 ** 53) + 1, 2 ** 53 - 1, 0]),
          Integers.from([2n ** 126n, -(2n ** 127n), 1n]),
          Integers.from([1, 1, 2]),
        ],
      },
      { size: 0, keys: [new Uint32Array(0)], additive: [new Integers()] },
      { size: 1, keys: [], additive: [Integers.from([-1])] },
    ],
  };

  test('values of all widths come back, also from arrays longer than the rows', () => {
    const decoded = decodeDelta(encodeDelta(sample));
    expect(decoded.grains.map(({ keys }) => keys)).toEqual(sample.grains.map(({ keys }) => keys));
    const sums = (delta: typeof decoded): bigint[][][] =>
      delta.grains.map(({ size, additive }) => additive.map((column) => Array.from({ length: size }, (_, i) => column.big(i))));
    expect(sums(decoded)).toEqual(sums(sample));
    const longer = { size: 1, keys: [Uint32Array.of(7, 8, 9)], additive: [Integers.from([1, 2, 3])] };
    expect(decodeDelta(encodeDelta({ grains: [longer] })).grains[0]?.keys).toEqual([Uint32Array.of(7)]);
    expect(decodeDelta(encodeDelta({ grains: [] }))).toEqual({ grains: [] });
  });

  test('the bytes of format 1 are pinned', () => {
    const delta = { grains: [{ size: 2, keys: [Uint32Array.of(300, 301)], additive: [Integers.from([-1, 64]), Integers.from([-1, 64])] }] };
    expect(Buffer.from(encodeDelta(delta)).toString('hex')).toBe('010102010201d80402000180010100ad2a9acb');
  });

  test('any changed, missing or added byte is refused as INTERNAL', () => {
    const bytes = encodeDelta(sample);
    const refused = { code: 'INTERNAL' };
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i] = (changed[i] as number) ^ (1 << (i % 8));
      expect(() => decodeDelta(changed)).toThrow(expect.objectContaining(refused));
      expect(() => decodeDelta(bytes.subarray(0, i))).toThrow(expect.objectContaining(refused));
    }
    expect(() => decodeDelta(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(expect.objectContaining(refused));
  });
});
