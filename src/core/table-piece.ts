/** Deltas of one base grain alone: rows of a statistics table, and entities without sums. */
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

/** Every `stride`-th entity of a base grain from `first` on, up to `count`, with sums of zero. */
export function zeroDelta(state: State, base: number, first: number, stride: number, count: number): StateDelta {
  const grains = state.bases.map((other) => {
    const { grain, table } = state.grain(other);
    const size = other === base ? Math.max(0, Math.min(count, Math.ceil((table.size - first) / stride))) : 0;
    const keys = table.columns.map((column) => new Uint32Array(size).map((_, i) => column[first + i * stride] as number));
    const additive = grain.additive.map(() => {
      const zeros = new Integers(Math.max(1, size));
      zeros.resize(size);
      return zeros;
    });
    return { size, keys, additive };
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
