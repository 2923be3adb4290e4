/**
 * Quotients of exact integers: the correctly rounded float, and exact order.
 *
 * Float keys: q = fl(s / n). Rounding to nearest is monotone, so s1/n1 < s2/n2 implies q1 <= q2: unequal floats decide the
 * order, and only equal floats go to the integers. Where s and n are safe integers one float division is that rounding;
 * beyond, `roundedQuotient` makes it from BigInt (fl(fl(s) / fl(n)) would not be monotone).
 */

const SAFE = Number.MAX_SAFE_INTEGER;

/** s / n rounded to nearest, ties to even; n > 0. */
export function roundedQuotient(s: bigint, n: bigint): number {
  if (s === 0n) return 0;
  const negative = s < 0n;
  const magnitude = negative ? -s : s;
  // A quotient of at least 64 bits, its last bit set if anything is left: Number() then rounds as the exact value would.
  const shift = Math.max(0, 66 - bitLength(magnitude) + bitLength(n));
  const scaled = magnitude << BigInt(shift);
  let quotient = scaled / n;
  if (quotient * n !== scaled) quotient |= 1n;
  const rounded = Number(quotient) * 2 ** -shift;
  return negative ? -rounded : rounded;
}

function bitLength(value: bigint): number {
  return value.toString(16).length * 4;
}

/** Sign of a * d - c * b, exact: the order of a/b and c/d for positive b, d. Floats when the products are exact. */
export function compareCross(a: number, b: number, c: number, d: number): number | null {
  const left = a * d;
  const right = c * b;
  // Rounded products of integers below 2^53 in magnitude are exact; rounded factors (beyond 2^53) make larger ones.
  if (Math.abs(left) <= SAFE && Math.abs(right) <= SAFE) return Math.sign(left - right);
  return null;
}

export function signOf(value: bigint): number {
  return value > 0n ? 1 : value < 0n ? -1 : 0;
}
