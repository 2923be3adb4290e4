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
import { referenceFields } from './fields.ts';
import { type AdditiveNeed, additivesOf, cohortKeys, measureNeeds, plainCount } from './need.ts';
import type { Pattern } from './pattern.ts';

export interface InputSettings {
  /** Digits after the point of amounts and weights: 0 to 18. */
  readonly scale: number;
  /** Where weights come from, by the config; `none` and `column` both mean the chunk's own column, where it is needed. */
  readonly weight: WeightSource;
}

interface GrainNeed {
  /** Ids of dimensions, ascending. */
  readonly dimensions: readonly number[];
  readonly additive: Map<string, AdditiveNeed>;
  /** Key of the finer grain, and of what is counted there. */
  readonly distinct: Map<string, { readonly finer: string; readonly counting: string }>;
}

const additiveKinds = ['count', 'sum', 'number'];

function additiveKey(need: AdditiveNeed): string {
  return JSON.stringify([need.kind, need.kind === 'count' ? '' : need.of, filterKey(need.where)]);
}

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

function contains(outer: readonly number[], inner: readonly number[]): boolean {
  return inner.every((id) => outer.includes(id));
}

/** More dimensions first, then by their ids. */
function compareGrains(a: GrainNeed, b: GrainNeed): number {
  if (a.dimensions.length !== b.dimensions.length) return b.dimensions.length - a.dimensions.length;
  for (const [i, id] of a.dimensions.entries()) {
    const difference = id - (b.dimensions[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Every grain with what it must have itself, in canonical order. */
function collectGrains(patterns: readonly Pattern[], names: readonly string[]): readonly GrainNeed[] {
  const grains = new Map<string, GrainNeed>();
  const grainOf = (key: readonly string[]): GrainNeed => {
    const dimensions = key.map((name) => names.indexOf(name)).sort((a, b) => a - b);
    const known = grains.get(dimensions.join());
    if (known !== undefined) return known;
    const made = { dimensions, additive: new Map([[additiveKey(plainCount), plainCount]]), distinct: new Map() };
    grains.set(dimensions.join(), made);
    return made;
  };
  for (const pattern of patterns) {
    grainOf(pattern.entity);
    for (const key of cohortKeys(pattern)) grainOf(key);
    for (const need of measureNeeds(pattern)) {
      const grain = grainOf(need.key);
      const holder = need.kind === 'distinct' ? grainOf(need.finer) : grain;
      for (const additive of additivesOf(need)) holder.additive.set(additiveKey(additive), additive);
      if (need.kind !== 'distinct') continue;
      const entry = { finer: holder.dimensions.join(), counting: additiveKey(need.counting) };
      grain.distinct.set(JSON.stringify([entry.finer, entry.counting]), entry);
    }
  }
  return [...grains.values()].sort(compareGrains);
}

function hasWeight(grain: GrainNeed): boolean {
  return [...grain.additive.values()].some((need) => need.kind !== 'count' && need.of === 'weight');
}

/** For each grain the index of its base. */
function chooseBases(grains: readonly GrainNeed[], names: readonly string[], weight: WeightSource): readonly number[] {
  const isReference = (grain: GrainNeed): boolean => grain.dimensions.every((id) => referenceFields.includes(names[id] ?? ''));
  /** The grain itself or the largest one around it, of those that are allowed. Grains come largest first. */
  const around = (grain: GrainNeed, allowed: (other: GrainNeed) => boolean): number =>
    grains.findIndex((other) => allowed(other) && contains(other.dimensions, grain.dimensions));
  const isMaximal = (grain: GrainNeed): boolean => !grains.some((other) => other !== grain && contains(other.dimensions, grain.dimensions));
  const hosts = new Set(weight === 'reference' ? grains.filter(hasWeight).map((grain) => around(grain, isReference)) : []);
  return grains.map((grain, index) => {
    if (hosts.has(index)) return index;
    if (weight === 'reference' && hasWeight(grain)) return around(grain, (other) => hosts.has(grains.indexOf(other)));
    const candidates = grains.flatMap((other, i) => (isMaximal(other) && contains(other.dimensions, grain.dimensions) ? [i] : []));
    const size = (i: number): number => grains[i]?.dimensions.length ?? 0;
    return candidates.reduce((best, i) => (size(i) < size(best) ? i : best), candidates[0] ?? index);
  });
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
