/**
 * A column of exact integers, one a row, growing at the end.
 *
 * Modes and the one transition between them:
 *   narrow: a Float64Array. Every value held is an integer of magnitude at most 2^53 - 1, so float64 holds it exactly.
 *   wide:   two BigInt64Arrays (high and low 64 bits of a two's complement 128-bit integer), entered for good
 *           before the first value that narrow could not hold exactly.
 * Why two: sums of money almost never pass 2^53 units, and float64 columns are several times faster than BigInt;
 * but no legal input may overflow (law 5). 128 bits hold the sum of 2^63 rows of the largest legal amount.
 *
 * Hot loops may read and write `narrow` in place while it is not null, and owe the check `Number.isSafeInteger`
 * on every value they store; `reserve` may replace the array, so it is fetched anew after each growth.
 */
import { growBigInt64, growBigUint64, growFloat64 } from './grow.ts';

export class Integers {
  length = 0;
  /** The values, exact, or null once the column is wide. Only the first `length` are meaningful. */
  narrow: Float64Array<ArrayBuffer> | null;
  private high: BigInt64Array<ArrayBuffer> | null = null;
  private low: BigUint64Array<ArrayBuffer> | null = null;

  constructor(capacity = 16) {
    this.narrow = new Float64Array(Math.max(1, capacity));
  }

  static from(values: Iterable<number | bigint>): Integers {
    const column = new Integers();
    for (const value of values) column.push(value);
    return column;
  }

  get isWide(): boolean {
    return this.narrow === null;
  }

  /** Makes room for `capacity` values; those beyond `length` are 0. */
  reserve(capacity: number): void {
    const have = this.narrow?.length ?? this.high?.length ?? 0;
    if (capacity <= have) return;
    if (this.narrow !== null) this.narrow = growFloat64(this.narrow, capacity);
    else if (this.high !== null && this.low !== null) {
      this.high = growBigInt64(this.high, capacity);
      this.low = growBigUint64(this.low, capacity);
    }
  }

  /** Grows or shrinks to `length` values; new ones are 0. */
  resize(length: number): void {
    this.reserve(length);
    if (length < this.length) {
      this.narrow?.fill(0, length, this.length);
      this.high?.fill(0n, length, this.length);
      this.low?.fill(0n, length, this.length);
    }
    this.length = length;
  }

  push(value: number | bigint): void {
    this.resize(this.length + 1);
    this.set(this.length - 1, value);
  }

  set(index: number, value: number | bigint): void {
    if (this.narrow !== null) {
      const asNumber = Number(value);
      if (Number.isSafeInteger(asNumber)) {
        this.narrow[index] = asNumber + 0;
        return;
      }
      this.widen();
    }
    const wide = BigInt(value);
    const { high, low } = this.halves();
    high[index] = wide >> 64n;
    low[index] = BigInt.asUintN(64, wide);
  }

  /** The exact value. */
  big(index: number): bigint {
    if (this.narrow !== null) return BigInt(this.narrow[index] ?? 0);
    const { high, low } = this.halves();
    return ((high[index] ?? 0n) << 64n) | (low[index] ?? 0n);
  }

  /** The value as float64: exact while narrow, else rounded to nearest (ties to even, as `Number(bigint)`). */
  float(index: number): number {
    return this.narrow !== null ? (this.narrow[index] ?? 0) : Number(this.big(index));
  }

  /** -1, 0 or 1. */
  sign(index: number): number {
    return Math.sign(this.float(index));
  }

  add(index: number, value: number | bigint): void {
    if (this.narrow !== null && typeof value === 'number') {
      const sum = (this.narrow[index] ?? 0) + value;
      if (Number.isSafeInteger(sum) && Number.isSafeInteger(value)) {
        this.narrow[index] = sum;
        return;
      }
    }
    this.set(index, this.big(index) + BigInt(value));
  }

  addFrom(index: number, other: Integers, otherIndex: number): void {
    if (other.narrow !== null) this.add(index, other.narrow[otherIndex] ?? 0);
    else this.add(index, other.big(otherIndex));
  }

  /** -1, 0 or 1 as the value at `a` is less than, equal to or greater than that at `b`. */
  compare(a: number, b: number): number {
    if (this.narrow !== null) {
      const difference = (this.narrow[a] ?? 0) - (this.narrow[b] ?? 0);
      return difference < 0 ? -1 : difference > 0 ? 1 : 0;
    }
    const left = this.big(a);
    const right = this.big(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }

  private halves(): { high: BigInt64Array; low: BigUint64Array } {
    if (this.high === null || this.low === null) throw new Error('not wide');
    return { high: this.high, low: this.low };
  }

  private widen(): void {
    const narrow = this.narrow;
    if (narrow === null) return;
    const high = new BigInt64Array(narrow.length);
    const low = new BigUint64Array(narrow.length);
    for (let i = 0; i < this.length; i++) {
      const value = BigInt(narrow[i] ?? 0);
      high[i] = value >> 64n;
      low[i] = BigInt.asUintN(64, value);
    }
    this.narrow = null;
    this.high = high;
    this.low = low;
  }
}
