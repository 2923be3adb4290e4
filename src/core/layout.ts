/**
 * Which statistics are kept: the dimensions, row filters, grains and measures that a set of patterns needs.
 *
 * A layout is data (plain JSON), made by `patterns/plan` and kept in the database beside the statistics; it says
 * everything about what a delta and a statistics table hold, and nothing about thresholds. Patterns are bound to a
 * layout (core/plan.ts): a changed threshold binds to the same layout, a pattern that needs a measure which the layout
 * has not cannot be bound, and asks for `rebuild`.
 *
 * Only the *base* grains (those contained in no other) are read from rows, put into deltas and stored. Every other grain
 * is a projection of its base: all additive measures of a coarser key are sums over the finer keys, and a distinct count
 * is the number of finer keys whose count is positive. So a row costs one update a base grain, and what is stored has no
 * redundancy that could disagree.
 */

/** A field whose values are names. Index in `Layout.dimensions` is its id everywhere. */
export interface Dimension {
  /** Our name of the field (DESIGN.md 4; the header may differ, see `columns`). */
  readonly name: string;
  /** Part of an entity, of a group, or counted by `distinct`: `missing_key` and `long_key` apply. Otherwise only tested in `where`. */
  readonly key: boolean;
}

export type NumericField = 'amount' | 'weight';
export type Comparison = '<' | '<=' | '>' | '>=' | '=' | '!=';

/** A decimal literal: units / 10^digits, without trailing zeros (units 0 has digits 0). `units` is text: JSON has no bigint. */
export interface Decimal {
  readonly units: string;
  readonly digits: number;
}

/** One test of a `where`. A row without the weight that is tested fails it, `!=` too. */
export type Test =
  | { readonly kind: 'text'; readonly dimension: number; readonly op: '=' | '!=' | 'in'; readonly values: readonly string[] }
  | { readonly kind: 'number'; readonly field: NumericField; readonly op: Comparison; readonly value: Decimal };

/** All tests must hold. Tests are in canonical order, so equal filters are equal data. */
export interface Filter {
  readonly tests: readonly Test[];
}

/**
 * A measure that is the sum over rows of something, hence additive over any split of the rows.
 *   count:  1 for each row (that passes the filter)
 *   sum:    amount or weight in units of 10^-scale
 *   number: 1 for each row that has a weight (every accepted row has an amount: its number is `count`)
 */
export type Additive =
  | { readonly kind: 'count'; readonly filter: number | null }
  | { readonly kind: 'sum'; readonly of: NumericField; readonly filter: number | null }
  | { readonly kind: 'number'; readonly of: 'weight'; readonly filter: number | null };

/** The number of entities of the finer grain `of` (this grain's key and one dimension more, or itself) whose additive measure `counting` (a count) is positive. */
export interface Distinct {
  readonly of: number;
  readonly counting: number;
}

export interface Grain {
  /** The names of its dimensions joined by `_`: `merchant_customer`; `all` for the grain without dimensions. Unique. */
  readonly name: string;
  /** Ids of its dimensions, in the order of first declaration. */
  readonly dimensions: readonly number[];
  /** The index of the base grain whose rows it sums; its own index if it is a base grain. */
  readonly base: number;
  /** `additive[0]` is always the plain count: an entity is a member of its cohorts while it is positive. */
  readonly additive: readonly Additive[];
  /** For each additive measure its index among those of the base grain (identity for a base grain). */
  readonly fromBase: readonly number[];
  readonly distinct: readonly Distinct[];
}

export type WeightSource = 'none' | 'column' | 'amount' | 'reference';

export interface Layout {
  /** Digits after the point of amounts and weights: 0 to 18. */
  readonly scale: number;
  /** Whether rows must have a legal amount (measured, tested in a `where`, or the source of weights). */
  readonly amount: boolean;
  /**
   * Where weights come from. none: no pattern speaks of it. column: the header's, needed. amount: the header's if it has
   * one, else the amount. reference: a file of its own; columns of that name in chunks are ignored.
   */
  readonly weight: WeightSource;
  readonly dimensions: readonly Dimension[];
  readonly filters: readonly Filter[];
  readonly grains: readonly Grain[];
}

/** Indices of the base grains, in order. Deltas have one `GrainDelta` for each, in this order. */
export function baseGrains(layout: Layout): number[] {
  return layout.grains.flatMap((grain, index) => (grain.base === index ? [index] : []));
}
