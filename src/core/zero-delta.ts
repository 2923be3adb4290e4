import type { StateDelta } from './detector.ts';
import { Integers } from './integers.ts';
import { baseGrains, type Layout } from './layout.ts';
import type { State } from './state.ts';

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

/** What a chunk without rows adds. */
export function emptyDelta(layout: Layout): StateDelta {
  const grains = baseGrains(layout).map((base) => {
    const { dimensions = [], additive = [] } = layout.grains[base] ?? {};
    return { size: 0, keys: dimensions.map(() => new Uint32Array(0)), additive: additive.map(() => new Integers(1)) };
  });
  return { grains };
}
