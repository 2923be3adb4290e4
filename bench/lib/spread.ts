/** Numbers of several runs in a row: their median and how far they spread. A median of ratios is taken over pairs, never of medians. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** How many runs. */
  readonly n: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error('no runs');
  return { min: sorted[0]!, median: median(sorted), max: sorted.at(-1)!, n: sorted.length };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
