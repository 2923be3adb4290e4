/** Rows of a statistics table as a delta of that base grain alone. */
import type { StateDelta } from './detector.ts';
import { Integers } from './integers.ts';
import type { State } from './state.ts';

/** Rows start .. start + count of the table of base `b`. */
export function tablePiece(
  state: State,
  b: number,
  keys: readonly Uint32Array[],
  additive: readonly Integers[],
  start: number,
  count: number,
): StateDelta {
  const grains = state.bases.map((base, other) => {
    const { grain } = state.grain(base);
    if (other !== b)
      return { size: 0, keys: grain.dimensions.map(() => new Uint32Array(0)), additive: grain.additive.map(() => new Integers()) };
    return {
      size: count,
      keys: keys.map((column) => column.subarray(start, start + count)),
      additive: additive.map((column) => slice(column, start, count)),
    };
  });
  return { grains };
}

function slice(column: Integers, start: number, count: number): Integers {
  const out = new Integers(count);
  out.resize(count);
  if (column.narrow !== null) out.narrow?.set(column.narrow.subarray(start, start + count));
  else for (let i = 0; i < count; i++) out.addFrom(i, column, start + i);
  return out;
}
