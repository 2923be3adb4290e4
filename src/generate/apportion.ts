import { assertLaw } from '../core/error.ts';

/**
 * Shares `total` out in whole numbers, proportional to the weights, between a minimum and a maximum each:
 * the largest-remainder method behind every quota of this folder.
 *
 * First the real shares: all in proportion; where some fall below their minimum or above their maximum, the
 * side with the larger violation is fixed at its bounds and the rest is shared again (the rule by which CSS
 * sizes flexible boxes; it ends, since each round fixes at least one). Then every share is rounded down and
 * what is left goes one each to the largest remainders, the earlier of equals first.
 *
 * The result sums to `total` always; with integer weights whose sum is `total` it is the weights themselves.
 * Cost: O(n log n) and a pass per round of fixing.
 */
export function apportion(total: number, weights: ArrayLike<number>, minimum?: ArrayLike<number>, maximum?: ArrayLike<number>): number[] {
  const n = weights.length;
  const low = (i: number): number => minimum?.[i] ?? 0;
  const high = (i: number): number => maximum?.[i] ?? total;
  let least = 0;
  let most = 0;
  for (let i = 0; i < n; i++) {
    least += low(i);
    most += high(i);
  }
  assertLaw(least <= total && total <= most, `a quota of ${total} lies between the sums of its bounds, ${least} and ${most}`);

  const shares = new Array<number>(n).fill(0);
  let open = Array.from({ length: n }, (_, i) => i);
  let left = total;
  while (open.length > 0) {
    let weight = 0;
    for (const i of open) weight += weights[i]!;
    let violation = 0;
    for (const i of open) {
      // Whatever has no weight takes an equal part of what nobody else may have.
      const share = weight > 0 ? (left * weights[i]!) / weight : left / open.length;
      shares[i] = share;
      violation += Math.max(share, low(i)) - share - (share - Math.min(share, high(i)));
    }
    const still: number[] = [];
    for (const i of open) {
      const share = shares[i]!;
      if (violation >= 0 && share < low(i)) shares[i] = low(i);
      else if (violation <= 0 && share > high(i)) shares[i] = high(i);
      else {
        still.push(i);
        continue;
      }
      left -= shares[i];
    }
    if (still.length === open.length) break;
    open = still;
  }

  const remainder = (i: number): number => shares[i]! - Math.floor(shares[i]!);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => remainder(j) - remainder(i) || i - j);
  const whole = shares.map((share, i) => Math.min(Math.max(Math.floor(share), low(i)), high(i)));
  let rest = total;
  for (const share of whole) rest -= share;
  // More than one pass, or a step down, only where rounding of the real shares went astray.
  while (rest !== 0) {
    for (const i of order) {
      if (rest > 0 && whole[i]! < high(i)) {
        whole[i]!++;
        rest--;
      } else if (rest < 0 && whole[i]! > low(i)) {
        whole[i]!--;
        rest++;
      }
    }
  }
  return whole;
}
