/**
 * The evidence of conditions as of now (DESIGN.md 3): exact texts, fields in fixed order.
 * Cost: O(1) a comparison; a rank asks its ranking (one read of a small cohort serves all its detections in a row).
 */
import type { CompareEvidence, ConditionEvidence, MeasureEvidence, SumAndNumber } from './detection.ts';
import type { BoundComparison, BoundCondition } from './evaluator.ts';
import type { Link } from './link.ts';
import type { Measure } from './measure.ts';
import type { Condition } from './plan.ts';
import type { RankCondition, Standing } from './rank/rank-condition.ts';

type Compare = Extract<Condition, { readonly kind: 'compare' }>;
type Rank = Extract<Condition, { readonly kind: 'rank' }>;

/** Null where a measure that the condition needs is undefined. */
export function conditionEvidence(condition: Condition, bound: BoundCondition, entity: number): ConditionEvidence | null {
  if (condition.kind === 'compare') return bound.kind === 'compare' ? compareEvidence(condition, bound, entity) : null;
  if (bound.kind !== 'rank' || Number.isNaN(bound.rank.order.key(entity))) return null;
  return rankEvidence(condition, bound.rank, entity, bound.rank.standing(entity));
}

export function rankEvidence(condition: Rank, rank: RankCondition, entity: number, standing: Standing): ConditionEvidence {
  const { b, n, cutoff } = standing;
  return { when: condition.text, ...asEvidence(rank.order.measure.text(at(rank.order.via, entity))), b, n, cutoff };
}

function compareEvidence(condition: Compare, bound: BoundComparison, entity: number): CompareEvidence | null {
  const { left, right } = bound.comparison;
  if (!isDefined(left, bound.leftVia, entity) || !isDefined(right, bound.rightVia, entity)) return null;
  const value = left.text(at(bound.leftVia, entity));
  return { when: condition.text, ...asEvidence(value), bound: boundEvidence(condition, right, at(bound.rightVia, entity)) };
}

function boundEvidence(condition: Compare, right: Measure | null, entity: number): CompareEvidence['bound'] {
  if (condition.right.kind === 'number' || right === null) return condition.right.kind === 'number' ? condition.right.text : '';
  const value = right.text(entity);
  return condition.right.kind === 'measure' ? value : { percent: condition.right.text, ...asEvidence(value) };
}

function asEvidence(value: string | SumAndNumber): MeasureEvidence {
  return typeof value === 'string' ? { value } : value;
}

function isDefined(measure: Measure | null, via: Link | null, entity: number): boolean {
  return measure === null || measure.isDefined(at(via, entity));
}

function at(via: Link | null, entity: number): number {
  return via === null ? entity : (via.parent[entity] as number);
}
