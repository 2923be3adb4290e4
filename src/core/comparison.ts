/**
 * left op right between two measures, or a measure and a number, exact.
 *
 * With left = a/b * 10^-dl and right = c/d * 10^-dr times the factor P / 10^k (a percentage or 1; a number is c = d = 1
 * with the factor U / 10^k), left op right iff a d X op c b Y, where X = 10^(dr + k), Y = P * 10^dl (divided by their common
 * powers of ten) and b, d > 0. Undefined (b or d not positive) makes every op false.
 *
 * Floats filter: each side is a product of at most four factors, each rounded once, with two roundings of products: its
 * relative error is below 5 * 2^-53 * 1.01 < 2^-50. So |left - right| > 2^-49 (|left| + |right|) decides. Below that, products
 * below 2^53 decide: they are exact, since a factor that was rounded is at least 2^53 and would make its product so (or 0,
 * which is exact). The rest goes to BigInt; so does a literal that is infinite as a float.
 */
import { pow10 } from './decimal.ts';
import type { Comparison as Op } from './layout.ts';
import type { Measure } from './measure.ts';
import { signOf } from './rational.ts';

const SAFE = Number.MAX_SAFE_INTEGER;
const DOUBT = 2 ** -49;

export class Comparison {
  readonly left: Measure;
  /** Null: the right side is a number, held in the factors. */
  readonly right: Measure | null;
  readonly op: Op;
  private readonly x: bigint;
  private readonly y: bigint;
  private readonly xFloat: number;
  private readonly yFloat: number;

  /** The right side is `factor` (units / 10^digits) times the measure, or times 1. */
  constructor(left: Measure, op: Op, right: Measure | null, factor: { readonly units: bigint; readonly digits: number }) {
    this.left = left;
    this.op = op;
    this.right = right;
    const rightDigits = (right === null ? 0 : right.digits) + factor.digits;
    const common = Math.min(rightDigits, left.digits);
    this.x = pow10(rightDigits - common);
    this.y = factor.units * pow10(left.digits - common);
    this.xFloat = Number(this.x);
    this.yFloat = Number(this.y);
  }

  /** Whether it holds between entity `i` of the left measure's grain and `j` of the right one's. */
  holds(i: number, j: number): boolean {
    const order = this.order(i, j);
    switch (this.op) {
      case '<':
        return order < 0;
      case '<=':
        return order <= 0;
      case '>':
        return order > 0;
      case '>=':
        return order >= 0;
      case '=':
        return order === 0;
      default:
        return order !== 0 && !Number.isNaN(order);
    }
  }

  /** Sign of left - right; NaN where either is undefined. */
  private order(i: number, j: number): number {
    const { left, right } = this;
    const b = left.denominator === null ? 1 : left.denominator.float(i);
    const d = right === null || right.denominator === null ? 1 : right.denominator.float(j);
    if (!(b > 0 && d > 0)) return Number.NaN;
    const leftSide = left.numerator.float(i) * d * this.xFloat;
    const rightSide = (right === null ? 1 : right.numerator.float(j)) * b * this.yFloat;
    const difference = leftSide - rightSide;
    const doubt = (Math.abs(leftSide) + Math.abs(rightSide)) * DOUBT;
    if (difference > doubt) return 1;
    if (difference < -doubt) return -1;
    if (Math.abs(leftSide) <= SAFE && Math.abs(rightSide) <= SAFE) return Math.sign(difference);
    return this.bigOrder(i, j);
  }

  private bigOrder(i: number, j: number): number {
    const { left, right } = this;
    const b = left.denominator === null ? 1n : left.denominator.big(i);
    const d = right === null || right.denominator === null ? 1n : right.denominator.big(j);
    const c = right === null ? 1n : right.numerator.big(j);
    return signOf(left.numerator.big(i) * d * this.x - c * b * this.y);
  }
}
