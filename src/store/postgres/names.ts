/**
 * The names that analysts see: one view a grain, `stats_<grain>`, its columns named after dimensions and measures.
 *
 * Deterministic in the layout alone, because the tables are found again by them: a change here needs a migration (a test
 * pins them). At most 63 bytes each and unique within their table; the column's comment has the exact measure.
 */
import { createHash } from 'node:crypto';
import type { Additive, Filter, Grain, Layout, Test } from '../../core/layout.ts';
import { longestIdentifier } from './identifier.ts';

export interface GrainNames {
  readonly view: string;
  readonly dimensions: readonly string[];
  readonly additive: readonly string[];
  readonly distinct: readonly string[];
}

/** Columns of ours and of PostgreSQL itself, which no dimension or measure may be called. */
const taken = ['entity', 'as_of_sequence', 'tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'];

export function grainNames(layout: Layout, grain: Grain): GrainNames {
  const unique = uniqueNames(taken);
  const dimensions = grain.dimensions.map((id) => unique(layout.dimensions[id]?.name ?? ''));
  const plain = grain.additive.map((measure) => (measure.filter === null ? unique(additiveName(layout, measure)) : null));
  return {
    view: shorten(`stats_${grain.name}`),
    dimensions,
    additive: grain.additive.map((measure, i) => plain[i] ?? unique(additiveName(layout, measure))),
    distinct: grain.distinct.map(({ of, counting }) => {
      const counted = countedDimension(layout, grain, of);
      return unique(['distinct', ...(counted === null ? [] : [counted]), ...filterName(layout, filterOf(layout, of, counting))].join('_'));
    }),
  };
}

/** The table of a base grain in a generation. */
export function statisticsTable(generation: number, grain: Grain): string {
  return shorten(`statistics_${generation}_${grain.name}`);
}

/** `of` has one dimension more than the grain (or none, where an entity counts itself). */
export function countedDimension(layout: Layout, grain: Grain, of: number): string | null {
  const more = layout.grains[of]?.dimensions.find((id) => !grain.dimensions.includes(id));
  return more === undefined ? null : (layout.dimensions[more]?.name ?? null);
}

export function filterOf(layout: Layout, grain: number, additive: number): Filter | null {
  const filter = layout.grains[grain]?.additive[additive]?.filter ?? null;
  return filter === null ? null : (layout.filters[filter] ?? null);
}

function additiveName(layout: Layout, measure: Additive): string {
  const filter = measure.filter === null ? null : (layout.filters[measure.filter] ?? null);
  return [measure.kind, ...(measure.kind === 'count' ? [] : [measure.of]), ...filterName(layout, filter)].join('_');
}

function filterName(layout: Layout, filter: Filter | null): string[] {
  return (filter?.tests ?? []).map((test) => testName(layout, test));
}

const comparisonNames = { '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge', '=': 'eq', '!=': 'ne' } as const;

function testName(layout: Layout, test: Test): string {
  if (test.kind === 'number') {
    const { units, digits } = test.value;
    return [test.field, comparisonNames[test.op], readable(decimalText(units, digits).replace('-', 'minus '))].join('_');
  }
  const dimension = layout.dimensions[test.dimension]?.name ?? '';
  const words = test.op === '=' ? [] : test.op === '!=' ? ['not'] : ['in'];
  return [dimension, ...words, ...test.values.map(readable)].join('_');
}

/** `12.5` of the units 125 and 1 digit. */
export function decimalText(units: string, digits: number): string {
  if (digits === 0) return units;
  const [, sign = '', whole = ''] = /^(-?)(\d*)$/.exec(units) ?? [];
  const padded = whole.padStart(digits + 1, '0');
  return `${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

function readable(value: string): string {
  const word = value
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '');
  return word === '' ? 'blank' : word;
}

/** Gives each wanted name in turn, with `_2`, `_3`, ... after those that were given before. */
function uniqueNames(before: readonly string[]): (wanted: string) => string {
  const given = new Set(before);
  return (wanted) => {
    for (let n = 1; ; n++) {
      const name = shorten(n === 1 ? wanted : `${wanted}_${n}`);
      if (given.has(name)) continue;
      given.add(name);
      return name;
    }
  };
}

/** What is too long ends in a hash of the whole. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= longestIdentifier) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  let kept = '';
  for (const letter of name) {
    if (Buffer.byteLength(kept + letter) > longestIdentifier - hash.length - 1) break;
    kept += letter;
  }
  return `${kept}_${hash}`;
}
