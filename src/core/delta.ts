/**
 * What one chunk adds to the measures of each entity that it touches, as an engine yields it.
 *
 * Values are named by ids local to the delta, so that an engine needs no shared dictionary and the same bytes always
 * give the same delta; `step` maps them to the state's ids. Additive: applying the deltas of two halves of the rows
 * equals applying that of all rows, in any order (law 1). Negative numbers take out what was put in.
 */
import type { Integers } from './integers.ts';

/** Distinct values of a dimension as UTF-8 bytes: value i is bytes[offsets[i] .. offsets[i + 1]]. `offsets.length` >= count + 1. */
export interface Values {
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

export interface GrainDelta {
  /** Number of entities touched; each key occurs once. */
  readonly size: number;
  /** For each dimension of the grain, in the grain's order, `size` local value ids (more may be allocated). */
  readonly keys: readonly Uint32Array[];
  /** For each additive measure of the grain, `size` sums. */
  readonly additive: readonly Integers[];
}

export interface Delta {
  /** For each dimension of the layout; empty for those that are not keys. */
  readonly values: readonly Values[];
  /** One for each base grain, in the order of `baseGrains(layout)`. */
  readonly grains: readonly GrainDelta[];
}
