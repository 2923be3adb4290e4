/**
 * target[entities[i]] += source[i] for i < count, exact.
 *
 * While both columns are narrow: a float loop that stops before the first sum that float64 could not hold exactly; the rest
 * goes by `Integers.addFrom`, which widens. Additive, hence in any order and un-applied by the negated source (law 1).
 */
import type { Integers } from './integers.ts';

export function addScattered(target: Integers, entities: Uint32Array, source: Integers, count: number): void {
  let done = 0;
  if (target.narrow !== null && source.narrow !== null) done = addNarrow(target.narrow, entities, source.narrow, count);
  for (let i = done; i < count; i++) target.addFrom(entities[i] as number, source, i);
}

/** How many were added. */
function addNarrow(target: Float64Array, entities: Uint32Array, source: Float64Array, count: number): number {
  for (let i = 0; i < count; i++) {
    const entity = entities[i] as number;
    const sum = (target[entity] as number) + (source[i] as number);
    if (sum > Number.MAX_SAFE_INTEGER || sum < -Number.MAX_SAFE_INTEGER) return i;
    target[entity] = sum;
  }
  return count;
}
