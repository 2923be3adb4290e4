/** The keys of a delta's grain, from ids local to the delta to the state's value ids. */
import type { GrainDelta } from './delta.ts';
import { assertLaw } from './error.ts';

/** `ids[dimension][local]` is the state's id; `dimensions` are those of the grain. */
export function localKeys(part: GrainDelta, dimensions: readonly number[], ids: readonly Uint32Array[]): Uint32Array[] {
  assertLaw(part.keys.length === dimensions.length, 'a delta has a key column for each dimension of its grain');
  return part.keys.map((column, k) => {
    const known = ids[dimensions[k] as number] as Uint32Array;
    const out = new Uint32Array(part.size);
    assertLaw(translate(column, known, out) === part.size, 'a delta names only values that it brings along');
    return out;
  });
}

/** How many were translated: up to the first that is not known. */
function translate(column: Uint32Array, known: Uint32Array, out: Uint32Array): number {
  for (let i = 0; i < out.length; i++) {
    const local = column[i] as number;
    if (!(local < known.length)) return i;
    out[i] = known[local] as number;
  }
  return out.length;
}
