/**
 * Adding the sums of committed entries to the statistics tables (PROTOCOL.md 3.5).
 *
 * Entities that have no row yet are copied in, the others are added to by one update a batch. (Copied into a temporary table and
 * joined by one update they cost the server as much: 57,000 of 100,000 rows 0.25 s either way.) The first rows of a table
 * come before its primary key: building the key afterwards costs half of keeping it.
 */
import { assertLaw } from '../../core/error.ts';
import type { FoldRows } from '../../core/detector.ts';
import type { Layout } from '../../core/layout.ts';
import { idsArray, integersArray } from './arrays.ts';
import { identifier } from './identifier.ts';
import { copyText } from './integer-text.ts';
import { grainNames, statisticsTable } from './names.ts';
import type { Statements } from './session.ts';
import { grainAt } from './statistics-tables.ts';

/** Its text is made at once: a few ms. Larger ones spare the server nothing. */
const batch = 5_000;

export async function writeStatistics(
  statements: Statements,
  layout: Layout,
  generation: number,
  folds: readonly FoldRows[],
  /** No reader that began before takes these tables for anything but empty, or knows them at all. */
  unread: boolean,
): Promise<void> {
  for (const rows of folds) {
    checkShape(layout, rows);
    const changed = firstNewIndex(rows);
    await addToRows(statements, layout, generation, rows, changed);
    await copyRows(statements, layout, generation, rows, changed, unread);
  }
}

export function countRows(folds: readonly FoldRows[]): number {
  return folds.reduce((count, { entities }) => count + entities.length, 0);
}

/** Index of the first entity without a row. */
function firstNewIndex({ entities, firstNew }: FoldRows): number {
  let low = 0;
  let high = entities.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entities[middle] ?? 0) < firstNew) low = middle + 1;
    else high = middle;
  }
  const news = entities.length - low;
  assertLaw(
    news === 0 || (entities[low] === firstNew && entities[entities.length - 1] === firstNew + news - 1),
    'new entities are dense in a fold',
  );
  return low;
}

function checkShape(layout: Layout, { grain: index, keys, additive }: FoldRows): void {
  const grain = grainAt(layout, index);
  assertLaw(
    grain.base === index && keys.length === grain.dimensions.length && additive.length === grain.additive.length,
    'a fold has the layout of a base grain',
  );
}

async function addToRows(statements: Statements, layout: Layout, generation: number, rows: FoldRows, end: number): Promise<void> {
  const grain = grainAt(layout, rows.grain);
  const names = grainNames(layout, grain).additive.map(identifier);
  const types = grain.additive.map(({ kind }) => (kind === 'sum' ? 'numeric' : 'bigint'));
  const update = `update ${identifier(statisticsTable(generation, grain))} s set ${names.map((name, i) => `${name} = s.${name} + u.m${i}`).join(', ')}
from unnest($1::integer[], ${types.map((type, i) => `$${i + 2}::${type}[]`).join(', ')}) u (entity, ${names.map((_, i) => `m${i}`).join(', ')})
where s.entity = u.entity`;
  for (let from = 0; from < end; from += batch) {
    const to = Math.min(from + batch, end);
    const { count } = await statements.query(update, [
      idsArray(rows.entities, from, to),
      ...rows.additive.map((column) => integersArray(column, from, to)),
    ]);
    assertLaw(count === to - from, 'an entity that was folded before has a row');
  }
}

async function copyRows(
  statements: Statements,
  layout: Layout,
  generation: number,
  rows: FoldRows,
  start: number,
  unread: boolean,
): Promise<void> {
  const end = rows.entities.length;
  if (start === end) return;
  const grain = grainAt(layout, rows.grain);
  const names = grainNames(layout, grain);
  const table = identifier(statisticsTable(generation, grain));
  const columns = ['entity', ...names.dimensions.map(identifier), ...names.additive.map(identifier)];
  const isFirst = rows.firstNew === 0;
  // Made anew in this transaction, the table needs no log of its rows (where the server's WAL is minimal), and no marks later. But
  // frozen rows are there for snapshots that are older than they: whoever may read by such a one would count them twice.
  const isFrozen = isFirst && unread;
  if (isFrozen) await statements.query(`truncate ${table}`);
  await statements.copyIn(
    `copy ${table} (${columns.join(', ')}) from stdin${isFrozen ? ' with (freeze)' : ''}`,
    copyText([rows.entities, ...rows.keys, ...rows.additive], start, end),
  );
  if (isFirst) await statements.query(`alter table ${table} add primary key (entity)`);
}
