/** Rows as the delta that an engine would make of them for a layout, by loops. */
import type { Delta, GrainDelta } from '../../../src/core/delta.ts';
import { Integers } from '../../../src/core/integers.ts';
import { type Additive, baseGrains, type Layout } from '../../../src/core/layout.ts';
import { makeValues } from '../core/deltas.ts';
import { passesLayoutFilter } from './brute-statistics.ts';
import type { OracleRow, ReferenceRow } from './database.ts';

interface Fact {
  readonly dims: Readonly<Record<string, string>>;
  readonly values: (additive: Additive) => bigint;
}

function makeDelta(layout: Layout, facts: readonly Fact[], isFed: (names: readonly string[]) => boolean): Delta {
  const locals = layout.dimensions.map(() => new Map<string, number>());
  const local = (id: number, value: string): number => {
    const known = locals[id] ?? new Map<string, number>();
    known.set(value, known.get(value) ?? known.size);
    return known.get(value) ?? 0;
  };
  const grains = baseGrains(layout).map((index): GrainDelta => {
    const { dimensions = [], additive = [] } = layout.grains[index] ?? {};
    const names = dimensions.map((id) => layout.dimensions[id]?.name ?? '');
    const entries = new Map<string, { readonly key: readonly number[]; readonly sums: bigint[] }>();
    for (const fact of isFed(names) ? facts : []) {
      const key = dimensions.map((id, i) => local(id, fact.dims[names[i] ?? ''] ?? ''));
      const entry = entries.get(key.join()) ?? { key, sums: additive.map(() => 0n) };
      entries.set(key.join(), entry);
      for (const [i, measure] of additive.entries()) entry.sums[i] = (entry.sums[i] ?? 0n) + fact.values(measure);
    }
    const list = [...entries.values()];
    return {
      size: list.length,
      keys: dimensions.map((_, k) => Uint32Array.from(list, (entry) => entry.key[k] ?? 0)),
      additive: additive.map((_, m) => Integers.from(list.map((entry) => entry.sums[m] ?? 0n))),
    };
  });
  return { values: locals.map((known) => makeValues([...known.keys()])), grains };
}

/** `hasReference`: weights of the rows are ignored. */
export function rowsDelta(layout: Layout, rows: readonly OracleRow[], hasReference: boolean): Delta {
  const facts = rows.map((row): Fact => {
    const weight = hasReference ? null : row.weight;
    return {
      dims: row.dims,
      values: (measure) => {
        if (!passesLayoutFilter(layout, measure.filter, row)) return 0n;
        if (measure.kind === 'count') return 1n;
        if (measure.kind === 'number') return weight === null ? 0n : 1n;
        return measure.of === 'amount' ? row.amount : (weight ?? 0n);
      },
    };
  });
  return makeDelta(layout, facts, () => true);
}

export function referenceDelta(layout: Layout, rows: readonly ReferenceRow[]): Delta {
  const facts = rows.map(
    (row): Fact => ({
      dims: { customer: row.customer, merchant: row.merchant },
      values: (measure) => (measure.kind === 'sum' && measure.of === 'weight' ? row.weight : measure.kind === 'number' ? 1n : 0n),
    }),
  );
  return makeDelta(layout, facts, (names) => names.every((name) => name === 'customer' || name === 'merchant'));
}
