import type { Random } from './random.ts';

/**
 * Names like BankSim's: a letter and a number below 2^31 that looks random and is nobody else's.
 *
 * number = a keyed bijection of 31-bit integers (multiply by an odd number, add, fold the high bits down,
 * each reversible), so names are distinct without a table of those given, at any number of customers.
 */
export type Numbering = (index: number) => number;

const mask = 0x7fffffff;

export function makeNumbering(random: Random): Numbering {
  const first = random.next() | 1;
  const second = random.next() | 1;
  const shift = random.next();
  return (index) => {
    let x = (Math.imul(index, first) + shift) & mask;
    x ^= x >>> 15;
    x = Math.imul(x, second) & mask;
    x ^= x >>> 13;
    x = Math.imul(x, first) & mask;
    return x ^ (x >>> 16);
  };
}
