/**
 * The syntax tree of one condition (the grammar of DESIGN.md 3).
 *
 * Plain data. `at` is the offset (UTF-16 units) of the node's first character in the condition's text; it serves
 * messages only and is no part of the meaning: `canonical.ts` leaves it out.
 */
import type { Comparison, Decimal, NumericField } from '../core/layout.ts';

export interface NameNode {
  readonly name: string;
  readonly at: number;
}

export interface TextTestNode {
  readonly kind: 'text';
  readonly field: NameNode;
  readonly op: '=' | '!=' | 'in';
  /** One value for `=` and `!=`, one or more for `in`. */
  readonly values: readonly string[];
}

export interface NumberTestNode {
  readonly kind: 'number';
  readonly field: NameNode & { readonly name: NumericField };
  readonly op: Comparison;
  readonly value: Decimal;
}

export type TestNode = TextTestNode | NumberTestNode;

export type MeasureNode = {
  readonly at: number;
  /** The group whose measure it is; null: the entity's own. */
  readonly group: readonly NameNode[] | null;
  /** The tests of its `where`, all of which must hold; empty without one. */
  readonly where: readonly TestNode[];
} & (
  | { readonly kind: 'count' }
  | { readonly kind: 'sum' | 'avg'; readonly of: NumericField }
  | { readonly kind: 'distinct'; readonly of: NameNode }
);

export interface PercentNode {
  readonly at: number;
  readonly value: Decimal;
  /** As written, without the sign. */
  readonly text: string;
}

export type ValueNode =
  | { readonly kind: 'number'; readonly at: number; readonly value: Decimal; readonly text: string }
  | { readonly kind: 'measure'; readonly measure: MeasureNode }
  | { readonly kind: 'percent'; readonly percent: PercentNode; readonly measure: MeasureNode };

export interface CompareNode {
  readonly kind: 'compare';
  readonly left: MeasureNode;
  readonly op: Comparison;
  readonly opAt: number;
  readonly right: ValueNode;
}

export interface RankNode {
  readonly kind: 'rank';
  readonly measure: MeasureNode;
  readonly direction: 'top' | 'bottom';
  readonly percent: PercentNode;
  /** Where the name of the cohort stands. */
  readonly cohortAt: number;
  /** The group that the cohort shares; empty for `all`. */
  readonly cohort: readonly NameNode[];
}

export type ConditionNode = CompareNode | RankNode;

/** The measures that a condition names, left to right. */
export function measuresOf(node: ConditionNode): readonly MeasureNode[] {
  if (node.kind === 'rank') return [node.measure];
  return node.right.kind === 'number' ? [node.left] : [node.left, node.right.measure];
}
