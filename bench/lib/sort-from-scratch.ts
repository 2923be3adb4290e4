/**
 * The reference for ranks: sort all keys from scratch (Float64Array, in native code), then find each touched member's place
 * by binary search. Keys without ids: the least that can be done without a structure that is kept.
 */

/** How long it took, in ms; `keys` stay as they are. */
export function sortFromScratch(keys: Float64Array, touched: Uint32Array): number {
  const started = performance.now();
  const sorted = keys.slice().sort();
  let sum = 0;
  for (const member of touched) sum += placeOf(sorted, keys[member]!);
  const ms = performance.now() - started;
  if (Number.isNaN(sum)) throw new Error('a key is no number');
  return ms;
}

function placeOf(sorted: Float64Array, key: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
