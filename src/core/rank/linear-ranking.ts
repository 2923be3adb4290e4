/**
 * A cohort as unordered floats: one key for each child, NaN for those that are no members or have no value.
 *
 * Modes: *read* afresh from the columns for the question at hand (`read`), or read once and then *kept*, each touched child
 * being put in its place (`put`).
 * State: keys and ids by position (position: the child's number among its cohort's children), the number of keys that are
 * not NaN, the largest denominator seen. Correct since every position holds the key of now.
 * Cost for n children: reading O(n) scattered loads; a change O(1); a question one or a few passes over n floats in a row, or
 * a binary search once it has been asked often enough between two changes to pay for sorting. 12 bytes a child. Up to some
 * 16,000 children this is cheaper than any order kept through changes.
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

/** Questions between two changes after which the keys are sorted. */
const PATIENCE = 12;
/** Distinct keys to walk from where the cut was. */
const NEARBY = 3;

/** Room for keys to rearrange, shared by rankings that are asked one after the other. */
export class Scratch {
  keys = new Float64Array(0);
  /** Whose sorted keys it holds. */
  owner: LinearRanking | null = null;
}

export class LinearRanking implements Ranking {
  size = 0;
  largest = 1;
  private length = 0;
  private keys = new Float64Array(0);
  private ids = new Uint32Array(0);
  private asked = 0;
  private readonly scratch: Scratch;

  constructor(scratch: Scratch) {
    this.scratch = scratch;
  }

  /** Reads all children; `via` leads to the entities that have the measure, if it is a group's. */
  read(children: IdList, grain: GrainState, measure: Measure, via: Link | null): void {
    const { length } = children;
    this.changed();
    this.length = length;
    this.keys = roomFloat64(this.keys, length);
    this.ids = roomUint32(this.ids, length);
    this.ids.set(children.view());
    readKeys(this.ids, length, grain, measure, via, this.keys);
    this.size = countDefined(this.keys, length);
    this.largest = largestDenominator(this.ids, this.keys, length, measure.denominator, via);
  }

  /** Makes room for `length` children; those not put yet have no key. */
  extend(length: number): void {
    if (length <= this.length) return;
    if (length > this.keys.length) {
      const { keys, ids } = this;
      this.keys = new Float64Array(length + (length >> 1));
      this.keys.set(keys);
      this.ids = new Uint32Array(this.keys.length);
      this.ids.set(ids);
    }
    this.keys.fill(Number.NaN, this.length, length);
    this.length = length;
  }

  /** The key of the child at `position` is now `key`. Returns whether it was another. */
  put(position: number, id: number, key: number): boolean {
    const old = this.keys[position] as number;
    if (old === key) return false;
    const defined = Number.isNaN(key) ? 0 : 1;
    const wasDefined = Number.isNaN(old) ? 0 : 1;
    this.ids[position] = id;
    this.keys[position] = key;
    this.size += defined - wasDefined;
    this.changed();
    return defined + wasDefined > 0;
  }

  /**
   * A cut seldom moves far: from `near` it is looked for value by value, before anything is rearranged. (A pass costs a
   * fraction of a selection.)
   */
  keyAt(index: number, near = Number.NaN): number {
    if (this.isSorted()) return this.scratch.keys[index] as number;
    const close = Number.isNaN(near) ? near : this.walkTo(index, near);
    if (!Number.isNaN(close)) return close;
    return selectKey(this.copyKeys(), this.size, index);
  }

  countBelow(key: number): number {
    return this.isSorted() ? lowerBound(this.scratch.keys, this.size, key) : countSmaller(this.keys, this.length, key);
  }

  countAtMost(key: number): number {
    return this.isSorted() ? upperBound(this.scratch.keys, this.size, key) : countNotLarger(this.keys, this.length, key);
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

  /** Keys and ids of the members that have the measure, as arrays of their own. */
  copy(): { readonly keys: Float64Array; readonly ids: Uint32Array } {
    const keys = new Float64Array(this.size);
    const ids = new Uint32Array(this.size);
    let at = 0;
    for (let i = 0; i < this.length; i++) {
      const key = this.keys[i] as number;
      if (Number.isNaN(key)) continue;
      keys[at] = key;
      ids[at++] = this.ids[i] as number;
    }
    return { keys, ids };
  }

  private changed(): void {
    this.asked = 0;
    if (this.scratch.owner === this) this.scratch.owner = null;
  }

  private isSorted(): boolean {
    if (this.scratch.owner === this) return true;
    if (++this.asked <= PATIENCE) return false;
    this.copyKeys().subarray(0, this.size).sort();
    this.scratch.owner = this;
    return true;
  }

  /** The scratch, holding the keys that are defined. */
  private copyKeys(): Float64Array {
    const { scratch } = this;
    scratch.owner = null;
    scratch.keys = roomFloat64(scratch.keys, this.size);
    copyDefined(this.keys, this.length, scratch.keys);
    return scratch.keys;
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
