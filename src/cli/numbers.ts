/** Numbers and durations on the command line. */
import { InvalidArgumentError } from 'commander';

export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text.replaceAll(/[_,]/g, '')) ? Number(text.replaceAll(/[_,]/g, '')) : Number.NaN;
    if (value >= low && value <= high && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(
      high === Number.MAX_SAFE_INTEGER ? `Give a whole number from ${low} on.` : `Give a whole number from ${low} to ${high}.`,
    );
  };
}
