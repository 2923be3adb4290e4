/** Measures that are equal as long as every weight is the row's amount: which may share their numbers (records.ts). */
import type { Additive, Grain, Layout } from './layout.ts';

/** For each additive measure an earlier one that it is expected to equal, or -1. A chunk's own weights part them. */
export function twinsOf(layout: Layout, { additive }: Grain): number[] {
  if (layout.weight !== 'amount') return additive.map(() => -1);
  return additive.map((measure, m) => additive.findIndex((other, o) => o < m && isTwin(other, measure)));
}

function isTwin(of: Additive, weights: Additive): boolean {
  if (of.filter !== weights.filter) return false;
  if (weights.kind === 'number') return of.kind === 'count';
  return weights.kind === 'sum' && weights.of === 'weight' && of.kind === 'sum' && of.of === 'amount';
}
