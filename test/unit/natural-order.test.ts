import { describe, expect, test } from 'vitest';
import { compareNatural, compareUtf8 } from '../../src/core/natural-order.ts';

const sign = (n: number): number => Math.sign(n);

describe('natural order', () => {
  test.each([
    ['numbers by value', ['chunk_2', 'chunk_10', 'chunk_100']],
    ['the text before a number first: it is a proper prefix of the other', ['a10/x', 'a/0']],
    ['a key before its continuation', ['a', 'a1', 'a1b', 'a1b2', 'ab']],
    ['the text after a number', ['chunk_01-.csv', 'chunk_001.csv', 'chunk_01.csv.gz', 'chunk_2-.csv', 'chunk_2/x.csv', 'chunk_2_a.csv']],
    ['numbers of any length', ['c_99999999999999999999', 'c_100000000000000000000', 'c_100000000000000000001']],
    ['leading zeros do not count', ['c_0', 'c_1', 'c_002', 'c_03']],
    ['equal numbers: what follows decides, before the zeros', ['c_01a', 'c_1b', 'c_001c']],
    ['all numbers equal: the bytes of the whole key', ['c_0', 'c_00', 'c_000', 'c_001', 'c_01', 'c_1']],
    ['equal up to zeros twice: the bytes of the whole key', ['a01b1', 'a1b01', 'a1b1']],
    ['a first text that is empty', ['0.csv', '2', '2.csv', '10', '-1', 'a']],
    ['minus signs and points are text', ['c.0.5', 'c.0.10', 'c.1.5']],
    ['only ASCII digits are digits', ['x9', 'x10', 'x²2', 'x²10', 'x\u0663']],
    ['texts by UTF-8 bytes, which is not the order of JS strings', ['\uFF5E', '\u{1F600}']],
  ])('%s', (_, keys) => {
    for (const [i, a] of keys.entries()) {
      for (const [j, b] of keys.entries()) expect(sign(compareNatural(a, b)), `${a} and ${b}`).toBe(sign(i - j));
    }
  });

  test('the byte order of UTF-8 beyond U+FFFF', () => {
    const texts = ['', 'a', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
    for (const [i, a] of texts.entries()) for (const [j, b] of texts.entries()) expect(sign(compareUtf8(a, b))).toBe(sign(i - j));
  });
});
