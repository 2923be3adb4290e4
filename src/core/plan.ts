/** Patterns bound to a layout: what `step` evaluates. Made by `patterns/plan`, pure data. */
import type { Comparison, Layout } from './layout.ts';

/** units / 10^digits. */
export interface BoundDecimal {
  readonly units: bigint;
  readonly digits: number;
}

/**
 * A measure of an entity of `grain`: an integer (times 10^-digits), or an average sum/number (times 10^-digits), which is
 * undefined while its number is 0. `grain` is the pattern's own, or a coarser one whose key is a part of the entity's.
 */
export type Operand = {
  readonly grain: number;
  /** 0 for counts, the layout's scale for sums and averages. */
  readonly digits: number;
} & (
  | { readonly kind: 'additive'; readonly index: number }
  | { readonly kind: 'distinct'; readonly index: number }
  | { readonly kind: 'average'; readonly sum: number; readonly number: number }
);

export type Bound =
  | { readonly kind: 'number'; readonly value: BoundDecimal; readonly text: string }
  | { readonly kind: 'measure'; readonly operand: Operand }
  /** `percent` of the operand: 12.5% has the value 12.5, units 125, digits 1; `text` as written without the sign. */
  | { readonly kind: 'percent'; readonly percent: BoundDecimal; readonly text: string; readonly operand: Operand };

export type Condition =
  | { readonly kind: 'compare'; readonly text: string; readonly left: Operand; readonly op: Comparison; readonly right: Bound }
  | {
      readonly kind: 'rank';
      /** As written, trimmed: evidence repeats it. */
      readonly text: string;
      readonly measure: Operand;
      readonly direction: 'top' | 'bottom';
      /** 0 < percent <= 100, without trailing zeros, digits <= 6. */
      readonly percent: BoundDecimal;
      /** The grain of the cohort's key: entities with the same one are ranked against each other. `all` is the grain without dimensions. */
      readonly cohort: number;
    };

export interface PlannedPattern {
  readonly id: string;
  readonly action: string;
  /** Names of the entity's dimensions in the order in which the pattern declares them. */
  readonly entity: readonly string[];
  /** Their ids in the layout, in the same order. */
  readonly entityDimensions: readonly number[];
  readonly grain: number;
  readonly conditions: readonly Condition[];
  /** SHA-256 (lower-case hex) of the canonical JSON of the pattern. */
  readonly fingerprint: string;
}

export interface Plan {
  readonly layout: Layout;
  readonly patterns: readonly PlannedPattern[];
  /** SHA-256 (hex) over the patterns' fingerprints in order: the identity of the set. */
  readonly fingerprint: string;
}
