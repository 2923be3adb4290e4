/** What the tests of the engine contract have in common. */
import type { Layout } from '../../src/core/layout.ts';
import type { ReadOutcome } from '../../src/engine/engine.ts';
import { grain, presetLayout } from './engine-layouts.ts';
import { planOf } from './engine-world.ts';
import { type Statistics, statisticsOf } from './slow-parser/aggregate.ts';

export const header = 'merchant,customer,gender,amount,weight';
export const preset = planOf(presetLayout('column'));
export const csv = (...rows: string[]): string => `${[header, ...rows].join('\n')}\n`;
export const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

/** A layout of (merchant, customer) with count, sum of amounts, sum and number of weights. */
export function plain(scale = 2, weight: Layout['weight'] = 'column'): Layout {
  return {
    ...presetLayout(weight, scale),
    filters: [],
    dimensions: [
      { name: 'merchant', key: true },
      { name: 'customer', key: true },
    ],
    grains: [
      grain(
        'merchant_customer',
        [0, 1],
        [
          { kind: 'sum', of: 'amount', filter: null },
          { kind: 'sum', of: 'weight', filter: null },
          { kind: 'number', of: 'weight', filter: null },
        ],
        0,
      ),
    ],
  };
}

export const merchantOnly = [
  { name: 'merchant', key: true },
  { name: 'customer', key: false },
];

export function rowsOf(outcome: ReadOutcome): Extract<ReadOutcome, { kind: 'rows' }> {
  if (outcome.kind !== 'rows') throw new Error(JSON.stringify(outcome));
  return outcome;
}

export function statistics(outcome: ReadOutcome, layout: Layout): Record<string, readonly string[]>[] {
  const found: Statistics = statisticsOf(layout, rowsOf(outcome).delta);
  return found.map((grain) => Object.fromEntries(grain));
}

/** Line and reason of each rejected row. */
export function reasons(outcome: ReadOutcome): (readonly [number, string])[] {
  return rowsOf(outcome).rejected.map(({ line, reason }) => [line, reason]);
}

export const idOf = (outcome: ReadOutcome): string => ('contentId' in outcome ? outcome.contentId : '');
