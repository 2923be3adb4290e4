/**
 * The k-th smallest of keys[0 .. n), which are rearranged: Hoare's selection with the median of three.
 * Expected O(n); after 2 log2(n) rounds without an end the rest is sorted, so O(n log n) at worst. Equal keys stop both
 * scans, so ties split evenly. No NaN.
 */
export function selectKey(keys: Float64Array, n: number, k: number): number {
  let low = 0;
  let high = n - 1;
  for (let rounds = 2 * Math.log2(n + 1) + 8; high > low && rounds > 0; rounds--) {
    const pivot = medianOfThree(keys[low] as number, keys[(low + high) >>> 1] as number, keys[high] as number);
    let i = low;
    let j = high;
    while (i <= j) {
      while ((keys[i] as number) < pivot) i++;
      while ((keys[j] as number) > pivot) j--;
      if (i <= j) {
        const swap = keys[i] as number;
        keys[i++] = keys[j] as number;
        keys[j--] = swap;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else return pivot;
  }
  if (high > low) keys.subarray(low, high + 1).sort();
  return keys[k] as number;
}

function medianOfThree(a: number, b: number, c: number): number {
  return a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b;
}
