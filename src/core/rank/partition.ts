/**
 * Rearranges members [start, end) so that those before `at` come before those from it on, in the order of (key, id), and `at`
 * itself is the first of these: Hoare's selection with the median of three over two arrays that move together.
 * Expected O(n); the ids differ, so there are no ties to be slow on. O(n^2) at worst, of the members of one block.
 */
export function partition(keys: Float64Array, ids: Uint32Array, start: number, end: number, at: number): void {
  let low = start;
  let high = end - 1;
  while (high > low) {
    const pivot = medianOfThree(keys, ids, low, (low + high) >>> 1, high);
    const pivotKey = keys[pivot] as number;
    const pivotId = ids[pivot] as number;
    let i = low;
    let j = high;
    while (i <= j) {
      while (isBefore(keys[i] as number, ids[i] as number, pivotKey, pivotId)) i++;
      while (isBefore(pivotKey, pivotId, keys[j] as number, ids[j] as number)) j--;
      if (i <= j) swap(keys, ids, i++, j--);
    }
    if (at <= j) high = j;
    else if (at >= i) low = i;
    else return;
  }
}

function isBefore(keyA: number, idA: number, keyB: number, idB: number): boolean {
  return keyA < keyB || (keyA === keyB && idA < idB);
}

function swap(keys: Float64Array, ids: Uint32Array, a: number, b: number): void {
  const key = keys[a] as number;
  keys[a] = keys[b] as number;
  keys[b] = key;
  const id = ids[a] as number;
  ids[a] = ids[b] as number;
  ids[b] = id;
}

function medianOfThree(keys: Float64Array, ids: Uint32Array, a: number, b: number, c: number): number {
  const before = (x: number, y: number): boolean => isBefore(keys[x] as number, ids[x] as number, keys[y] as number, ids[y] as number);
  if (before(a, b)) return before(b, c) ? b : before(a, c) ? c : a;
  return before(a, c) ? a : before(b, c) ? c : b;
}
