import type { Delta } from '../../src/core/delta.ts';

/** All that a delta says, in its order. */
export function told(delta: Delta): unknown {
  return {
    values: delta.values.map(({ count, bytes, offsets }) => [
      count,
      Buffer.from(bytes.subarray(0, offsets[count])).toString('latin1'),
      [...offsets.subarray(0, count + 1)],
    ]),
    grains: delta.grains.map(({ size, keys, additive }) => [
      size,
      keys.map((key) => [...key.subarray(0, size)]),
      additive.map((sums) => Array.from({ length: size }, (_, i) => sums.big(i))),
    ]),
  };
}
