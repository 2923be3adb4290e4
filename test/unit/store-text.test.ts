/** Integers and texts on their way to PostgreSQL and back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Integers } from '../../src/core/integers.ts';
import { bytesArray, idsArray, integersArray, numberArray, textArray } from '../../src/store/postgres/arrays.ts';
import { compress, decompress } from '../../src/store/postgres/compress.ts';
import { CopyFilter } from '../../src/store/postgres/copy-data.ts';
import { RowParser } from '../../src/store/postgres/copy-rows.ts';
import { copyText } from '../../src/store/postgres/integer-text.ts';

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
  test('come back as they went, wherever the bytes are cut', () => {
    const check = (list: readonly bigint[], cut: number, batch: number): void => {
      const ids = Uint32Array.from(list, (_, i) => i);
      const bytes = Buffer.concat([...copyText([ids, Integers.from(list)], 0, list.length)]);
      const back: bigint[] = [];
      const rows: number[] = [];
      const parser = new RowParser(1, 1, batch, ({ size, ids, integers }) => {
        rows.push(...(ids[0] as Uint32Array).subarray(0, size));
        back.push(...values(integers[0] as Integers));
      });
      for (let at = 0; at < bytes.length; at += cut) parser.push(bytes.subarray(at, at + cut));
      parser.end();
      expect(back).toEqual(list.map((value) => value + 0n));
      expect(rows).toEqual([...ids]);
    };
    for (const cut of [1, 2, 3, 7, 1000]) for (const batch of [1, 2, 100]) check(edges, cut, batch);
    check([], 1, 1);
    const cuts = fc.integer({ min: 1, max: 60 });
    fc.assert(fc.property(fc.array(fc.oneof(wide, safe)), cuts, cuts, check));
    fc.assert(fc.property(fc.array(safe), cuts, cuts, check));
  });

  test('that are no rows of integers are refused', () => {
    for (const text of ['1\t2', '1\n', '1\t\n', '1\t2\t3\n', '1\t-\n', '1\tx\n', '1\t1:\n', '\\N\t1\n']) {
      const parser = new RowParser(1, 1, 10, () => {});
      expect(() => {
        parser.push(Buffer.from(text));
        parser.end();
      }).toThrow(/a copy of/);
    }
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

  test('go into parameters by rows', () => {
    expect(idsArray(Uint32Array.of(1, 2, 3, 4), 1, 3)).toBe('{2,3}');
    expect(integersArray(Integers.from(edges), 1, 4)).toBe('{0,9,10}');
    expect(integersArray(Integers.from(edges), edges.length - 1, edges.length)).toBe(`{${-(2n ** 127n)}}`);
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

test('rows of a COPY are taken out, and all other messages stay as they are, wherever the bytes are cut', () => {
  const message = (kind: string, text: string): Buffer => {
    const head = Buffer.from(`${kind}....`);
    head.writeUInt32BE(4 + text.length, 1);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const sent = [
    ['H', 'x'],
    ['d', 'a\n'],
    ['d', 'bb\n'],
    ['d', ''],
    ['N', 'a notice'],
    ['d', 'c\n'],
    ['c', ''],
    ['C', 'COPY 3'],
    ['Z', 'T'],
  ] as const;
  const bytes = Buffer.concat(sent.map(([kind, text]) => message(kind, text)));
  // A part of a message that is not there yet stays behind.
  for (const [cut, end] of Array.from({ length: bytes.length }, (_, i) => [i + 1, bytes.length - (i % 5)] as const)) {
    let copied = '';
    const others: Buffer[] = [];
    const filter = new CopyFilter(
      (part, from, to) => (copied += Buffer.from(part.subarray(from, to)).toString()),
      (other) => others.push(Buffer.from(other)),
    );
    const buffer = Buffer.alloc(cut);
    for (let at = 0; at < end; at += cut) {
      // One buffer for all reads, as of the socket.
      buffer.fill('?');
      const length = bytes.copy(buffer, 0, at, Math.min(end, at + cut));
      filter.take(buffer.subarray(0, length));
    }
    expect(copied).toBe('a\nbb\nc\n');
    expect(Buffer.concat([...others, filter.rest])).toEqual(
      Buffer.concat(sent.flatMap(([kind, text]) => (kind === 'd' ? [] : [message(kind, text)]))).subarray(
        0,
        end - bytes.length || undefined,
      ),
    );
    expect(filter.rest.length).toBe((end - bytes.length + 6) % 6);
  }
});
