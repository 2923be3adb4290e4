/** A pattern turned true for an entity for the first time, with its evidence (DESIGN.md 3). */

export interface SumAndNumber {
  /** Decimal text with the layout's scale: `1430.10`. */
  readonly sum: string;
  readonly number: string;
}

/** An integer measure as decimal text (counts without a point, sums with the layout's scale), or an average. */
export type MeasureEvidence = { readonly value: string } | SumAndNumber;

export type CompareEvidence = { readonly when: string } & MeasureEvidence & {
    /** A number as written; a measure's value; or, for `p% of m`, both. */
    readonly bound: string | SumAndNumber | ({ readonly percent: string } & MeasureEvidence);
  };

export type RankEvidence = { readonly when: string } & MeasureEvidence & {
    /** How many members of the cohort are strictly better. */
    readonly b: number;
    /** How many members of the cohort have the measure. */
    readonly n: number;
    /** The last value that is still in. */
    readonly cutoff: string | SumAndNumber;
  };

/** Fields in exactly this order in JSON: when, value | sum, number, then bound, or b, n, cutoff. */
export type ConditionEvidence = CompareEvidence | RankEvidence;

export interface Detection {
  /** Index in `Plan.patterns`. */
  readonly pattern: number;
  /** The id of the entity in the state of the pattern's grain. */
  readonly entity: number;
  /** The entity's values in the order in which the pattern declares its dimensions. */
  readonly values: readonly string[];
  readonly conditions: readonly ConditionEvidence[];
}
