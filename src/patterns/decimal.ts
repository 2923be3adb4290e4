/** Decimal literals of conditions: exact, in one spelling each. */
import type { Decimal } from '../core/layout.ts';
import type { BoundDecimal } from '../core/plan.ts';

/** More digits than any legal amount has on either side of the point; keeps products in the SQL dialects' integers. */
export const maxDigits = 18;

/** Digits before the point of a number that a measure is compared with: sums have 128 bits. */
export const maxBoundDigits = 38;

/** `50.0` and `+50` are units 50, digits 0. null if it is no plain decimal. */
export function parseDecimal(text: string): Decimal | null {
  const match = /^([+-]?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  const kept = fraction.replace(/0+$/, '');
  const units = BigInt(whole + kept);
  return { units: String(sign === '-' ? -units : units), digits: units === 0n ? 0 : kept.length };
}

/** Digits before the point, leading zeros apart. */
export function wholeDigits(value: Decimal): number {
  return Math.max(0, value.units.replace('-', '').length - value.digits);
}

/** The one spelling: no plus sign, no trailing zeros. */
export function printDecimal(value: Decimal): string {
  if (value.digits === 0) return value.units;
  const negative = value.units.startsWith('-');
  const digits = value.units.replace('-', '').padStart(value.digits + 1, '0');
  return `${negative ? '-' : ''}${digits.slice(0, -value.digits)}.${digits.slice(-value.digits)}`;
}

export function toBound(value: Decimal): BoundDecimal {
  return { units: BigInt(value.units), digits: value.digits };
}

/** -1, 0 or 1 as a is less than, equal to or greater than b. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const digits = Math.max(a.digits, b.digits);
  const left = BigInt(a.units) * 10n ** BigInt(digits - a.digits);
  const right = BigInt(b.units) * 10n ** BigInt(digits - b.digits);
  return left < right ? -1 : left > right ? 1 : 0;
}
