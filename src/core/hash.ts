/**
 * MurmurHash3 (x86, 32 bits, seed 0) of bytes, and its mixing steps over 32-bit integers.
 * In memory only, never stored: a hash indexes, it never decides equality.
 */
function mixIn(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    hash = mixIn(hash, word);
  }
  let tail = 0;
  for (let i = end - 1; i >= at; i--) tail = (tail << 8) | (bytes[i] as number);
  if (at < end) {
    let k = Math.imul(tail, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
  }
  return finish(hash, end - start);
}

export function hashPair(a: number, b: number): number {
  return finish(mixIn(mixIn(0, a), b), 8);
}

/** Hash of row `row` of the columns; for two columns the same as `hashPair`. */
export function hashRow(columns: readonly Uint32Array[], row: number): number {
  let hash = 0;
  for (const column of columns) hash = mixIn(hash, column[row] as number);
  return finish(hash, columns.length * 4);
}
