/**
 * Decimals as text -> exact 64-bit integers in units of 10^-scale, by the rules of src/reader/decimal.ts. At most
 * min(15, 18 - scale) digits before the point keep the result within 10^18; what overflows on the way is illegal anyway.
 */

/** No legal decimal has this value. */
export const illegal: i64 = i64.MIN_VALUE;

const powers: usize = memory.data(19 << 3, 8);

export function makePowers(): void {
  let power: i64 = 1;
  for (let i: usize = 0; i < 19; i++) {
    store<i64>(powers + (i << 3), power);
    power *= 10;
  }
}

/** The units of the decimal in [start, end), or `illegal`. */
export function parseUnits(start: usize, end: usize, scale: u32, whole: u32): i64 {
  if (start >= end) return illegal;
  const sign = load<u8>(start);
  let p = start + usize(sign === 45 || sign === 43);
  const first = p;
  let units: i64 = 0;
  while (p < end) {
    const digit = u32(load<u8>(p)) - 48;
    if (digit > 9) break;
    units = units * 10 + i64(digit);
    p++;
  }
  const digits = u32(p - first);
  if (digits === 0 || digits > whole) return illegal;
  let places: u32 = 0;
  if (p < end) {
    if (load<u8>(p) !== 46 || ++p === end) return illegal;
    for (; p < end; p++) {
      const digit = u32(load<u8>(p)) - 48;
      if (digit > 9) return illegal;
      if (places < scale) {
        units = units * 10 + i64(digit);
        places++;
      } else if (digit !== 0) return illegal;
    }
  }
  units *= load<i64>(powers + (usize(scale - places) << 3));
  return sign === 45 ? -units : units;
}
