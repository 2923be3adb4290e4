/** Rows as a delta, the plain way. Local ids and rows are in order of appearance. */
import type { Delta, GrainDelta, Values } from '../../../src/core/delta.ts';
import { Integers } from '../../../src/core/integers.ts';
import { baseGrains, type Layout } from '../../../src/core/layout.ts';
import type { Row } from './model.ts';

export function makeValues(texts: readonly string[]): Values {
  const bytes = texts.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  bytes.forEach((value, i) => (offsets[i + 1] = (offsets[i] ?? 0) + value.length));
  return { count: texts.length, bytes: Buffer.concat(bytes), offsets };
}

/** `features` gives for each grain of the layout the feature of each additive measure. */
export function makeDelta(layout: Layout, features: readonly (readonly number[])[], rows: readonly Row[]): Delta {
  const locals = layout.dimensions.map(() => new Map<string, number>());
  const local = (dimension: number, value: string): number => {
    const known = locals[dimension] as Map<string, number>;
    const id = known.get(value) ?? known.size;
    known.set(value, id);
    return id;
  };
  const grains = baseGrains(layout).map((g): GrainDelta => {
    const { dimensions } = layout.grains[g] as { dimensions: readonly number[] };
    const own = features[g] as readonly number[];
    const sums = new Map<string, { key: number[]; sums: bigint[] }>();
    for (const row of rows) {
      const key = dimensions.map((d) => local(d, row.values[d] ?? ''));
      const entry = sums.get(JSON.stringify(key)) ?? { key, sums: own.map(() => 0n) };
      sums.set(JSON.stringify(key), { key, sums: entry.sums.map((x, i) => x + (row.features[own[i] as number] ?? 0n)) });
    }
    const entries = [...sums.values()];
    return {
      size: entries.length,
      keys: dimensions.map((_, k) => Uint32Array.from(entries, (entry) => entry.key[k] as number)),
      additive: own.map((_, m) => Integers.from(entries.map((entry) => entry.sums[m] as bigint))),
    };
  });
  return { values: locals.map((known) => makeValues([...known.keys()])), grains };
}
