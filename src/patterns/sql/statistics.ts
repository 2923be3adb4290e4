/** The full statistics of one grain from the rows: what the state, a delta and a statistics table must equal (law 1). */
import type { Additive, Filter, Layout } from '../../core/layout.ts';
import type { TestNode } from '../ast.ts';
import type { Dialect, SqlSource } from './dialect.ts';
import { fieldColumn, testSql } from './measures.ts';

/** The column that tells rows (1) from reference rows (0): a name that no field has. */
function kindColumn(layout: Layout, dialect: Dialect): string {
  let name = 'is_row';
  while (layout.dimensions.some((dimension) => dimension.name.toLowerCase() === name)) name += '_';
  return dialect.identifier(name);
}

function filterSql(filter: Filter | undefined, layout: Layout, dialect: Dialect, source: SqlSource): string {
  const tests = (filter?.tests ?? []).map((test): TestNode => {
    if (test.kind === 'number') return { kind: 'number', field: { name: test.field, at: 0 }, op: test.op, value: test.value };
    const name = layout.dimensions[test.dimension]?.name ?? '';
    return { kind: 'text', field: { name, at: 0 }, op: test.op, values: test.values };
  });
  return [`${kindColumn(layout, dialect)} = 1`, ...tests.map((test) => testSql(test, dialect, source))].join(' and ');
}

/**
 * Columns: the grain's dimensions in its order (texts), its additive measures in their order, its distinct counts in
 * theirs. Entities that a reference file alone knows are there too, with a count of 0, where the grain has weights.
 */
export function statisticsSql(layout: Layout, grain: number, dialect: Dialect, source: SqlSource): string {
  const { dimensions = [], additive = [], distinct = [] } = layout.grains[grain] ?? {};
  const field = (id: number): string => layout.dimensions[id]?.name ?? '';
  const column = (name: string): string => fieldColumn(name, dialect, source);
  const names = dimensions.map(field);
  const kind = kindColumn(layout, dialect);
  const filtered = (filter: number | null): string =>
    filter === null ? `${kind} = 1` : filterSql(layout.filters[filter], layout, dialect, source);
  const hasWeight = additive.some((measure) => measure.kind !== 'count' && measure.of === 'weight');
  const isReference = source.reference !== null && hasWeight;

  const additiveSql = (measure: Additive): string => {
    // Reference rows are no rows, but they are all that a weight is made of where there is a reference.
    const rows =
      measure.kind !== 'count' && measure.of === 'weight' && source.reference !== null ? `${kind} = 0` : filtered(measure.filter);
    if (measure.kind === 'count') return dialect.widen(`count(*) filter (where ${rows})`);
    if (measure.kind === 'sum') return dialect.widen(`coalesce(sum(${column(measure.of)}) filter (where ${rows}), 0)`);
    return dialect.widen(`count(${column('weight')}) filter (where ${rows})`);
  };
  const distinctSql = ({ of, counting }: { of: number; counting: number }): string => {
    const finer = layout.grains[of];
    const counted = finer?.additive[counting];
    const rows = filtered(counted?.filter ?? null);
    const added = finer?.dimensions.find((id) => !dimensions.includes(id));
    const value = added === undefined ? '1' : column(field(added));
    return dialect.widen(`count(distinct case when ${rows} then ${value} end)`);
  };
  const measures = [...additive.map(additiveSql), ...distinct.map(distinctSql)].map((sql, i) => `${sql} as m${i}`);

  const used = layout.dimensions.map((dimension) => dimension.name);
  const numbers = [...(layout.amount ? ['amount'] : []), ...(layout.weight === 'none' ? [] : ['weight'])];
  const ofRows = [...used, ...numbers].map((name) =>
    name === 'weight' && source.reference !== null ? `${dialect.widen('null')} as ${column(name)}` : column(name),
  );
  const rows = `select 1 as ${kind}${ofRows.map((sql) => `, ${sql}`).join('')} from ${source.transactions} as tx`;
  const ofReference = [...used, ...numbers].map((name) => {
    const known = names.includes(name) || name === 'weight';
    const missing = name === 'amount' ? dialect.widen('null') : 'null';
    return `, ${known ? dialect.identifier(name) : missing} as ${column(name)}`;
  });
  const weights = isReference ? ` union all select 0 as ${kind}${ofReference.join('')} from ${source.reference} as ref` : '';
  const group = names.length === 0 ? '' : ` group by ${names.map((_, i) => i + 1).join(', ')}`;
  return `select ${[...names.map(column), ...measures].join(', ')}\nfrom (${rows}${weights}) as facts${group}`;
}
