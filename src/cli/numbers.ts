/** Numbers and durations on the command line. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/units.ts';

/** In milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('Write it like 30s, 10m or 1.5h.');
  return ms;
}

export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text.replaceAll(/[_,]/g, '')) ? Number(text.replaceAll(/[_,]/g, '')) : Number.NaN;
    if (value >= low && value <= high && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(
      high === Number.MAX_SAFE_INTEGER ? `Give a whole number from ${low} on.` : `Give a whole number from ${low} to ${high}.`,
    );
  };
}
