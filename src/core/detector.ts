/**
 * The contract of the core: statistics in memory, and the patterns that they make true.
 *
 * Guarantees: no I/O, no clock, no randomness. After any sequence of `step` and `apply` the state equals the aggregate of
 * all rows applied (law 1), and the detections of a step are exactly the entities for which a from-scratch evaluation is
 * true now and which that pattern has not detected before (law 2). Work of a step: law 7.
 */
import type { Delta, GrainDelta } from './delta.ts';
import type { ConditionEvidence, Detection } from './detection.ts';
import type { Integers } from './integers.ts';
import type { Plan } from './plan.ts';

/** A delta whose keys are the state's value ids: what is stored in the ledger (core/delta-codec.ts). One for each base grain. */
export interface StateDelta {
  readonly grains: readonly GrainDelta[];
}

/** Values that a dimension gained: ids first, first + 1, ... (dense, never reused). */
export interface NewValues {
  readonly dimension: number;
  readonly first: number;
  readonly values: readonly string[];
}

export interface StepResult {
  readonly newValues: readonly NewValues[];
  readonly delta: StateDelta;
  /** Ordered by pattern as declared, then by the entity's values as UTF-8 bytes in declared order (DESIGN.md 6). */
  readonly detections: readonly Detection[];
}

export interface CorrectionResult extends StepResult {
  /** What the new contents alone amount to: `old` of a further correction. `delta` is what the statistics change by. */
  readonly contents: StateDelta;
}

/** Rows for the statistics table of one base grain: sums to add to the entities' rows. */
export interface FoldRows {
  /** Index in `layout.grains`. */
  readonly grain: number;
  /** Ids of entities in the state's base grain, ascending; those >= `firstNew` have no row in the table yet. */
  readonly entities: Uint32Array;
  readonly firstNew: number;
  readonly keys: readonly Uint32Array[];
  readonly additive: readonly Integers[];
}

/** Some rows of a statistics table: entities by id, their keys (value ids) and sums. Columns may be longer than `size`. */
export interface TableRows extends GrainDelta {
  readonly entities: Uint32Array;
}

export interface TableLoader {
  /** The rows are copied. */
  add(rows: TableRows): void;
  /** After all of them. */
  end(): void;
}

/** What `explain` shows: each condition, whether it holds, and its evidence (null where the measure is undefined). */
export interface Explanation {
  readonly pattern: number;
  readonly known: boolean;
  readonly detected: boolean;
  readonly holds: boolean;
  readonly conditions: readonly {
    readonly text: string;
    readonly holds: boolean;
    readonly evidence: ConditionEvidence | null;
    readonly why: string;
  }[];
}

export interface Detector {
  readonly plan: Plan;

  // Loading, in this order; nothing is evaluated.
  /** Dictionary of a dimension, ids 0, 1, ... in order. */
  loadValues(dimension: number, values: readonly string[]): void;
  /** A statistics table of so many rows, which may come in any order: each entity id below `size` once. */
  loadTable(grain: number, size: number): TableLoader;
  /** Rows of a statistics table in order: entity ids are dense and ascending over all calls for the grain. */
  loadRows(grain: number, keys: readonly Uint32Array[], additive: readonly Integers[], size: number): void;
  /** A delta of the ledger after the watermark (`folded` false: it also goes into the next fold). */
  apply(delta: StateDelta): void;
  /** An entity that a pattern has detected before; values in the pattern's declared order. Unknown values are added to the dictionary only in memory and are no new values. */
  loadDetected(pattern: number, values: readonly string[]): void;

  /**
   * Makes now what the first step after loading would have to make (the orders of cohorts that are followed), so that it costs
   * no more than the next. Called after loading, or not at all.
   */
  prepare(): void;

  /** Applies the delta and evaluates every pattern. The detections are remembered as detected. */
  step(delta: Delta): StepResult;
  /**
   * Takes out what `old` put in, puts in `next`, and evaluates once, after both. An entity that is left without a transaction is
   * no member of its cohorts any more; what was detected of it stays detected. `mended`: what was put in beside `old`, and goes
   * out with it (replayed rows).
   */
  correct(old: StateDelta, next: Delta, mended?: Delta | null): CorrectionResult;
  /** Applies without evaluating (the reference's weights). */
  addWeights(delta: Delta): StepResult;
  /** Evaluates every pattern on every entity: the first evaluation under a changed set of patterns. */
  reevaluate(): readonly Detection[];
  explain(pattern: number, values: readonly string[]): Explanation;

  /**
   * Everything applied since the last call, summed by entity, for the fold; starts a new buffer. The caller calls it at a
   * moment when all that was applied is committed, or passes back what it could not fold with `returnFold`.
   */
  takeFold(): readonly FoldRows[];
  /**
   * `takeFold` as of this call, made some ms at a time: whatever is applied between two of them belongs to the next fold. It is to
   * be made to its end before another is taken or this one passed back.
   */
  beginFold(): Generator<void, readonly FoldRows[]>;
  returnFold(rows: readonly FoldRows[]): void;

  /** For tests, `verify` and the views: all entities of a grain with their measures (members and others). */
  rows(
    grain: number,
  ): Iterable<{ readonly values: readonly string[]; readonly additive: readonly bigint[]; readonly distinct: readonly number[] }>;
  size(grain: number): number;
  /** Counters of work done since the start (law 7; a test pins them). */
  readonly work: { entities: number; moved: number; rankQueries: number; evaluated: number };
}
