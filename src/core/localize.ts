/** A delta with local ids -> the same delta with the state's value ids, and the values that are new to the state. */
import type { Delta, GrainDelta } from './delta.ts';
import type { NewValues, StateDelta } from './detector.ts';
import type { Dictionary } from './dictionary.ts';
import { assertLaw } from './error.ts';
import type { State } from './state.ts';

/** New values get ids by dimension, in the order in which the delta has them. */
export function localize(state: State, delta: Delta): { newValues: NewValues[]; stateDelta: StateDelta } {
  const { dictionaries, bases } = state;
  assertLaw(delta.values.length === dictionaries.length, 'a delta has values for each dimension of its layout');
  assertLaw(delta.grains.length === bases.length, 'a delta has one part for each base grain');
  const newValues: NewValues[] = [];
  const ids = dictionaries.map((dictionary, dimension) => {
    const first = dictionary.size;
    const global = dictionary.internAll(delta.values[dimension] as Delta['values'][number]);
    if (dictionary.size > first) newValues.push({ dimension, first, values: textsFrom(dictionary, first) });
    return global;
  });
  const grains = delta.grains.map((part, b) => ({
    size: part.size,
    keys: localKeys(part, state.grain(bases[b] as number).grain.dimensions, ids),
    additive: part.additive,
  }));
  return { newValues, stateDelta: { grains } };
}

function textsFrom(dictionary: Dictionary, first: number): string[] {
  return Array.from({ length: dictionary.size - first }, (_, i) => dictionary.text(first + i));
}

/** `ids[dimension][local]` is the state's id; `dimensions` are those of the grain. */
function localKeys(part: GrainDelta, dimensions: readonly number[], ids: readonly Uint32Array[]): Uint32Array[] {
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
