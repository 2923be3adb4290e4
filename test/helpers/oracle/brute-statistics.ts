/** Statistics of a grain by loops over a handful of rows: what `statisticsSql` is checked against. */
import type { Layout, Test } from '../../../src/core/layout.ts';
import type { TestNode } from '../../../src/patterns/ast.ts';
import { type BruteInput, passesAll } from './brute.ts';
import type { OracleRow } from './database.ts';
import { compareValues, type StatisticsRow } from './oracle.ts';

/** Whether a row passes a filter of the layout; null: every row does. */
export function passesLayoutFilter(layout: Layout, filter: number | null, row: OracleRow): boolean {
  const node = (test: Test): TestNode =>
    test.kind === 'number'
      ? { kind: 'number', field: { name: test.field, at: 0 }, op: test.op, value: test.value }
      : { kind: 'text', field: { name: layout.dimensions[test.dimension]?.name ?? '', at: 0 }, op: test.op, values: test.values };
  return filter === null || passesAll(row, (layout.filters[filter]?.tests ?? []).map(node), layout.scale);
}

export function bruteStatistics(layout: Layout, grain: number, input: BruteInput): readonly StatisticsRow[] {
  const { dimensions = [], additive = [], distinct = [] } = layout.grains[grain] ?? {};
  const field = (id: number): string => layout.dimensions[id]?.name ?? '';
  const names = dimensions.map(field);
  const passing = (rows: readonly OracleRow[], filter: number | null): readonly OracleRow[] =>
    rows.filter((row) => passesLayoutFilter(layout, filter, row));
  const hasWeight = additive.some((measure) => measure.kind !== 'count' && measure.of === 'weight');
  const reference =
    hasWeight && input.reference !== null
      ? input.reference.map((row) => ({ dims: { customer: row.customer, merchant: row.merchant }, weight: row.weight }))
      : [];

  const keyOf = (dims: Readonly<Record<string, string>>): string => JSON.stringify(names.map((name) => dims[name] ?? ''));
  const keys = new Set([...input.rows, ...reference].map((row) => keyOf(row.dims)));
  const sum = (numbers: readonly bigint[]): bigint => numbers.reduce((a, b) => a + b, 0n);
  return [...keys]
    .map((key): StatisticsRow => {
      const rows = input.rows.filter((row) => keyOf(row.dims) === key);
      const ofReference = reference.filter((row) => keyOf(row.dims) === key).map((row) => row.weight);
      return {
        values: JSON.parse(key) as string[],
        additive: additive.map((measure) => {
          const passed = passing(rows, measure.filter);
          if (measure.kind === 'count') return BigInt(passed.length);
          const { of } = measure;
          const own = passed.map((row) => row[of]).filter((value) => value !== null);
          const numbers = of === 'weight' && input.reference !== null ? ofReference : own;
          return measure.kind === 'sum' ? sum(numbers) : BigInt(numbers.length);
        }),
        distinct: distinct.map(({ of, counting }) => {
          const finer = (layout.grains[of]?.dimensions ?? []).map(field);
          const passed = passing(rows, layout.grains[of]?.additive[counting]?.filter ?? null);
          return new Set(passed.map((row) => JSON.stringify(finer.map((name) => row.dims[name] ?? '')))).size;
        }),
      };
    })
    .filter((row) => row.additive.some((value) => value !== 0n))
    .sort((a, b) => compareValues(a.values, b.values));
}
