/** Measures in the words of the pattern language, for the comments on columns. */
import type { Additive, Filter, Grain, Layout, Test } from '../../core/layout.ts';
import { countedDimension, decimalText, filterOf } from './names.ts';

export function additiveWords(layout: Layout, measure: Additive): string {
  const filter = measure.filter === null ? null : (layout.filters[measure.filter] ?? null);
  const where = filterWords(layout, filter);
  if (measure.kind === 'count') return where === '' ? 'count' : `count(${where})`;
  const inside = [measure.of, where].filter((part) => part !== '').join(' ');
  return measure.kind === 'sum' ? `sum(${inside})` : `number of rows with ${inside}`;
}

export function distinctWords(layout: Layout, grain: Grain, of: number, counting: number): string {
  const counted = countedDimension(layout, grain, of);
  return `distinct(${[counted ?? 'itself', filterWords(layout, filterOf(layout, of, counting))].filter((part) => part !== '').join(' ')})`;
}

function filterWords(layout: Layout, filter: Filter | null): string {
  return filter === null ? '' : `where ${filter.tests.map((test) => testWords(layout, test)).join(' and ')}`;
}

function testWords(layout: Layout, test: Test): string {
  if (test.kind === 'number') return `${test.field} ${test.op} ${decimalText(test.value.units, test.value.digits)}`;
  const dimension = layout.dimensions[test.dimension]?.name ?? '';
  return test.op === 'in'
    ? `${dimension} in (${test.values.map(quoted).join(', ')})`
    : `${dimension} ${test.op} ${test.values.map(quoted).join(', ')}`;
}

function quoted(value: string): string {
  return /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(value) ? value : `'${value.replaceAll("'", "''")}'`;
}
