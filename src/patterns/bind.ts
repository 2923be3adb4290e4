/**
 * Patterns bound to a layout: what the core evaluates.
 *
 * Measures are looked up by structure (names of dimensions, tests of filters), never by place, so the layout may hold
 * more than is needed and in another order: a removed pattern, a changed threshold or reordered patterns bind to the
 * statistics as they are. What is not there is named, and asks for `rebuild`.
 */
import type { Additive, Layout } from '../core/layout.ts';
import type { Bound, Condition, Operand, Plan, PlannedPattern } from '../core/plan.ts';
import type { MeasureNode, TestNode } from './ast.ts';
import { filterKey, fingerprint, setFingerprint } from './canonical.ts';
import { toBound } from './decimal.ts';
import { type AdditiveNeed, cohortKey, needOf, printAdditive } from './need.ts';
import type { Pattern } from './pattern.ts';

export type Binding =
  | { readonly kind: 'bound'; readonly plan: Plan }
  /** Names what the layout has not, for people: `count(where gender = F) of merchant_customer`. */
  | { readonly kind: 'missing'; readonly missing: readonly string[] };

/** Finds grains and measures in a layout; notes what is not there. -1 stands for it until `missing` is looked at. */
class Lookup {
  readonly missing = new Set<string>();
  private readonly layout: Layout;
  private readonly filterKeys: readonly string[];

  constructor(layout: Layout) {
    this.layout = layout;
    this.filterKeys = layout.filters.map((filter) => filterKey(filter.tests.map((test) => this.testNode(test))));
  }

  dimension(name: string): number {
    return this.layout.dimensions.findIndex((dimension) => dimension.name === name);
  }

  grain(key: readonly string[]): number {
    const ids = key.map((name) => this.dimension(name));
    const found = this.layout.grains.findIndex(
      ({ dimensions }) => dimensions.length === ids.length && ids.every((id) => dimensions.includes(id)),
    );
    if (found < 0) this.missing.add(`statistics of (${key.join(', ')})`);
    return found;
  }

  additive(grain: number, need: AdditiveNeed): number {
    const { additive = [], name = '' } = this.layout.grains[grain] ?? {};
    const found = additive.findIndex((candidate) => this.isSame(candidate, need));
    if (found < 0 && grain >= 0) this.missing.add(`${printAdditive(need)} of ${name}`);
    return found;
  }

  distinct(grain: number, finer: number, counting: number): number {
    const { distinct = [], name = '' } = this.layout.grains[grain] ?? {};
    const found = distinct.findIndex((candidate) => candidate.of === finer && candidate.counting === counting);
    if (found < 0 && grain >= 0 && counting >= 0) this.missing.add(`a distinct count over ${this.layout.grains[finer]?.name} of ${name}`);
    return found;
  }

  private isSame(additive: Additive, need: AdditiveNeed): boolean {
    if (additive.kind !== need.kind || (additive.kind !== 'count' && need.kind !== 'count' && additive.of !== need.of)) return false;
    return (additive.filter === null ? '[]' : this.filterKeys[additive.filter]) === filterKey(need.where);
  }

  private testNode(test: Layout['filters'][number]['tests'][number]): TestNode {
    if (test.kind === 'number') return { kind: 'number', field: { name: test.field, at: 0 }, op: test.op, value: test.value };
    const name = this.layout.dimensions[test.dimension]?.name ?? '';
    return { kind: 'text', field: { name, at: 0 }, op: test.op, values: test.values };
  }
}

function bindMeasure(measure: MeasureNode, entity: readonly string[], lookup: Lookup, scale: number): Operand {
  const need = needOf(measure, entity);
  const grain = lookup.grain(need.key);
  const digits = measure.kind === 'count' || measure.kind === 'distinct' ? 0 : scale;
  if (need.kind === 'additive') return { grain, digits, kind: 'additive', index: lookup.additive(grain, need.value) };
  if (need.kind === 'average') {
    return { grain, digits, kind: 'average', sum: lookup.additive(grain, need.sum), number: lookup.additive(grain, need.number) };
  }
  const finer = lookup.grain(need.finer);
  return { grain, digits, kind: 'distinct', index: lookup.distinct(grain, finer, lookup.additive(finer, need.counting)) };
}

function bindPattern(pattern: Pattern, lookup: Lookup, scale: number): PlannedPattern {
  const { id, action, entity } = pattern;
  const bind = (measure: MeasureNode): Operand => bindMeasure(measure, entity, lookup, scale);
  const conditions = pattern.conditions.map(({ text, node }): Condition => {
    if (node.kind === 'rank') {
      const cohort = lookup.grain(cohortKey(node, entity));
      return { kind: 'rank', text, measure: bind(node.measure), direction: node.direction, percent: toBound(node.percent.value), cohort };
    }
    const left = bind(node.left);
    const { right } = node;
    let bound: Bound;
    if (right.kind === 'number') bound = { kind: 'number', value: toBound(right.value), text: right.text };
    else if (right.kind === 'measure') bound = { kind: 'measure', operand: bind(right.measure) };
    else bound = { kind: 'percent', percent: toBound(right.percent.value), text: right.percent.text, operand: bind(right.measure) };
    return { kind: 'compare', text, left, op: node.op, right: bound };
  });
  const entityDimensions = entity.map((name) => lookup.dimension(name));
  return { id, action, entity, entityDimensions, grain: lookup.grain(entity), conditions, fingerprint: fingerprint(pattern) };
}

/** The patterns over the layout, or what it lacks. */
export function bindPatterns(patterns: readonly Pattern[], layout: Layout): Binding {
  const lookup = new Lookup(layout);
  const planned = patterns.map((pattern) => bindPattern(pattern, lookup, layout.scale));
  if (lookup.missing.size > 0) return { kind: 'missing', missing: [...lookup.missing] };
  return { kind: 'bound', plan: { layout, patterns: planned, fingerprint: setFingerprint(patterns) } };
}
