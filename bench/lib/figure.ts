/** One measured figure, and how people see it. */
import { spreadOf, type Spread } from './spread.ts';

/** x: multiple of the reference measured in the same run. */
export type Unit = 'x' | 'ms' | 'MB' | 'bytes' | 'rows/s' | 'count';

export interface Figure {
  /** What was measured, in words that stand alone. */
  readonly what: string;
  readonly unit: Unit;
  readonly spread: Spread;
}

export function figure(what: string, unit: Unit, values: readonly number[]): Figure {
  const { min, median, max, n } = spreadOf(values);
  return { what, unit, spread: { min: rounded(min), median: rounded(median), max: rounded(max), n } };
}

export function figureText({ what, unit, spread }: Figure): string {
  const { min, median, max, n } = spread;
  const range = n === 1 ? '' : `  (${numberText(min)} to ${numberText(max)}, ${n} runs)`;
  return `${what}: ${numberText(median)} ${unit}${range}`;
}

export function numberText(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(value) >= 1000 ? 15 : 3, maximumFractionDigits: 3 });
}

/** Four significant digits: more would be noise in a committed file. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
