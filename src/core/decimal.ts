/**
 * Decimals as integers: units <-> text. The value is units / 10^digits; `digits` is 0 to 18 for measures, any for literals.
 */
import { TallyhoError } from './error.ts';

/** 10^exponent, exact. */
export function pow10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/** `1430.10` for (143010, 2); `-0.05` for (-5, 2); no point for digits 0. Canonical: one text a value and `digits`. */
export function formatUnits(units: number | bigint, digits: number): string {
  const text = units.toString();
  if (digits === 0) return text === '-0' ? '0' : text;
  const negative = text.startsWith('-');
  const plain = (negative ? text.slice(1) : text).padStart(digits + 1, '0');
  const point = plain.length - digits;
  return `${negative ? '-' : ''}${plain.slice(0, point)}.${plain.slice(point)}`;
}

const DECIMAL = /^([+-]?)([0-9]+)(?:\.([0-9]+))?$/;

/** The units of a decimal text, exact. Throws INTERNAL where it is no decimal or has more digits than `digits`, zeros apart. */
export function parseUnits(text: string, digits: number): bigint {
  const match = DECIMAL.exec(text);
  const fraction = (match?.[3] ?? '').replace(/0+$/, '');
  if (match === null || fraction.length > digits) {
    throw new TallyhoError('INTERNAL', `${JSON.stringify(text)} is not a decimal of at most ${digits} digits after the point`);
  }
  const units = BigInt((match[2] ?? '') + fraction.padEnd(digits, '0'));
  return match[1] === '-' ? -units : units;
}
