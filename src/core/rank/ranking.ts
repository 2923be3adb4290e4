/**
 * The contract of a rank structure: the members of one cohort that have the measure, in the order of their float keys.
 *
 * Keys are correctly rounded values (measure.ts): unequal keys decide the exact order, equal ones are told apart by whoever
 * asks, with the exact values. Two implementations: `linear-ranking.ts`, read from the records for the question at hand
 * (small cohorts), and `block-ranking.ts`, kept from step to step (all others).
 */
import type { IdList } from '../grow.ts';

export interface Ranking {
  /** Number of members that have the measure. */
  readonly size: number;
  /** No member's denominator is larger (1 for integer measures). */
  readonly largest: number;
  /** Key of the member at `index` in ascending order, 0 <= index < size; `near` is a guess (NaN for none). */
  keyAt(index: number, near?: number): number;
  /** Number of members with a smaller key. */
  countBelow(key: number): number;
  /** Number of members with a key that is not larger. */
  countAtMost(key: number): number;
  /** Some member with exactly this key. */
  memberWith(key: number): number;
  /** Appends the members with low <= key <= high, in any order. */
  collect(low: number, high: number, list: IdList): void;
}

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);

/** The smallest float larger than `key` (finite). */
export function nextAbove(key: number): number {
  if (key === 0) return Number.MIN_VALUE;
  float[0] = key;
  bits[0] = (bits[0] as bigint) + (key > 0 ? 1n : -1n);
  return float[0];
}

export function nextBelow(key: number): number {
  return -nextAbove(-key);
}
