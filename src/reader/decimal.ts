/**
 * Decimals as text -> exact integers in units of 10^-scale (DESIGN.md 4): `[+-]?digits[.digits]` in ASCII, at most
 * min(15, 18 - scale) digits before the point (leading zeros count), none but zeros beyond the scale.
 *
 * The result is a float64 while it is below 2^53. Why it is exact then: the value is built by x * 10 + digit; as long as
 * the true result is a safe integer, so is every step before it; and where the true result is not, rounding is monotone,
 * so the float is not a safe integer either and `wide` is answered. `wideUnits` reads those few again as BigInt.
 */

/** Not a legal decimal. */
export const illegal: number = Number.NaN;
/** Legal, and beyond 2^53: `wideUnits` has it. */
export const wide: number = Number.POSITIVE_INFINITY;

export function wholeDigits(scale: number): number {
  return Math.min(15, 18 - scale);
}

const powers = Array.from({ length: 19 }, (_, i) => 10 ** i);

/** Units of the decimal in bytes[start..end), or `illegal`, or `wide`. Never -0. */
export function parseUnits(bytes: Uint8Array, start: number, end: number, scale: number, whole: number): number {
  if (start >= end) return illegal;
  let p = start;
  const sign = bytes[p]!;
  if (sign === 45 || sign === 43) p++;
  const first = p;
  let units = 0;
  while (p < end) {
    const digit = bytes[p]! - 48;
    if (digit < 0 || digit > 9) break;
    units = units * 10 + digit;
    p++;
  }
  const digits = p - first;
  if (digits === 0 || digits > whole) return illegal;
  let places = 0;
  if (p < end) {
    if (bytes[p]! !== 46 || ++p === end) return illegal;
    for (; p < end; p++) {
      const digit = bytes[p]! - 48;
      if (digit < 0 || digit > 9) return illegal;
      if (places < scale) {
        units = units * 10 + digit;
        places++;
      } else if (digit !== 0) return illegal;
    }
  }
  units *= powers[scale - places]!;
  if (units > Number.MAX_SAFE_INTEGER) return wide;
  return sign === 45 ? 0 - units : units;
}

/** The units of a decimal for which `parseUnits` said `wide`. */
export function wideUnits(bytes: Uint8Array, start: number, end: number, scale: number): bigint {
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 40)));
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole.replace(/^\+/, '') + fraction.slice(0, scale).padEnd(scale, '0'));
}
