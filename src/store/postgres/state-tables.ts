/** The tables that are the state: what a backup holds. All but `migration`, which says by which steps a schema was made. */
import { baseGrains, type Layout } from '../../core/layout.ts';
import { statisticsTable } from './names.ts';
import { grainAt } from './statistics-tables.ts';

/** In an order in which each finds what it refers to; a test holds them equal to the schema. */
export const ledgerTables = [
  'pipeline',
  'pattern_set',
  'pattern',
  'chunk',
  'dictionary',
  'delta',
  'rejected_row',
  'replayed_row',
  'detection',
  'detection_file',
  'inbox',
] as const;

export function statisticsTables(layout: Layout | null, generation: number): string[] {
  return layout === null ? [] : baseGrains(layout).map((grain) => statisticsTable(generation, grainAt(layout, grain)));
}
