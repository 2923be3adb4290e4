/** Random plans over random layouts, and random rows for them. */
import fc from 'fast-check';
import type { Comparison, Grain } from '../../../src/core/layout.ts';
import type { Condition, Operand, Plan, PlannedPattern } from '../../../src/core/plan.ts';
import type { RankLimits } from '../../../src/core/rank/cohort-order.ts';
import type { Row } from './model.ts';

export interface World {
  readonly plan: Plan;
  /** For each grain the feature of each additive measure. */
  readonly features: readonly (readonly number[])[];
  readonly values: readonly (readonly string[])[];
  readonly amounts: readonly bigint[];
  /** From which sizes on cohorts are kept as floats, and in order. */
  readonly limits: RankLimits;
  /** Whether some entities were detected before any row names them. */
  readonly foreign: boolean;
}

/** Features: 0 plain count, 1 filtered count, 2 another, 3 sum of amounts, 4 sum of weights, 5 number of weights. */
const SUMS = [3, 4];

type Pick = <T, A extends unknown[]>(arbitrary: (...args: A) => fc.Arbitrary<T>, ...args: A) => T;

const names = ['c0', 'c1', 'a|b', 'a', '', '\uffff', '\u{1f600}', 'é', '0', '00'];
const amountSets: readonly (readonly bigint[])[] = [
  [-1n, 0n, 1n, 2n, 3n],
  [0n],
  [5n, 10n, 15n, 100n],
  [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 2n],
  [2n ** 64n, 2n ** 64n + 1n, -(2n ** 64n), 10n ** 17n, 1n, 0n],
  [6004799503160661n, 6004799503160662n, 3002399751580331n],
];

/** Anything. */
export const worldArbitrary = fc.gen().map((g) => makeWorld(g as Pick, false));

/** Pairs of two dimensions, ranked in several ways: larger cohorts, whose cuts move often. */
export const rankedWorldArbitrary = fc.gen().map((g) => makeWorld(g as Pick, true));

function makeWorld(g: Pick, ranked: boolean): World {
  const upTo = (max: number): number => g(fc.nat, { max });
  const some = <T>(list: readonly T[]): T => list[upTo(list.length - 1)] as T;
  const dimensions = ranked ? 2 : 1 + upTo(3);
  const dims = Array.from({ length: dimensions }, (_, d) => d);
  const scale = some([0, 2, 18]);

  // Sets of dimensions as sorted text; every pattern's grain, the groups and cohorts it may name, and finer grains for distinct.
  const sets = new Map<string, number[]>();
  const need = (set: readonly number[]): string => {
    const key = keyOf(set);
    if (!sets.has(key)) sets.set(key, shuffled(set, upTo));
    return key;
  };
  const entities = Array.from({ length: 1 + upTo(2) }, () => {
    const entity = dims.filter(() => ranked || upTo(2) > 0);
    return need(entity.length > 0 ? entity : [some(dims)]);
  });
  for (const key of entities) {
    const entity = sets.get(key) ?? [];
    for (let i = upTo(2); i > 0; i--) need(entity.filter(() => upTo(1) === 0));
    if (ranked) for (const d of dims) need([d]);
    if (upTo(1) === 0) need([]);
    const other = dims.filter((d) => !entity.includes(d));
    if (other.length > 0 && upTo(1) === 0) need([...entity, some(other)]);
  }
  const keys = [...sets.keys()];
  const index = (set: readonly number[]): number => keys.indexOf(keyOf(set));
  const within = (small: readonly number[], large: readonly number[]): boolean => small.every((d) => large.includes(d));
  const all = [...sets.values()];
  const isBase = all.map((set, i) => !all.some((other, j) => j !== i && within(set, other)));
  const features = all.map((_, i) => {
    const rest = shuffled([1, 2, 3, 4, 5], upTo);
    return [0, ...(isBase[i] ? rest : rest.filter((f) => SUMS.includes(f) || upTo(2) > 0 || f === 5))];
  });
  const grains = all.map((set, i): Grain => {
    const bases = all.flatMap((other, j) => (isBase[j] && within(set, other) ? [j] : []));
    const base = isBase[i] ? i : some(bases);
    const finer = all.flatMap((other, j) => (within(set, other) && other.length <= set.length + 1 ? [j] : []));
    const distinct = Array.from({ length: upTo(2) }, () => {
      const of = some(finer);
      const counts = (features[of] as number[]).flatMap((f, at) => (f <= 2 ? [at] : []));
      return { of, counting: some(counts) };
    });
    return {
      name: set.join('_'),
      dimensions: set,
      base,
      additive: (features[i] as number[]).map((f) => additiveOf(f)),
      fromBase: (features[i] as number[]).map((f) => (features[base] as number[]).indexOf(f)),
      distinct,
    };
  });

  const operand = (grain: number, coarser: boolean): Operand => {
    const own = all[grain] ?? [];
    const places = coarser ? all.flatMap((set, j) => (within(set, own) ? [j] : [])) : [grain];
    const at = some([grain, ...places]);
    const kind = upTo(3);
    const place = (f: number): number => (features[at] as number[]).indexOf(f);
    if (kind === 0 && (grains[at]?.distinct.length ?? 0) > 0)
      return { kind: 'distinct', grain: at, digits: 0, index: upTo((grains[at]?.distinct.length ?? 1) - 1) };
    if (kind === 1) {
      const weight = upTo(1) === 1;
      return { kind: 'average', grain: at, digits: scale, sum: place(weight ? 4 : 3), number: place(weight ? 5 : 0) };
    }
    const i = upTo((features[at] as number[]).length - 1);
    return { kind: 'additive', grain: at, digits: SUMS.includes((features[at] as number[])[i] ?? 0) ? scale : 0, index: i };
  };
  const percent = (): { units: bigint; digits: number } =>
    some([
      { units: 333333n, digits: 4 },
      { units: 1n, digits: 6 },
      { units: 10n, digits: 0 },
      { units: 25n, digits: 0 },
      { units: 50n, digits: 0 },
      { units: 999n, digits: 1 },
      { units: 100n, digits: 0 },
    ]);
  const amounts = some(amountSets);
  const condition = (grain: number, c: number): Condition => {
    const text = `condition ${c}`;
    const own = all[grain] ?? [];
    if (ranked ? upTo(3) > 0 : upTo(2) === 0) {
      const cohorts = all.flatMap((set, j) => (within(set, own) ? [j] : []));
      return {
        kind: 'rank',
        text,
        measure: operand(grain, upTo(3) === 0),
        direction: some(['top', 'bottom']),
        percent: percent(),
        cohort: some(cohorts.filter((j) => j !== grain || upTo(3) === 0).concat(cohorts.length === 1 ? cohorts : [])) ?? grain,
      };
    }
    const op = some<Comparison>(['<', '<=', '>', '>=', '=', '!=']);
    const left = operand(grain, true);
    const kind = upTo(3);
    if (kind === 2) return { kind: 'compare', text, left, op, right: { kind: 'measure', operand: operand(grain, true) } };
    if (kind === 3) {
      const share = percent();
      return {
        kind: 'compare',
        text,
        left,
        op,
        right: { kind: 'percent', percent: share, text: `${share.units}e-${share.digits}`, operand: operand(grain, true) },
      };
    }
    const digits = some([0, 0, 1, 3, 30]);
    const units =
      left.digits === 0
        ? BigInt(upTo(9)) * 10n ** BigInt(digits)
        : (BigInt(upTo(6) - 1) * some(amounts) * 10n ** BigInt(digits)) / 10n ** BigInt(scale);
    return {
      kind: 'compare',
      text,
      left,
      op,
      right: { kind: 'number', value: { units: units + BigInt(upTo(1)), digits }, text: 'a number' },
    };
  };
  const patterns = Array.from({ length: 1 + upTo(3) }, (_, p): PlannedPattern => {
    const grain = index(sets.get(some(entities)) ?? []);
    const entityDimensions = shuffled(all[grain] ?? [], upTo);
    return {
      id: `p${p}`,
      action: 'ACT',
      entity: entityDimensions.map(String),
      entityDimensions,
      grain,
      conditions: Array.from({ length: 1 + upTo(2) }, (_, c) => condition(grain, c)),
      fingerprint: '',
    };
  });
  const layout = {
    scale,
    amount: true,
    weight: 'column' as const,
    dimensions: dims.map((d) => ({ name: `d${d}`, key: true })),
    filters: [],
    grains,
  };
  const values = dims.map(() => shuffled(names, upTo).slice(0, ranked ? 2 + upTo(8) : 1 + upTo(4)));
  return {
    plan: { layout, patterns, fingerprint: '' },
    features,
    values,
    amounts,
    limits: { read: some([0, 2, 64]), linear: some([0, 4, 16_384]) },
    foreign: upTo(4) === 0,
  };
}

function additiveOf(feature: number): Grain['additive'][number] {
  if (feature <= 2) return { kind: 'count', filter: feature === 0 ? null : feature };
  if (feature === 5) return { kind: 'number', of: 'weight', filter: null };
  return { kind: 'sum', of: feature === 3 ? 'amount' : 'weight', filter: null };
}

function keyOf(set: readonly number[]): string {
  return set.toSorted((a, b) => a - b).join();
}

function shuffled<T>(list: readonly T[], upTo: (max: number) => number): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = upTo(i);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** A transaction, or a row of the reference (count 0, weights only). */
export function rowArbitrary(world: World, reference = false): fc.Arbitrary<Row> {
  const amount = fc.constantFrom(...world.amounts);
  return fc.record({
    values: fc.tuple(...world.values.map((texts) => fc.constantFrom(...texts))),
    features: fc
      .tuple(fc.constantFrom(0n, 1n), fc.constantFrom(0n, 1n), amount, amount, fc.boolean())
      .map(([a, b, sum, weight, weighed]) =>
        reference ? [0n, 0n, 0n, 0n, weight, 1n] : [1n, a, b, sum, weighed ? weight : 0n, weighed ? 1n : 0n],
      ),
  });
}
