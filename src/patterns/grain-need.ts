/** Every grain that a set of patterns needs, with what it must have itself. */
import { filterKey } from './canonical.ts';
import { type AdditiveNeed, additivesOf, cohortKeys, measureNeeds, plainCount } from './need.ts';
import type { Pattern } from './pattern.ts';

export interface GrainNeed {
  /** Ids of dimensions, ascending. */
  readonly dimensions: readonly number[];
  readonly additive: Map<string, AdditiveNeed>;
  /** Key of the finer grain, and of what is counted there. */
  readonly distinct: Map<string, { readonly finer: string; readonly counting: string }>;
}

/** Equal for equal measures. */
export function additiveKey(need: AdditiveNeed): string {
  return JSON.stringify([need.kind, need.kind === 'count' ? '' : need.of, filterKey(need.where)]);
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
export function collectGrains(patterns: readonly Pattern[], names: readonly string[]): readonly GrainNeed[] {
  const grains = new Map<string, GrainNeed>();
  const grainOf = (key: readonly string[]): GrainNeed => {
    const dimensions = key.map((name) => names.indexOf(name)).sort((a, b) => a - b);
    const known = grains.get(dimensions.join());
    if (known !== undefined) return known;
    const made: GrainNeed = { dimensions, additive: new Map([[additiveKey(plainCount), plainCount]]), distinct: new Map() };
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
