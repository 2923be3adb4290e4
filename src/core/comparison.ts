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
 *
 * An integer against a number is a question of a range: a op Y / X, with a whole, iff low <= a <= high (or not, for !=). `keep`
 * asks it of a list in one loop.
 */
import { Column } from './column.ts';
import { pow10 } from './decimal.ts';
import type { IdList } from './grow.ts';
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
  private readonly range: Range | null;

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
    this.range = right === null && left.denominator === null ? rangeOf(op, this.x, this.y) : null;
  }

  /** Whether it is one of the cheap ones. */
  get isRange(): boolean {
    return this.range !== null;
  }

  /** Keeps the entities for which it holds between the entity and itself. */
  keep(list: IdList): void {
    const column = this.left.numerator;
    if (this.range !== null && column instanceof Column && !column.isWide) {
      const { data, stride } = column.records;
      list.length = keepRange(list.ids, list.length, data, stride, column.slot, this.range);
    } else list.keep((entity) => this.holds(entity, entity));
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

/** Integers of magnitude at most 2^53 - 1 that are `inside` (or not) of low .. high, both included. */
interface Range {
  readonly low: number;
  readonly high: number;
  readonly inside: boolean;
}

/** The safe integers a with a * x op y; x > 0. */
function rangeOf(op: Op, x: bigint, y: bigint): Range {
  const below = floorOf(y, x);
  const above = -floorOf(-y, x);
  switch (op) {
    case '<':
      return { low: -Infinity, high: bounded(above - 1n), inside: true };
    case '<=':
      return { low: -Infinity, high: bounded(below), inside: true };
    case '>':
      return { low: bounded(below + 1n), high: Infinity, inside: true };
    case '>=':
      return { low: bounded(above), high: Infinity, inside: true };
    default:
      // Where y / x is no integer, low > high: nothing is inside.
      return { low: bounded(above), high: bounded(below), inside: op === '=' };
  }
}

function floorOf(y: bigint, x: bigint): bigint {
  const quotient = y / x;
  return quotient * x > y ? quotient - 1n : quotient;
}

/** What is beyond the safe integers is beyond every value: 2^53 and its negative are themselves floats. */
function bounded(value: bigint): number {
  const limit = 2n ** 53n;
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}

function keepRange(ids: Uint32Array, length: number, data: Float64Array, stride: number, slot: number, range: Range): number {
  const { low, high, inside } = range;
  let kept = 0;
  for (let i = 0; i < length; i++) {
    const entity = ids[i] as number;
    const value = data[entity * stride + slot] as number;
    ids[kept] = entity;
    if ((value >= low && value <= high) === inside) kept++;
  }
  return kept;
}
