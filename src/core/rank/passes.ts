/** Small loops over the first n of an array of float keys, in any order unless it says sorted. NaN is no key and counts nowhere. */

export function countDefined(keys: Float64Array, n: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (!Number.isNaN(keys[i])) count++;
  return count;
}

export function copyDefined(keys: Float64Array, n: number, out: Float64Array): void {
  let at = 0;
  for (let i = 0; i < n; i++) {
    const key = keys[i] as number;
    if (!Number.isNaN(key)) out[at++] = key;
  }
}

/** Number of keys equal to `key`. */
export function countEqual(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (keys[i] === key) count++;
  return count;
}

export function countSmaller(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if ((keys[i] as number) < key) count++;
  return count;
}

export function countNotLarger(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if ((keys[i] as number) <= key) count++;
  return count;
}

/** The largest key below `key`. */
export function largestBelow(keys: Float64Array, n: number, key: number): number {
  let found = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const own = keys[i] as number;
    if (own < key && own > found) found = own;
  }
  return found;
}

/** The smallest key above `key`. */
export function smallestAbove(keys: Float64Array, n: number, key: number): number {
  let found = Number.POSITIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const own = keys[i] as number;
    if (own > key && own < found) found = own;
  }
  return found;
}

/** First index of sorted[0 .. n) whose key is not smaller. */
export function lowerBound(sorted: Float64Array, n: number, key: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First index whose key is larger. */
export function upperBound(sorted: Float64Array, n: number, key: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
