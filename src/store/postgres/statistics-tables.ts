/**
 * The tables and views of a generation, made from the layout.
 *
 *   statistics_<g>_<grain>    one a base grain: entity (dense from 0), an id a dimension, a sum a measure, in units
 *   stats_<grain>             the view of every grain: names, decimals, and the sequence number as of which it holds
 *
 * A grain that is no base is summed from its base in its view. Rows of entities without transactions (all taken out by a
 * correction, or weights only) stay in the tables, where ids are dense, and are left out of the views.
 * A table has no primary key until its first rows are in: building it then costs half (postgres/fold.ts).
 * Its pages have room for new versions of their rows, which then need no entry in the index: folds take a third less of the server's
 * CPU, and the table, which without it doubles within a few large folds, hardly grows.
 */
import type { Additive, Grain, Layout } from '../../core/layout.ts';
import { baseGrains } from '../../core/layout.ts';
import { identifier, literal } from './identifier.ts';
import { type GrainNames, grainNames, statisticsTable } from './names.ts';
import { additiveWords, distinctWords } from './words.ts';

const fillFactor = 85;

export function createTables(layout: Layout, generation: number): string[] {
  return baseGrains(layout).flatMap((index) => {
    const grain = grainAt(layout, index);
    const names = grainNames(layout, grain);
    const table = identifier(statisticsTable(generation, grain));
    const columns = [
      'entity integer not null',
      ...names.dimensions.map((name) => `${identifier(name)} integer not null`),
      ...grain.additive.map(
        (measure, i) => `${identifier(names.additive[i] ?? '')} ${measure.kind === 'sum' ? 'numeric' : 'bigint'} not null`,
      ),
    ];
    return [
      `create table ${table} (${columns.join(', ')}) with (fillfactor = ${fillFactor})`,
      `comment on table ${table} is ${literal(`Sums in units of 10^-${layout.scale}, by ids; the view ${names.view} is easier to read.`)}`,
    ];
  });
}

export function dropTables(layout: Layout, generation: number): string[] {
  return baseGrains(layout).map((index) => `drop table ${identifier(statisticsTable(generation, grainAt(layout, index)))}`);
}

export function createViews(layout: Layout, generation: number): string[] {
  return layout.grains.flatMap((grain) => {
    const names = grainNames(layout, grain);
    const view = identifier(names.view);
    const comment = (column: string, words: string): string => `comment on column ${view}.${identifier(column)} is ${literal(words)}`;
    const about = `Statistics of each (${names.dimensions.join(', ')}) with at least one transaction, exact as of as_of_sequence.`;
    return [
      `create view ${view} as ${viewQuery(layout, generation, grain, names)}`,
      `comment on view ${view} is ${literal(about)}`,
      ...grain.additive.map((measure, i) => comment(names.additive[i] ?? '', additiveWords(layout, measure))),
      ...grain.distinct.map(({ of, counting }, i) => comment(names.distinct[i] ?? '', distinctWords(layout, grain, of, counting))),
      comment('as_of_sequence', 'Sequence number of the last ledger entry that is in these numbers.'),
    ];
  });
}

export function dropViews(layout: Layout): string[] {
  return layout.grains.map((grain) => `drop view ${identifier(grainNames(layout, grain).view)}`);
}

/**
 * Inside of a view: s is the grain's own sums, d<of> the counts of finer entities, n<dimension> a dictionary; columns there
 * are k<dimension>, m<additive> and c<additive of the finer grain>.
 */
function viewQuery(layout: Layout, generation: number, grain: Grain, names: GrainNames): string {
  const measures = (filtered: boolean): string[] =>
    grain.additive.flatMap((measure, i) =>
      (measure.filter !== null) === filtered ? [`s.m${i}${decimals(layout, measure)} as ${identifier(names.additive[i] ?? '')}`] : [],
    );
  const columns = [
    ...grain.dimensions.map((id, i) => `n${id}.value as ${identifier(names.dimensions[i] ?? '')}`),
    ...measures(false),
    'greatest(p.folded_sequence, 0) as as_of_sequence',
    ...measures(true),
    ...grain.distinct.map(({ of, counting }, i) => `d${of}.c${counting} as ${identifier(names.distinct[i] ?? '')}`),
  ];
  const finer = [...new Set(grain.distinct.map(({ of }) => of))];
  const from = [
    `(${sumsQuery(layout, generation, grain)}) s`,
    ...finer.map((of) => {
      const sameKey = grain.dimensions.map((id) => `d${of}.k${id} = s.k${id}`);
      return `join (${distinctQuery(layout, generation, grain, of)}) d${of} on ${sameKey.length === 0 ? 'true' : sameKey.join(' and ')}`;
    }),
    ...grain.dimensions.map(
      (id) => `join dictionary n${id} on n${id}.dimension = ${literal(layout.dimensions[id]?.name ?? '')} and n${id}.id = s.k${id}`,
    ),
    'cross join pipeline p',
  ];
  return `select ${columns.join(', ')} from ${from.join(' ')} where s.m0 > 0`;
}

function sumsQuery(layout: Layout, generation: number, grain: Grain): string {
  const base = grainAt(layout, grain.base);
  const names = grainNames(layout, base);
  const isBase = grain === base;
  const keys = grain.dimensions.map((id) => identifier(names.dimensions[base.dimensions.indexOf(id)] ?? ''));
  const columns = [
    ...grain.dimensions.map((id, i) => `${keys[i]} as k${id}`),
    ...grain.additive.map((measure, i) => {
      const from = identifier(names.additive[grain.fromBase[i] ?? i] ?? '');
      return `${isBase ? from : measure.kind === 'sum' ? `sum(${from})` : `sum(${from})::bigint`} as m${i}`;
    }),
  ];
  const group = isBase ? '' : ` group by ${keys.length === 0 ? '()' : keys.join(', ')}`;
  return `select ${columns.join(', ')} from ${identifier(statisticsTable(generation, base))}${group}`;
}

/** For each entity of the grain, how many entities of the finer grain `of` have a positive count. */
function distinctQuery(layout: Layout, generation: number, grain: Grain, of: number): string {
  const keys = grain.dimensions.map((id) => `k${id}`);
  const counted = new Set(grain.distinct.filter((distinct) => distinct.of === of).map(({ counting }) => counting));
  const columns = [...keys, ...[...counted].map((counting) => `count(*) filter (where m${counting} > 0) as c${counting}`)];
  const group = keys.length === 0 ? '()' : keys.join(', ');
  return `select ${columns.join(', ')} from (${sumsQuery(layout, generation, grainAt(layout, of))}) f group by ${group}`;
}

/** Sums in units become decimals with exactly the layout's digits: a product of numerics is exact. */
function decimals(layout: Layout, measure: Additive): string {
  return measure.kind === 'sum' && layout.scale > 0 ? ` * 0.${'1'.padStart(layout.scale, '0')}` : '';
}

export function grainAt(layout: Layout, index: number): Grain {
  const grain = layout.grains[index];
  if (grain === undefined) throw new RangeError(`the layout has no grain ${index}`);
  return grain;
}
