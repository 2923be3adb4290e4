/**
 * Patterns -> the layout of the statistics that they need, and no more.
 *
 * Grains: each pattern's entity, each group whose measure is named, each cohort, and for `distinct(d)` of a grain G the
 * grain G + {d} (whose keys with a positive count are counted). Base grains are those contained in no other; all others
 * are sums over one of them, which therefore holds the union of the additive measures pushed down to it. Among several
 * that could serve, the one with the fewest dimensions, then the first, is taken.
 *
 * One exception: weights of a reference file are known by customer and merchant only, so a grain that has weights gets
 * a base of only these dimensions, even where a wider base grain contains it.
 *
 * Deterministic: dimensions come in the order of first declaration (entities of all patterns first, then counted ones,
 * then those only tested); grains, filters and measures have an order of their own, so the order of equal patterns,
 * conditions and tests changes nothing else.
 */
import type { Additive, Distinct, Filter, Grain, Layout, WeightSource } from '../core/layout.ts';
import type { TestNode } from './ast.ts';
import { filterKey } from './canonical.ts';
import { chooseBases } from './choose-bases.ts';
import { additiveKey, collectGrains, type GrainNeed } from './grain-need.ts';
import { type AdditiveNeed, additivesOf, measureNeeds } from './need.ts';
import type { Pattern } from './pattern.ts';

export interface InputSettings {
  /** Digits after the point of amounts and weights: 0 to 18. */
  readonly scale: number;
  /** Where weights come from, by the config; `none` and `column` both mean the chunk's own column, where it is needed. */
  readonly weight: WeightSource;
}

const additiveKinds = ['count', 'sum', 'number'];

/** Unfiltered first, then by filter; count, sums (amount first), number. */
function compareAdditive(a: AdditiveNeed, b: AdditiveNeed): number {
  const rank = (need: AdditiveNeed): string =>
    JSON.stringify([
      need.where.length === 0 ? 0 : 1,
      filterKey(need.where),
      additiveKinds.indexOf(need.kind),
      need.kind === 'count' ? '' : need.of,
    ]);
  const [x, y] = [rank(a), rank(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function unique(names: Iterable<string>): readonly string[] {
  return [...new Set(names)];
}

/** Names in the order of first declaration, and how many of them are keys (these come first). */
function dimensionNames(patterns: readonly Pattern[]): { readonly names: readonly string[]; readonly keys: number } {
  const needs = patterns.flatMap(measureNeeds);
  const entities = patterns.flatMap((pattern) => pattern.entity);
  const counted = needs.flatMap((need) => (need.kind === 'distinct' ? need.finer : []));
  const tests = needs.flatMap((need) => additivesOf(need).flatMap((additive) => additive.where));
  const keys = unique([...entities, ...counted]);
  const tested = tests.flatMap((test) => (test.kind === 'text' ? [test.field.name] : []));
  return { names: unique([...keys, ...tested]), keys: keys.length };
}

/** `merchant_customer`, `all`; a number behind it where names run together alike (`a_b` + `c`, `a` + `b_c`). */
function grainNames(grains: readonly GrainNeed[], names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return grains.map((grain) => {
    const plain = grain.dimensions.length === 0 ? 'all' : grain.dimensions.map((id) => names[id]).join('_');
    let name = plain;
    for (let i = 2; taken.has(name); i++) name = `${plain}_${i}`;
    taken.add(name);
    return name;
  });
}

/** All filters that are used, in order of their canonical JSON. */
function collectFilters(grains: readonly GrainNeed[]): readonly (readonly [string, readonly TestNode[]])[] {
  const filters = new Map<string, readonly TestNode[]>();
  for (const grain of grains) for (const { where } of grain.additive.values()) if (where.length > 0) filters.set(filterKey(where), where);
  return [...filters].sort(([a], [b]) => (a < b ? -1 : 1));
}

function makeFilter(tests: readonly TestNode[], names: readonly string[]): Filter {
  return {
    tests: tests.map((test) =>
      test.kind === 'text'
        ? { kind: 'text', dimension: names.indexOf(test.field.name), op: test.op, values: test.values }
        : { kind: 'number', field: test.field.name, op: test.op, value: test.value },
    ),
  };
}

function makeAdditive(need: AdditiveNeed, filters: readonly string[]): Additive {
  const filter = need.where.length === 0 ? null : filters.indexOf(filterKey(need.where));
  return need.kind === 'count'
    ? { kind: 'count', filter }
    : need.kind === 'sum'
      ? { kind: 'sum', of: need.of, filter }
      : { kind: 'number', of: 'weight', filter };
}

function makeGrains(
  grains: readonly GrainNeed[],
  names: readonly string[],
  filters: readonly string[],
  weight: WeightSource,
): readonly Grain[] {
  const bases = chooseBases(grains, names, weight);
  for (const [index, grain] of grains.entries()) {
    const base = grains[bases[index] ?? index];
    for (const [key, need] of grain.additive) base?.additive.set(key, need);
  }
  const labels = grainNames(grains, names);
  const ordered = grains.map((grain) => [...grain.additive.values()].sort(compareAdditive));
  const keysOf = ordered.map((needs) => needs.map(additiveKey));
  return grains.map((grain, index): Grain => {
    const base = bases[index] ?? index;
    const distinct = [...grain.distinct.values()].map(({ finer, counting }): Distinct => {
      const of = grains.findIndex((other) => other.dimensions.join() === finer);
      return { of, counting: keysOf[of]?.indexOf(counting) ?? -1 };
    });
    return {
      name: labels[index] ?? '',
      dimensions: grain.dimensions,
      base,
      additive: (ordered[index] ?? []).map((need) => makeAdditive(need, filters)),
      fromBase: (keysOf[index] ?? []).map((key) => keysOf[base]?.indexOf(key) ?? -1),
      distinct: distinct.sort((a, b) => a.of - b.of || a.counting - b.counting),
    };
  });
}

/** The layout that the patterns need. They must have been checked under the same weight source. */
export function planLayout(patterns: readonly Pattern[], settings: InputSettings): Layout {
  const { names, keys } = dimensionNames(patterns);
  const grains = collectGrains(patterns, names);
  const filters = collectFilters(grains);
  const additives = grains.flatMap((grain) => [...grain.additive.values()]);
  const uses = (field: 'amount' | 'weight'): boolean =>
    additives.some(
      (need) =>
        (need.kind !== 'count' && need.of === field) || need.where.some((test) => test.kind === 'number' && test.field.name === field),
    );
  const weight = !uses('weight') ? 'none' : settings.weight === 'none' ? 'column' : settings.weight;
  return {
    scale: settings.scale,
    amount: uses('amount') || weight === 'amount',
    weight,
    dimensions: names.map((name, id) => ({ name, key: id < keys })),
    filters: filters.map(([, tests]) => makeFilter(tests, names)),
    grains: makeGrains(
      grains,
      names,
      filters.map(([key]) => key),
      weight,
    ),
  };
}
