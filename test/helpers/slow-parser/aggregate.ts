/** The statistics of rows, by the definitions of core/layout.ts, in BigInt and Maps. And a Delta in the same form. */
import type { Delta } from '../../../src/core/delta.ts';
import type { Additive, Layout, Test } from '../../../src/core/layout.ts';
import type { SlowRow } from './parse.ts';

/** For each base grain, in order: JSON of the key's values (in the grain's order) -> its additive measures, as text. */
export type Statistics = readonly ReadonlyMap<string, readonly string[]>[];

export function slowAggregate(layout: Layout, rows: readonly SlowRow[], reference = false): Statistics {
  const bases = layout.grains.filter((grain, i) => grain.base === i);
  return bases.map((grain) => {
    const sums = new Map<string, bigint[]>();
    const ofWeight = (measure: Additive): boolean => measure.kind !== 'count' && measure.of === 'weight';
    if (reference && !grain.additive.some(ofWeight)) return new Map<string, string[]>();
    for (const row of rows) {
      if (reference && row.weight === null) continue;
      const key = JSON.stringify(grain.dimensions.map((id) => row.dims.get(layout.dimensions[id]?.name ?? '')));
      const sum = sums.get(key) ?? grain.additive.map(() => 0n);
      sums.set(key, sum);
      grain.additive.forEach((measure, i) => {
        if (reference && !ofWeight(measure)) return;
        if (!reference && ofWeight(measure) && layout.weight === 'reference') return;
        const filter = measure.filter === null ? undefined : layout.filters[measure.filter];
        if (filter !== undefined && !filter.tests.every((test) => passes(test, row, layout))) return;
        sum[i] = (sum[i] ?? 0n) + contribution(measure, row);
      });
    }
    return new Map([...sums].map(([key, sum]) => [key, sum.map(String)]));
  });
}

function contribution(measure: Additive, row: SlowRow): bigint {
  switch (measure.kind) {
    case 'count':
      return 1n;
    case 'sum':
      return row[measure.of] ?? 0n;
    default:
      return row.weight === null ? 0n : 1n;
  }
}

function passes(test: Test, row: SlowRow, layout: Layout): boolean {
  if (test.kind === 'text') {
    const value = row.dims.get(layout.dimensions[test.dimension]?.name ?? '') ?? '';
    return test.op === '!=' ? !test.values.includes(value) : test.values.includes(value);
  }
  const units = row[test.field];
  if (units === null) return false;
  const left = units * 10n ** BigInt(test.value.digits);
  const right = BigInt(test.value.units) * 10n ** BigInt(layout.scale);
  switch (test.op) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '=':
      return left === right;
    default:
      return left !== right;
  }
}

/** A delta as statistics. Throws if a key occurs twice, or if a value has two ids, or is no value of any key. */
export function statisticsOf(layout: Layout, delta: Delta): Statistics {
  const texts = delta.values.map(({ count, bytes, offsets }) =>
    Array.from({ length: count }, (_, id) => Buffer.from(bytes.subarray(offsets[id], offsets[id + 1])).toString('utf8')),
  );
  texts.forEach((values, id) => {
    if (new Set(values).size !== values.length) throw new Error(`dimension ${id} has a value twice`);
  });
  const used = texts.map(() => new Set<number>());
  const bases = layout.grains.filter((grain, i) => grain.base === i);
  const statistics = bases.map((grain, g) => {
    const sums = new Map<string, string[]>();
    const rows = delta.grains[g];
    if (rows === undefined) throw new Error(`no delta of grain ${grain.name}`);
    if (rows.additive.some((column) => column.length < rows.size)) throw new Error('a column is too short');
    for (let row = 0; row < rows.size; row++) {
      const ids = rows.keys.map((key) => key[row] ?? -1);
      ids.forEach((id, i) => used[grain.dimensions[i] ?? -1]?.add(id));
      const key = JSON.stringify(ids.map((id, i) => texts[grain.dimensions[i] ?? -1]?.[id]));
      if (sums.has(key)) throw new Error(`key ${key} occurs twice`);
      sums.set(
        key,
        rows.additive.map((column) => String(column.big(row))),
      );
    }
    return sums;
  });
  texts.forEach((values, id) => {
    if ((used[id]?.size ?? 0) !== values.length) throw new Error(`dimension ${id} has a value of no key`);
  });
  return statistics;
}
