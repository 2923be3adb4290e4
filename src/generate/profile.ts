/**
 * The profile of a cell: how many rows each of its d pairs has, ascending, n in all, each 1 to `top`.
 *
 * The pair at quantile q has about 1 + (top - 1) g(q) rows, where g(q) = t q^p + (1 - t) q^2p rises from 0 to 1
 * and p (0, 1, 2, 4, ...) and t are chosen so that g has the mean that n asks for: straight for commuters,
 * steep where most come once. Counts are differences of the rounded-down integral, so they sum to n exactly,
 * are at least 1 (each pair has its one beforehand) and at most `top` (the slope of the rest is below top - 1).
 *
 * The profile depends on the quotas only: whatever the seed, the same counts, for other customers.
 */
export function makeProfile(n: number, d: number, top: number): (i: number) => number {
  const extra = n - d;
  if (extra === 0 || d === 0) return () => 1;
  const mean = extra / (d * (top - 1));
  if (mean >= 1) return () => top;

  let p = 0;
  let first = 2 * mean - 1;
  if (mean < 0.5) {
    p = 1;
    while (mean < 1 / (2 * p + 1) && p < 1 << 20) p *= 2;
    // Solves t / (p + 1) + (1 - t) / (2p + 1) = mean.
    first = Math.max(0, ((mean * (2 * p + 1) - 1) * (p + 1)) / p);
  }
  const scale = d * (top - 1);
  const before = (i: number): number => {
    if (i >= d) return extra;
    const q = i / d;
    if (p === 0) return Math.floor(scale * (first * q + ((1 - first) * q * q) / 2));
    let power = q;
    for (let k = 1; k < p; k *= 2) power *= power;
    return Math.floor(scale * q * ((first * power) / (p + 1) + ((1 - first) * power * power) / (2 * p + 1)));
  };
  let last = -1;
  let reached = 0;
  return (i) => {
    // Asked in ascending order, each integral is computed once.
    const from = i === last + 1 ? reached : before(i);
    reached = before(i + 1);
    last = i;
    return 1 + reached - from;
  };
}
