/**
 * Numbers of Parquet -> exact integers in units of 10^-scale (DESIGN.md 4); null where the value is no legal amount.
 *
 * Integers and decimals count by value: zeros beyond the scale, and as many digits before the point as in CSV.
 * A FLOAT or DOUBLE v counts iff |v| * 10^scale < 2^53 and the nearest multiple of 10^-scale, rounded to the column's
 * type, equals v; that multiple is the value (of two equally near ones the even, as IEEE 754 rounds).
 */
import { wholeDigits } from '../../../reader/decimal.ts';

export type FloatType = 'float' | 'double';

const powers = Array.from({ length: 60 }, (_, i) => 10n ** BigInt(i));
const power = (digits: number): bigint => powers[digits] ?? 10n ** BigInt(digits);
const small = (units: bigint): number | bigint => {
  const narrow = Number(units);
  return Number.isSafeInteger(narrow) ? narrow + 0 : units;
};

/** The decimal value / 10^digits. */
export function unitsOfDecimal(value: bigint, digits: number, scale: number): number | bigint | null {
  let units = value;
  if (digits <= scale) units *= power(scale - digits);
  else {
    const divisor = power(digits - scale);
    if (units % divisor !== 0n) return null;
    units /= divisor;
  }
  const limit = power(wholeDigits(scale) + scale);
  return units < limit && units > -limit ? small(units) : null;
}

/**
 * Fast where it is certain, and that is for |v| * 10^scale < 2^50. A DOUBLE that fits lies within 1/8 of its integer there
 * and the product is off by at most 1/16, so rounding the product finds the only candidate; dividing that by the (exact)
 * power rounds correctly. Of a FLOAT the product is exact up to scale 8 (24 bits by 5^8), so rounding it finds the nearest
 * integer but for ties, which may fit on both sides; rounding the quotient to double and then to float errs for no scale up
 * to 8. The rest goes to BigInt.
 */
export function unitsOfFloat(value: number, type: FloatType, scale: number): number | null {
  const product = value * 10 ** scale;
  const isCertain = type === 'double' || (scale <= 8 && Math.abs(product % 1) !== 0.5);
  if (Math.abs(product) < 2 ** 50 && isCertain) {
    const units = Math.round(product);
    const back = units / 10 ** scale;
    return (type === 'double' ? back : Math.fround(back)) === value ? units + 0 : null;
  }
  return Number.isFinite(value) ? exactUnitsOfFloat(value, type, scale) : null;
}

/** The definition, in integers. */
export function exactUnitsOfFloat(value: number, type: FloatType, scale: number): number | null {
  const { significand, exponent } = split(Math.abs(value));
  // |value| * 10^scale = numerator / denominator
  const numerator = significand * power(scale) * (exponent > 0 ? 1n << BigInt(exponent) : 1n);
  const denominator = exponent < 0 ? 1n << BigInt(-exponent) : 1n;
  if (numerator >= denominator << 53n) return null;
  const floor = numerator / denominator;
  const twice = 2n * (numerator - floor * denominator);
  const up = twice > denominator || (twice === denominator && floor % 2n === 1n);
  const units = floor + (up ? 1n : 0n);
  if (roundQuotient(units, power(scale), type) !== Math.abs(value)) return null;
  const signed = Number(value < 0 ? -units : units);
  return Number.isSafeInteger(signed) ? signed + 0 : null;
}

/** value = significand * 2^exponent, exactly. */
function split(value: number): { significand: bigint; exponent: number } {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  return biased === 0 ? { significand: fraction, exponent: -1074 } : { significand: fraction | (1n << 52n), exponent: biased - 1075 };
}

/** a / b (a >= 0) rounded to nearest, ties to even, in the type's precision. */
function roundQuotient(a: bigint, b: bigint, type: FloatType): number {
  if (a === 0n) return 0;
  const precision = type === 'double' ? 53 : 24;
  const lowest = type === 'double' ? -1074 : -149;
  const bitLength = (x: bigint): number => x.toString(2).length;
  // A shift that makes the quotient at least `precision` bits long.
  let exponent = Math.max(bitLength(a) - bitLength(b) - precision, lowest);
  let quotient = quotientAt(a, b, exponent);
  if (bitLength(quotient) > precision) quotient = quotientAt(a, b, ++exponent);
  return Number(quotient) * 2 ** exponent;
}

/** a / (b * 2^exponent), rounded to an integer, ties to even. */
function quotientAt(a: bigint, b: bigint, exponent: number): bigint {
  const numerator = exponent < 0 ? a << BigInt(-exponent) : a;
  const denominator = exponent > 0 ? b << BigInt(exponent) : b;
  const floor = numerator / denominator;
  const twice = 2n * (numerator - floor * denominator);
  return twice > denominator || (twice === denominator && floor % 2n === 1n) ? floor + 1n : floor;
}
