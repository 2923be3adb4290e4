/**
 * A small cohort as unordered floats, read afresh from the records for the question at hand: one key for each child, NaN for
 * those that are no members or have no value.
 *
 * State: keys and ids by position, the number of keys that are not NaN, the largest denominator.
 * Cost for n children: reading O(n) scattered loads; a question one or a few passes over n floats in a row, or a binary search
 * once it has been asked often enough to pay for sorting.
 */
import { type IdList, roomFloat64, roomUint32 } from '../grow.ts';
import type { GrainState } from '../grain-state.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import {
  copyDefined,
  countDefined,
  countEqual,
  countNotLarger,
  countSmaller,
  largestBelow,
  lowerBound,
  smallestAbove,
  upperBound,
} from './passes.ts';
import type { Ranking } from './ranking.ts';
import { largestDenominator, readKeys } from './read-keys.ts';
import { selectKey } from './select.ts';

/** Questions between two readings after which the keys are sorted. */
const PATIENCE = 12;
/** Distinct keys to walk from where the cut was. */
const NEARBY = 3;

export class LinearRanking implements Ranking {
  size = 0;
  largest = 1;
  private length = 0;
  private keys = new Float64Array(0);
  private ids = new Uint32Array(0);
  /** Defined keys, rearranged; in order if `sorted`. */
  private scratch = new Float64Array(0);
  private sorted = false;
  private asked = 0;

  /** Reads all children; `via` leads to the entities that have the measure, if it is a group's. */
  read(children: IdList, grain: GrainState, measure: Measure, via: Link | null): void {
    const { length } = children;
    this.asked = 0;
    this.sorted = false;
    this.length = length;
    this.keys = roomFloat64(this.keys, length);
    this.ids = roomUint32(this.ids, length);
    this.ids.set(children.view());
    readKeys(this.ids, length, grain, measure, via, this.keys);
    this.size = countDefined(this.keys, length);
    this.largest = largestDenominator(this.ids, this.keys, length, measure.denominator, via);
  }

  /**
   * A cut seldom moves far: from `near` it is looked for value by value, before anything is rearranged. (A pass costs a
   * fraction of a selection.)
   */
  keyAt(index: number, near = Number.NaN): number {
    if (this.isSorted()) return this.scratch[index] as number;
    const close = Number.isNaN(near) ? near : this.walkTo(index, near);
    if (!Number.isNaN(close)) return close;
    return selectKey(this.copyKeys(), this.size, index);
  }

  countBelow(key: number): number {
    return this.isSorted() ? lowerBound(this.scratch, this.size, key) : countSmaller(this.keys, this.length, key);
  }

  countAtMost(key: number): number {
    return this.isSorted() ? upperBound(this.scratch, this.size, key) : countNotLarger(this.keys, this.length, key);
  }

  memberWith(key: number): number {
    return this.ids[this.keys.subarray(0, this.length).indexOf(key)] as number;
  }

  collect(low: number, high: number, list: IdList): void {
    for (let i = 0; i < this.length; i++) {
      const key = this.keys[i] as number;
      if (key >= low && key <= high) list.push(this.ids[i] as number);
    }
  }

  private isSorted(): boolean {
    if (this.sorted) return true;
    if (++this.asked <= PATIENCE) return false;
    this.copyKeys().subarray(0, this.size).sort();
    this.sorted = true;
    return true;
  }

  /** The scratch, holding the keys that are defined. */
  private copyKeys(): Float64Array {
    this.sorted = false;
    this.scratch = roomFloat64(this.scratch, this.size);
    copyDefined(this.keys, this.length, this.scratch);
    return this.scratch;
  }

  /** NaN if the key at `index` is more than some distinct keys away from `near`. */
  private walkTo(index: number, near: number): number {
    const { keys, length } = this;
    let key = near;
    let below = countSmaller(keys, length, key);
    let equal = countEqual(keys, length, key);
    for (let steps = 0; steps <= NEARBY; steps++) {
      if (index >= below && index < below + equal) return key;
      if (index < below) {
        key = largestBelow(keys, length, key);
        equal = countEqual(keys, length, key);
        below -= equal;
      } else {
        below += equal;
        key = smallestAbove(keys, length, key);
        equal = countEqual(keys, length, key);
      }
    }
    return Number.NaN;
  }
}
