/**
 * Sorts members by key, ties as they came: least significant digit first (radix sort) over the bits of the keys, 11 at a time,
 * keys and ids together. Bits of a float order as the float does once those of negative ones are inverted and the sign of the
 * others is set. Passes in which all members have the same digit are left out: integers take two or three of the six.
 * Cost: O(n) a pass, several times faster than comparing; 24 bytes a member while it lasts. No NaN.
 */
const DIGIT = 11;
const RADIX = 1 << DIGIT;
const PASSES = 6;

/** Keys and ids in order, as arrays of their own. */
export function sortMembers(keys: Float64Array, ids: Uint32Array): { readonly keys: Float64Array; readonly ids: Uint32Array } {
  const n = keys.length;
  let from = { low: new Uint32Array(n), high: new Uint32Array(n), ids: ids.slice() };
  let to = { low: new Uint32Array(n), high: new Uint32Array(n), ids: new Uint32Array(n) };
  toBits(keys, from.low, from.high);
  const counts = new Uint32Array(RADIX);
  for (let pass = 0; pass < PASSES; pass++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) {
      const digit = digitOf(from.low[i] as number, from.high[i] as number, pass);
      counts[digit] = (counts[digit] as number) + 1;
    }
    if (n === 0 || counts[digitOf(from.low[0] as number, from.high[0] as number, pass)] === n) continue;
    let start = 0;
    for (let digit = 0; digit < RADIX; digit++) {
      const count = counts[digit] as number;
      counts[digit] = start;
      start += count;
    }
    for (let i = 0; i < n; i++) {
      const low = from.low[i] as number;
      const high = from.high[i] as number;
      const digit = digitOf(low, high, pass);
      const at = counts[digit] as number;
      counts[digit] = at + 1;
      to.low[at] = low;
      to.high[at] = high;
      to.ids[at] = from.ids[i] as number;
    }
    [from, to] = [to, from];
  }
  const sorted = new Float64Array(n);
  toKeys(from.low, from.high, sorted);
  return { keys: sorted, ids: from.ids };
}

function digitOf(low: number, high: number, pass: number): number {
  if (pass < 2) return (low >>> (pass * DIGIT)) & (RADIX - 1);
  // The third has the last 10 bits of the low half and the first of the high one.
  if (pass === 2) return ((low >>> (2 * DIGIT)) | (high << 10)) & (RADIX - 1);
  return (high >>> (pass * DIGIT - 32)) & (RADIX - 1);
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);
const [lowHalf, highHalf] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];
const SIGN = 0x80000000;

function toBits(keys: Float64Array, low: Uint32Array, high: Uint32Array): void {
  for (let i = 0; i < keys.length; i++) {
    // There is one zero.
    float[0] = (keys[i] as number) + 0;
    const upper = halves[highHalf] as number;
    const isNegative = upper >= SIGN;
    high[i] = isNegative ? ~upper : upper ^ SIGN;
    low[i] = isNegative ? ~(halves[lowHalf] as number) : (halves[lowHalf] as number);
  }
}

function toKeys(low: Uint32Array, high: Uint32Array, keys: Float64Array): void {
  for (let i = 0; i < keys.length; i++) {
    const upper = high[i] as number;
    const isNegative = upper < SIGN;
    halves[highHalf] = isNegative ? ~upper : upper ^ SIGN;
    halves[lowHalf] = isNegative ? ~(low[i] as number) : (low[i] as number);
    keys[i] = float[0] as number;
  }
}
