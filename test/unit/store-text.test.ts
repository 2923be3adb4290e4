/** Integers and texts on their way to PostgreSQL and back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Integers } from '../../src/core/integers.ts';
import { bytesArray, idsArray, integersArray, numberArray, textArray } from '../../src/store/postgres/arrays.ts';
import { compress, decompress } from '../../src/store/postgres/compress.ts';
import { copyText, parseIds, parseIntegers } from '../../src/store/postgres/integer-text.ts';

const wide = fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n });
const safe = fc.maxSafeInteger().map(BigInt);
const edges = [
  0n,
  -0n,
  9n,
  10n,
  -10n,
  999_999_999_999_999n,
  10n ** 15n,
  2n ** 31n,
  2n ** 31n - 1n,
  2n ** 53n - 1n,
  -(2n ** 53n) + 1n,
  2n ** 53n,
  2n ** 63n,
  -(2n ** 127n),
];

const values = (column: Integers): bigint[] => Array.from({ length: column.length }, (_, i) => column.big(i));

describe('columns of integers', () => {
  test('come back as they went', () => {
    const check = (list: readonly bigint[]): void => {
      const column = Integers.from(list);
      expect(values(parseIntegers(Buffer.from(integersArray(column, 0, list.length)), list.length))).toEqual([...list]);
    };
    check([]);
    check(edges);
    for (const edge of edges) check([edge]);
    fc.assert(fc.property(fc.array(fc.oneof(wide, safe)), check));
    fc.assert(fc.property(fc.array(safe), check));
  });

  test('go into COPY as PostgreSQL reads them', () => {
    const check = (list: readonly (readonly [number, bigint, bigint])[]): void => {
      const columns = [
        Uint32Array.from(list, ([id]) => id),
        Integers.from(list.map(([, a]) => a)),
        Integers.from(list.map(([, , b]) => b)),
      ];
      const text = Buffer.concat([...copyText(columns, 0, list.length)]).toString();
      expect(text).toBe(list.map((row) => `${row.join('\t')}\n`).join(''));
    };
    check(edges.map((edge, i) => [i === 0 ? 2 ** 32 - 1 : i, edge, -edge % 2n ** 53n]));
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.oneof(wide, safe), safe)), check));
  });

  test('go into COPY in pieces', () => {
    const ids = Uint32Array.from({ length: 200_000 }, (_, i) => i * 7);
    const pieces = [...copyText([ids, ids], 10, ids.length)];
    expect(pieces.length).toBeGreaterThan(5);
    expect(Buffer.concat(pieces).toString().split('\n')[0]).toBe('70\t70');
    expect(Buffer.concat(pieces).toString().trimEnd().split('\n')).toHaveLength(ids.length - 10);
  });

  test('of another length than expected are refused', () => {
    expect(() => parseIds(Buffer.from('{1,2}'), 3)).toThrow(/2 integers, where 3/);
    expect(() => parseIntegers(Buffer.from(''), 0)).toThrow(/expected/);
    expect([...parseIds(Buffer.from('{4294967295,0}'), 2)]).toEqual([4294967295, 0]);
    expect(idsArray(Uint32Array.of(1, 2, 3, 4), 1, 3)).toBe('{2,3}');
  });
});

test('arrays of texts quote what an array would read', () => {
  expect(textArray([])).toBe('{}');
  expect(textArray(['a', null, 'NULL', '', '"', '\\', '{,}'])).toBe('{"a",NULL,"NULL","","\\"","\\\\","{,}"}');
  expect(numberArray([1, null, -2.5])).toBe('{1,NULL,-2.5}');
  expect(bytesArray([Buffer.from([0, 255]), Buffer.alloc(0)])).toBe('{"\\\\x00ff","\\\\x"}');
});

test('bytes of files are kept in fewer bytes', () => {
  const bytes = Buffer.from('M1823072687,C1093826151,1430.10\n'.repeat(50));
  const packed = compress(bytes);
  expect(packed.length).toBeLessThan(bytes.length / 3);
  expect(Buffer.from(decompress(packed))).toEqual(bytes);
  expect(Buffer.from(decompress(compress(Buffer.alloc(0))))).toEqual(Buffer.alloc(0));
});
