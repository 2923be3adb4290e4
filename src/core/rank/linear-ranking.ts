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
/** Distinct keys to walk from where the cut was. */
const NEARBY = 3;

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
    if (via !== null) this.readVia(candidates, grain, measure, via);
    else if (grain.count.narrow === null || isWide(measure)) this.readSlowly(candidates, grain, measure);
    else this.readNarrow(candidates, grain.count.narrow, measure);
  }

  /**
   * A cut seldom moves far: from `near` it is looked for value by value, one pass each, before anything is rearranged. (A
   * passage costs a third of a selection.)
   */
  keyAt(index: number, near = Number.NaN): number {
    if (this.isSorted()) return this.scratch[index] as number;
    const close = Number.isNaN(near) ? near : this.walkTo(index, near);
    if (!Number.isNaN(close)) return close;
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

  /** NaN if the key at `index` is more than some distinct keys away from `near`. */
  private walkTo(index: number, near: number): number {
    const { keys, size } = this;
    let key = near;
    let below = countSmaller(keys, size, key);
    let equal = countEqual(keys, size, key);
    for (let steps = 0; steps <= NEARBY; steps++) {
      if (index >= below && index < below + equal) return key;
      if (index < below) {
        key = largestBelow(keys, size, key);
        equal = countEqual(keys, size, key);
        below -= equal;
      } else {
        below += equal;
        key = smallestAbove(keys, size, key);
        equal = countEqual(keys, size, key);
      }
    }
    return Number.NaN;
  }

  private readNarrow(candidates: IdList, count: Float64Array, measure: Measure): void {
    const top = measure.numerator.narrow as Float64Array;
    if (measure.denominator === null) {
      this.size = gatherIntegers(candidates, count, top, this.members, this.keys);
      return;
    }
    const bottom = measure.denominator.narrow as Float64Array;
    this.size = gatherAverages(candidates, count, top, bottom, this.members, this.keys);
    this.largest = largestOf(bottom, this.members, this.size);
  }

  private readSlowly(candidates: IdList, grain: GrainState, measure: Measure): void {
    this.readEach(candidates, grain, measure, (id) => id);
  }

  private readVia(candidates: IdList, grain: GrainState, measure: Measure, via: Link): void {
    const { parent } = via;
    this.readEach(candidates, grain, measure, (id) => parent[id] as number);
  }

  private readEach(candidates: IdList, grain: GrainState, measure: Measure, placeOf: (id: number) => number): void {
    this.size = 0;
    for (const id of candidates.view()) {
      const place = placeOf(id);
      const key = grain.isMember(id) ? measure.key(place) : Number.NaN;
      if (Number.isNaN(key)) continue;
      this.members[this.size] = id;
      this.keys[this.size++] = key;
      if (measure.denominator !== null) this.largest = Math.max(this.largest, measure.denominator.float(place));
    }
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

function isWide({ numerator, denominator }: Measure): boolean {
  return numerator.narrow === null || (denominator !== null && denominator.narrow === null);
}

/** How many members there are among the candidates; their values go to `keys`. */
function gatherIntegers(candidates: IdList, count: Float64Array, values: Float64Array, members: Uint32Array, keys: Float64Array): number {
  const { ids, length } = candidates;
  let size = 0;
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    if ((count[id] as number) > 0) {
      members[size] = id;
      keys[size++] = values[id] as number;
    }
  }
  return size;
}

/** The same for averages, where defined; `numbers` is the denominator. */
function gatherAverages(
  candidates: IdList,
  count: Float64Array,
  sums: Float64Array,
  numbers: Float64Array,
  members: Uint32Array,
  keys: Float64Array,
): number {
  const { ids, length } = candidates;
  let size = 0;
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    const number = numbers[id] as number;
    if (number > 0 && (count[id] as number) > 0) {
      members[size] = id;
      keys[size++] = (sums[id] as number) / number;
    }
  }
  return size;
}

function largestOf(numbers: Float64Array, members: Uint32Array, size: number): number {
  let largest = 1;
  for (let i = 0; i < size; i++) largest = Math.max(largest, numbers[members[i] as number] as number);
  return largest;
}

/** Number of keys equal to `key`. */
function countEqual(keys: Float64Array, n: number, key: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (keys[i] === key) count++;
  return count;
}

/** The largest key below `key`. */
function largestBelow(keys: Float64Array, n: number, key: number): number {
  let found = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const own = keys[i] as number;
    if (own < key && own > found) found = own;
  }
  return found;
}

/** The smallest key above `key`. */
function smallestAbove(keys: Float64Array, n: number, key: number): number {
  let found = Number.POSITIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const own = keys[i] as number;
    if (own > key && own < found) found = own;
  }
  return found;
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
