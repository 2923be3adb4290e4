/**
 * 32-bit hashes, in memory only, never stored: a hash indexes, it never decides equality.
 * Of bytes: MurmurHash3 (x86, 32 bits, seed 0). Of a key of ids: its mixing steps, one multiplication an id and its finish.
 * Of one id: a multiplication.
 */
function mixIn(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `bytes` as a view that reads words where they are. */
export function hashBytes(bytes: DataView, start: number, end: number): number {
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) hash = mixIn(hash, bytes.getInt32(at, true));
  let tail = 0;
  for (let i = end - 1; i >= at; i--) tail = (tail << 8) | bytes.getUint8(i);
  if (at < end) {
    let k = Math.imul(tail, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
  }
  return finish(hash ^ (end - start));
}

export function hashPair(a: number, b: number): number {
  return finish(rotated(Math.imul(a, 0xcc9e2d51)) ^ Math.imul(b, 0x1b873593));
}

/** Hash of row `row` of the columns; for two columns the same as `hashPair`. */
export function hashRow(columns: readonly Uint32Array[], row: number): number {
  const [first, second] = columns;
  if (first === undefined || second === undefined) return finish(first?.[row] ?? 0);
  let hash = hashPair(first[row] as number, second[row] as number);
  for (let k = 2; k < columns.length; k++) hash = hashPair(hash, (columns[k] as Uint32Array)[row] as number);
  return hash;
}

/** An odd factor loses nothing: equal hashes are equal ids. */
export function hashId(id: number): number {
  return Math.imul(id, 0x9e3779b1) >>> 0;
}

function rotated(word: number): number {
  return (word << 15) | (word >>> 17);
}
