/** A pattern: id, action, the entity it speaks about, and conditions that must all hold. */
import type { WeightSource } from '../core/layout.ts';
import type { ConditionNode } from './ast.ts';
import type { Origin } from './problem.ts';

/** A pattern as it is written, in YAML or elsewhere. */
export interface PatternSource {
  readonly id: string;
  readonly action: string;
  readonly entity: readonly string[];
  readonly when: readonly string[];
  /** Where its parts stand in a file, for messages; what is missing is looked for in `pattern`. */
  readonly at?: {
    readonly pattern: Origin;
    readonly id?: Origin;
    readonly action?: Origin;
    /** One for each name. */
    readonly entity?: readonly Origin[];
    /** One for each condition. */
    readonly when?: readonly Origin[];
  };
}

export interface PatternCondition {
  /** As written, trimmed: evidence repeats it. */
  readonly text: string;
  readonly node: ConditionNode;
}

/** A pattern that parsed and passed the checks. */
export interface Pattern {
  readonly id: string;
  readonly action: string;
  /** Dimensions in the order of declaration: the order of an entity's values. */
  readonly entity: readonly string[];
  readonly conditions: readonly PatternCondition[];
}

/** What the config says that decides which patterns are legal. */
export interface PatternContext {
  /** Names in `columns` beyond the default fields. */
  readonly columns: readonly string[];
  /** Where weights come from: `reference` a file, `amount` the amount where a chunk has no weight, `column` or `none` the chunk's own. */
  readonly weight: WeightSource;
}

/** A pattern as it would be written again: `parsePatterns` of it gives an equal pattern. */
export function toSource(pattern: Pattern): PatternSource {
  return { id: pattern.id, action: pattern.action, entity: pattern.entity, when: pattern.conditions.map((condition) => condition.text) };
}
