/**
 * A measure of the entities of one grain, bound to its columns: an integer, or an average sum / number.
 * Undefined (number not positive) has the float key NaN. Cost: O(1) each; BigInt only beyond 2^53 or on a tie of floats.
 */
import type { ExactColumn } from './column.ts';
import { formatUnits } from './decimal.ts';
import type { SumAndNumber } from './detection.ts';
import { compareCross, roundedQuotient, signOf } from './rational.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

export class Measure {
  readonly numerator: ExactColumn;
  /** Null for an integer measure: the denominator is 1. */
  readonly denominator: ExactColumn | null;
  /** The value is numerator / denominator * 10^-digits. */
  readonly digits: number;

  constructor(numerator: ExactColumn, denominator: ExactColumn | null, digits: number) {
    this.numerator = numerator;
    this.denominator = denominator;
    this.digits = digits;
  }

  /** The correctly rounded value (monotone in the exact one), NaN where undefined. */
  key(entity: number): number {
    const denominator = this.denominator;
    const top = this.numerator.float(entity);
    if (denominator === null) return top;
    const bottom = denominator.float(entity);
    if (!(bottom > 0)) return Number.NaN;
    if (Math.abs(top) <= SAFE && bottom <= SAFE) return top / bottom;
    return roundedQuotient(this.numerator.big(entity), denominator.big(entity));
  }

  isDefined(entity: number): boolean {
    return this.denominator === null || this.denominator.sign(entity) > 0;
  }

  /** Exact order of two entities for which the measure is defined. */
  compare(a: number, b: number): number {
    if (this.denominator === null) return this.numerator.compare(a, b);
    const { numerator, denominator } = this;
    const quick = compareCross(numerator.float(a), denominator.float(a), numerator.float(b), denominator.float(b));
    if (quick !== null) return quick;
    return signOf(numerator.big(a) * denominator.big(b) - numerator.big(b) * denominator.big(a));
  }

  /**
   * Whether two entities may have the key `key` and yet different values, no denominator being above `largest`.
   * Integers: from 2^53 on. Averages: different values differ by at least 1 / (n1 n2), and those with the same rounded
   * value f by at most 2^-52 |f|; so not while |f| n1 n2 < 2^52 (2^51 leaves room for the rounding of this product).
   */
  isDoubtful(key: number, largest: number): boolean {
    return this.denominator === null ? Math.abs(key) > SAFE : Math.abs(key) * largest * largest >= 2 ** 51;
  }

  text(entity: number): string | SumAndNumber {
    const top = formatUnits(this.numerator.big(entity), this.digits);
    return this.denominator === null ? top : { sum: top, number: this.denominator.big(entity).toString() };
  }
}
