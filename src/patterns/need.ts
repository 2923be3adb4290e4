/**
 * What a measure needs of the statistics, said by names: the common ground of `plan.ts` (which makes a layout that has it)
 * and `bind.ts` (which looks it up in one).
 */
import type { NumericField } from '../core/layout.ts';
import type { ConditionNode, MeasureNode, TestNode } from './ast.ts';
import { measuresOf } from './ast.ts';
import { canonicalTests, measureKey } from './canonical.ts';
import { printTest } from './print.ts';
import type { Pattern } from './pattern.ts';

/** An additive measure of rows that pass all tests (canonical order). */
export type AdditiveNeed =
  | { readonly kind: 'count'; readonly where: readonly TestNode[] }
  | { readonly kind: 'sum'; readonly of: NumericField; readonly where: readonly TestNode[] }
  | { readonly kind: 'number'; readonly of: 'weight'; readonly where: readonly TestNode[] };

export const plainCount: AdditiveNeed = { kind: 'count', where: [] };

/** What a measure is made of at the grain of `key`. */
export type MeasureNeed = { readonly key: readonly string[] } & (
  | { readonly kind: 'additive'; readonly value: AdditiveNeed }
  | { readonly kind: 'average'; readonly sum: AdditiveNeed; readonly number: AdditiveNeed }
  /** The keys of the finer grain (`key` and `dimension`) whose `counting` is positive. */
  | { readonly kind: 'distinct'; readonly finer: readonly string[]; readonly counting: AdditiveNeed }
);

export function needOf(measure: MeasureNode, entity: readonly string[]): MeasureNeed {
  const key = measureKey(measure, entity);
  const where = canonicalTests(measure.where);
  if (measure.kind === 'count') return { key, kind: 'additive', value: { kind: 'count', where } };
  if (measure.kind === 'distinct') {
    const { name } = measure.of;
    return { key, kind: 'distinct', finer: key.includes(name) ? key : [...key, name], counting: { kind: 'count', where } };
  }
  const sum = { kind: 'sum', of: measure.of, where } as const;
  if (measure.kind === 'sum') return { key, kind: 'additive', value: sum };
  // Every accepted row has an amount, but not every one a weight.
  return {
    key,
    kind: 'average',
    sum,
    number: measure.of === 'weight' ? { kind: 'number', of: 'weight', where } : { kind: 'count', where },
  };
}

/** The key that the members of a cohort share: a part of the entity in its order; empty for `all`. */
export function cohortKey(node: ConditionNode & { readonly kind: 'rank' }, entity: readonly string[]): readonly string[] {
  const names = node.cohort.map((name) => name.name);
  return entity.filter((name) => names.includes(name));
}

export function measureNeeds(pattern: Pattern): readonly MeasureNeed[] {
  return pattern.conditions.flatMap(({ node }) => measuresOf(node).map((measure) => needOf(measure, pattern.entity)));
}

/** Keys of cohorts that a pattern ranks in. */
export function cohortKeys(pattern: Pattern): readonly (readonly string[])[] {
  return pattern.conditions.flatMap(({ node }) => (node.kind === 'rank' ? [cohortKey(node, pattern.entity)] : []));
}

export function additivesOf(need: MeasureNeed): readonly AdditiveNeed[] {
  if (need.kind === 'additive') return [need.value];
  return need.kind === 'average' ? [need.sum, need.number] : [need.counting];
}

/** For people: `sum(amount where category = es_tech)`. */
export function printAdditive(need: AdditiveNeed): string {
  const where = need.where.length === 0 ? '' : `where ${need.where.map(printTest).join(' and ')}`;
  if (need.kind === 'count') return where === '' ? 'count' : `count(${where})`;
  return `${need.kind}(${where === '' ? need.of : `${need.of} ${where}`})`;
}
