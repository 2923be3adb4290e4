/**
 * A cohort read from its columns for the question at hand.
 *
 * State: none between questions; keys and ids of the last cohort read, as scratch. Correct since it is read afresh.
 * Cost for n members: reading O(n); each question one pass over n floats, or a binary search once the same cohort has been
 * asked often enough to pay for sorting it. The pass is cheaper than any kept structure up to some 16,000 members.
 */
import { type IdList, roomFloat64, roomUint32 } from '../grow.ts';
import type { GrainState } from '../grain-state.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import type { Ranking } from './ranking.ts';
import { selectKey } from './select.ts';

/** Questions of one cohort after which it is sorted. */
const PATIENCE = 12;

export class LinearRanking implements Ranking {
  size = 0;
  largest = 1;
  private keys = new Float64Array(0);
  private members = new Uint32Array(0);
  private scratch = new Float64Array(0);
  private asked = 0;
  private sorted = false;

  /** Reads the members among `candidates`; `via` leads to the entities that have the measure, if it is a group's. */
  read(candidates: IdList, grain: GrainState, measure: Measure, via: Link | null): void {
    this.keys = roomFloat64(this.keys, candidates.length);
    this.scratch = roomFloat64(this.scratch, candidates.length);
    this.members = roomUint32(this.members, candidates.length);
    this.asked = 0;
    this.sorted = false;
    this.largest = 1;
    const size = filterMembers(grain, candidates, this.members);
    if (via !== null) this.size = readVia(measure, via.parent, this.members, this.keys, size);
    else if (measure.denominator === null) this.size = readIntegers(measure, this.members, this.keys, size);
    else this.size = readAverages(measure, this.members, this.keys, size);
    if (measure.denominator !== null) this.largest = largestDenominator(measure.denominator, via, this.members, this.size);
  }

  keyAt(index: number): number {
    if (this.isSorted()) return this.scratch[index] as number;
    this.scratch.set(this.keys.subarray(0, this.size));
    return selectKey(this.scratch, this.size, index);
  }

  countBelow(key: number): number {
    return this.isSorted() ? lowerBound(this.scratch, this.size, key) : countSmaller(this.keys, this.size, key);
  }

  countAtMost(key: number): number {
    return this.isSorted() ? upperBound(this.scratch, this.size, key) : countNotLarger(this.keys, this.size, key);
  }

  memberWith(key: number): number {
    return this.members[this.keys.subarray(0, this.size).indexOf(key)] as number;
  }

  collect(low: number, high: number, list: IdList): void {
    for (let i = 0; i < this.size; i++) {
      const key = this.keys[i] as number;
      if (key >= low && key <= high) list.push(this.members[i] as number);
    }
  }

  /** Keys and ids of the members, as arrays of their own. */
  copy(): { readonly keys: Float64Array; readonly ids: Uint32Array } {
    return { keys: this.keys.slice(0, this.size), ids: this.members.slice(0, this.size) };
  }

  private isSorted(): boolean {
    if (!this.sorted && ++this.asked > PATIENCE) {
      this.scratch.set(this.keys.subarray(0, this.size));
      this.scratch.subarray(0, this.size).sort();
      this.sorted = true;
    }
    return this.sorted;
  }
}

function filterMembers(grain: GrainState, candidates: IdList, members: Uint32Array): number {
  let size = 0;
  const { ids, length } = candidates;
  const narrow = grain.count.narrow;
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    if (narrow !== null ? (narrow[id] as number) > 0 : grain.isMember(id)) members[size++] = id;
  }
  return size;
}

function readIntegers(measure: Measure, members: Uint32Array, keys: Float64Array, count: number): number {
  const narrow = measure.numerator.narrow;
  if (narrow !== null) for (let i = 0; i < count; i++) keys[i] = narrow[members[i] as number] as number;
  else for (let i = 0; i < count; i++) keys[i] = measure.numerator.float(members[i] as number);
  return count;
}

function readAverages(measure: Measure, members: Uint32Array, keys: Float64Array, count: number): number {
  const top = measure.numerator.narrow;
  const bottom = measure.denominator?.narrow ?? null;
  let size = 0;
  for (let i = 0; i < count; i++) {
    const id = members[i] as number;
    let key: number;
    if (top !== null && bottom !== null) {
      const number = bottom[id] as number;
      key = number > 0 ? (top[id] as number) / number : Number.NaN;
    } else key = measure.key(id);
    if (Number.isNaN(key)) continue;
    members[size] = id;
    keys[size++] = key;
  }
  return size;
}

function readVia(measure: Measure, parent: Uint32Array, members: Uint32Array, keys: Float64Array, count: number): number {
  let size = 0;
  for (let i = 0; i < count; i++) {
    const id = members[i] as number;
    const key = measure.key(parent[id] as number);
    if (Number.isNaN(key)) continue;
    members[size] = id;
    keys[size++] = key;
  }
  return size;
}

function largestDenominator(denominator: Measure['numerator'], via: Link | null, members: Uint32Array, count: number): number {
  let largest = 1;
  const parent = via === null ? null : via.parent;
  for (let i = 0; i < count; i++) {
    const id = members[i] as number;
    const value = denominator.float(parent === null ? id : (parent[id] as number));
    if (value > largest) largest = value;
  }
  return largest;
}

function countSmaller(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if ((keys[i] as number) < key) count++;
  return count;
}

function countNotLarger(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if ((keys[i] as number) <= key) count++;
  return count;
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
