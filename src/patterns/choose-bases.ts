/**
 * Which grains are base grains, and which of them each other grain is a sum over (the header of plan.ts gives the rules).
 */
import type { WeightSource } from '../core/layout.ts';
import { referenceFields } from './fields.ts';
import type { GrainNeed } from './grain-need.ts';

function contains(outer: readonly number[], inner: readonly number[]): boolean {
  return inner.every((id) => outer.includes(id));
}

function hasWeight(grain: GrainNeed): boolean {
  return [...grain.additive.values()].some((need) => need.kind !== 'count' && need.of === 'weight');
}

/** For each grain the index of its base. */
export function chooseBases(grains: readonly GrainNeed[], names: readonly string[], weight: WeightSource): readonly number[] {
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
