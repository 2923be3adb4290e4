/**
 * A cohort kept in order from step to step: blocks of members with inline keys, in order from block to block, in none within.
 *
 * Representation: (key, id) is a strict total order of members. Block d holds those from its bound, a (key, id), to the next
 * block's. At most 128 members a block, in one pool of keys (Float64Array) and one of ids beside it; a directory in order of
 * the bounds: bound, place in the pool, number of members, and the number before it (counted again when asked after a change).
 * 12 bytes a member, blocks being some 3/4 full.
 * Why without order within: a change is then a search in the directory and a look through some ten ids, without moving
 * anything; and a question looks through one block's keys, of which there are few questions a step.
 * Correct since the order does not depend on the columns: a member is found again by the key it was put in with, which the
 * caller passes back.
 * Cost: a change O(log n) comparisons and O(128), of which the latter is most; many at once the same, a third cheaper in order of
 * their blocks (movers.ts), or O(n) and O(log n) each that leaves its block; a question as a change, the first after changes
 * O(n / 100) more.
 */
import { assertLaw } from '../error.ts';
import { growFloat64, growUint32, IdList } from '../grow.ts';
import { type InOrder, Movers } from './movers.ts';
import { countNotLarger, countSmaller, lowerBound, upperBound } from './passes.ts';
import { partition } from './partition.ts';
import type { Ranking } from './ranking.ts';
import { selectKey } from './select.ts';
import { sortMembers } from './sort-members.ts';

const BLOCK = 128;
/** Members a block is made with: room for some to come. */
const FILL = 120;
/** A block below this size joins its neighbour where both fit well into one. */
const SPARSE = 32;

const scratch = new Float64Array(BLOCK);
/** Members between two blocks, and their keys. */
const leaving = new IdList();
let leavingKeys = new Float64Array(64);
const movers = new Movers();

export class BlockRanking implements Ranking {
  size = 0;
  /** Never shrinks while the structure lives. */
  largest = 1;
  private keys: Float64Array<ArrayBuffer>;
  private ids: Uint32Array<ArrayBuffer>;
  /** Directory: number of blocks, and by block in order its bound (the first block's is before all), place, size. */
  private blocks = 1;
  private boundKeys: Float64Array<ArrayBuffer> = new Float64Array([Number.NEGATIVE_INFINITY]);
  private boundIds = new Uint32Array(1);
  private places = new Uint32Array(1);
  private sizes = new Uint32Array(1);
  private before = new Float64Array(1);
  private counted = true;
  /** Blocks of the pool in use or free. */
  private pooled = 1;
  private readonly free: number[] = [];

  private constructor(keys: Float64Array<ArrayBuffer>, ids: Uint32Array<ArrayBuffer>) {
    this.keys = keys;
    this.ids = ids;
  }

  /** From members by ascending id; with room for so many blocks more, in 64ths of those there are. */
  static from(keys: Float64Array, ids: Uint32Array, largest: number, spare = 0): BlockRanking {
    const count = Math.max(1, Math.ceil(keys.length / FILL));
    const most = count + Math.floor((count * spare) / 64);
    const room = count === 1 ? keys.length : most * BLOCK;
    const ranking = new BlockRanking(new Float64Array(room), new Uint32Array(room));
    ranking.largest = largest;
    ranking.size = keys.length;
    ranking.counted = false;
    ranking.fitDirectory(most);
    ranking.blocks = count;
    ranking.pooled = count;
    ranking.deal(keys, ids);
    ranking.setBound(0, Number.NEGATIVE_INFINITY, 0);
    return ranking;
  }

  insert(key: number, id: number): void {
    let at = this.blockFor(key, id);
    if (this.sizes[at] === BLOCK) {
      this.split(at);
      if (!this.isAfter(at + 1, key, id)) at++;
    }
    this.append(at, key, id);
    this.size++;
    this.counted = false;
  }

  remove(key: number, id: number): void {
    const at = this.blockFor(key, id);
    this.takeOut(at, this.placeOf(at, key, id));
  }

  /** The same as removing and inserting; cheaper where the member stays in its block. */
  move(old: number, key: number, id: number): void {
    const at = this.blockFor(old, id);
    const place = this.placeOf(at, old, id);
    if (this.isAfter(at, key, id) || (at + 1 < this.blocks && !this.isAfter(at + 1, key, id))) {
      this.takeOut(at, place);
      this.insert(key, id);
    } else this.keys[place] = key;
  }

  /**
   * Moves the members that have the bit in `marks`, which they lose, to their key of now; NaN takes a member out. The same as a
   * `move` each, by one pass over all members. How many these were.
   */
  moveMarked(marks: Uint8Array, bit: number, keyOf: (id: number) => number): number {
    leaving.clear();
    let moved = 0;
    for (let at = 0; at < this.blocks; at++) moved += this.moveWithin(at, marks, bit, keyOf);
    if (leaving.length === 0) return moved;
    this.counted = false;
    for (let at = this.blocks - 1; at >= 0; at--) if ((this.sizes[at] as number) < SPARSE) this.join(at);
    for (let i = 0; i < leaving.length; i++) {
      const key = leavingKeys[i] as number;
      if (!Number.isNaN(key)) this.insert(key, leaving.ids[i] as number);
    }
    return moved;
  }

  /**
   * Moves ids[from .. end) from the keys `old` to the keys `keys`, each of them as `insert`, `remove` or `move` would where NaN
   * stands for no member. How many these were.
   */
  moveAll(ids: Uint32Array, old: Float64Array, keys: Float64Array, from: number, end: number): number {
    leaving.clear();
    const count = movers.choose(old, keys, from, end);
    this.moveInOrder(movers.inOrder(this.boundKeys, this.boundIds, this.blocks, ids, old), ids, old, keys);
    for (let at = this.blocks - 1; at >= 0; at--) if ((this.sizes[at] as number) < SPARSE) this.join(at);
    this.counted = false;
    // As they left, block by block: most go to blocks nearby.
    for (let i = 0; i < leaving.length; i++) this.insert(leavingKeys[i] as number, leaving.ids[i] as number);
    const { fresh } = movers;
    for (let i = 0; i < fresh.length; i++) this.insert(keys[fresh.ids[i] as number] as number, ids[fresh.ids[i] as number] as number);
    return count;
  }

  /** Members that stay in their block get their keys; the others leave. The directory stays as it is. */
  private moveInOrder({ rows, blocks, length }: InOrder, ids: Uint32Array, old: Float64Array, keys: Float64Array): void {
    for (let k = 0; k < length; k++) {
      const at = blocks[k] as number;
      const row = rows[k] as number;
      const id = ids[row] as number;
      const key = keys[row] as number;
      const place = this.placeOf(at, old[row] as number, id);
      if (!Number.isNaN(key) && !this.isAfter(at, key, id) && (at + 1 === this.blocks || this.isAfter(at + 1, key, id))) {
        this.keys[place] = key;
        continue;
      }
      this.fillGap(at, place);
      if (!Number.isNaN(key)) leave(id, key);
    }
  }

  keyAt(index: number): number {
    this.countBlocks();
    const at = upperBound(this.before, this.blocks, index) - 1;
    const start = (this.places[at] as number) * BLOCK;
    const size = this.sizes[at] as number;
    for (let i = 0; i < size; i++) scratch[i] = this.keys[start + i] as number;
    return selectKey(scratch, size, index - (this.before[at] as number));
  }

  countBelow(key: number): number {
    this.countBlocks();
    const at = this.firstBlock(key);
    return (this.before[at] as number) + countSmaller(this.keysOf(at), this.sizes[at] as number, key);
  }

  countAtMost(key: number): number {
    this.countBlocks();
    const at = Math.max(0, upperBound(this.boundKeys, this.blocks, key) - 1);
    return (this.before[at] as number) + countNotLarger(this.keysOf(at), this.sizes[at] as number, key);
  }

  memberWith(key: number): number {
    for (let at = this.firstBlock(key); at < this.blocks; at++) {
      const place = this.keysOf(at).indexOf(key);
      if (place >= 0) return this.ids[(this.places[at] as number) * BLOCK + place] as number;
    }
    throw new RangeError('no member has this key');
  }

  collect(low: number, high: number, list: IdList): void {
    for (let at = this.firstBlock(low); at < this.blocks && (this.boundKeys[at] as number) <= high; at++) {
      const start = (this.places[at] as number) * BLOCK;
      const end = start + (this.sizes[at] as number);
      for (let i = start; i < end; i++) {
        const key = this.keys[i] as number;
        if (key >= low && key <= high) list.push(this.ids[i] as number);
      }
    }
  }

  /** The keys of a block, as a view. */
  private keysOf(at: number): Float64Array {
    const start = (this.places[at] as number) * BLOCK;
    return this.keys.subarray(start, start + (this.sizes[at] as number));
  }

  /** The last block whose bound is not after (key, id). */
  private blockFor(key: number, id: number): number {
    const { boundKeys, boundIds } = this;
    let low = 0;
    let high = this.blocks - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const bound = boundKeys[middle] as number;
      if (bound > key || (bound === key && (boundIds[middle] as number) > id)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** Whether the bound of the block is after (key, id). */
  private isAfter(at: number, key: number, id: number): boolean {
    const bound = this.boundKeys[at] as number;
    return bound > key || (bound === key && (this.boundIds[at] as number) > id);
  }

  /** The first block that may hold members with this key or a larger one. */
  private firstBlock(key: number): number {
    return Math.max(0, lowerBound(this.boundKeys, this.blocks, key) - 1);
  }

  /** Where in the pool the member is. */
  private placeOf(at: number, key: number, id: number): number {
    const { ids } = this;
    const start = (this.places[at] as number) * BLOCK;
    const end = start + (this.sizes[at] as number);
    let place = start;
    while (place < end && ids[place] !== id) place++;
    assertLaw(place < end && this.keys[place] === key, 'a ranked member is where its key says');
    return place;
  }

  /** Moves marked members of a block within it; the others are taken out and listed as leaving. */
  private moveWithin(at: number, marks: Uint8Array, bit: number, keyOf: (id: number) => number): number {
    const { ids, keys } = this;
    const start = (this.places[at] as number) * BLOCK;
    const isLast = at + 1 === this.blocks;
    let end = start + (this.sizes[at] as number);
    let moved = 0;
    for (let place = start; place < end; place++) {
      const id = ids[place] as number;
      const mark = marks[id] as number;
      if ((mark & bit) === 0) continue;
      marks[id] = mark & ~bit;
      moved++;
      const key = keyOf(id);
      if (!Number.isNaN(key) && !this.isAfter(at, key, id) && (isLast || this.isAfter(at + 1, key, id))) {
        keys[place] = key;
        continue;
      }
      leave(id, key);
      // The last of its block takes its place, and is looked at next.
      end--;
      keys[place] = keys[end] as number;
      ids[place] = ids[end] as number;
      place--;
    }
    this.size -= start + (this.sizes[at] as number) - end;
    this.sizes[at] = end - start;
    return moved;
  }

  private append(at: number, key: number, id: number): void {
    const size = this.sizes[at] as number;
    const place = (this.places[at] as number) * BLOCK + size;
    this.fitPool(place + 1);
    this.keys[place] = key;
    this.ids[place] = id;
    this.sizes[at] = size + 1;
  }

  private takeOut(at: number, place: number): void {
    this.fillGap(at, place);
    this.counted = false;
    if ((this.sizes[at] as number) < SPARSE) this.join(at);
  }

  /** The last of its block takes its place. */
  private fillGap(at: number, place: number): void {
    const size = (this.sizes[at] as number) - 1;
    const last = (this.places[at] as number) * BLOCK + size;
    this.keys[place] = this.keys[last] as number;
    this.ids[place] = this.ids[last] as number;
    this.sizes[at] = size;
    this.size--;
  }

  /** The first half of a full block stays; the other moves to a new one, which its smallest member bounds. */
  private split(at: number): void {
    const start = (this.places[at] as number) * BLOCK;
    const half = BLOCK >>> 1;
    partition(this.keys, this.ids, start, start + BLOCK, start + half);
    const block = this.free.pop() ?? this.pooled++;
    this.addBlock(at + 1, block, this.keys[start + half] as number, this.ids[start + half] as number);
    const target = block * BLOCK;
    this.fitPool(target + BLOCK);
    this.keys.copyWithin(target, start + half, start + BLOCK);
    this.ids.copyWithin(target, start + half, start + BLOCK);
    this.sizes[at] = half;
    this.sizes[at + 1] = BLOCK - half;
  }

  /** Keeps blocks filled; only a lone block may be empty. */
  private join(at: number): void {
    if (this.blocks === 1) return;
    const left = at === 0 ? 0 : at - 1;
    const size = this.sizes[left] as number;
    const more = this.sizes[left + 1] as number;
    if (more > 0 && size > 0 && size + more > (BLOCK * 3) / 4) return;
    const to = (this.places[left] as number) * BLOCK + size;
    const from = (this.places[left + 1] as number) * BLOCK;
    this.fitPool(to + more);
    this.keys.copyWithin(to, from, from + more);
    this.ids.copyWithin(to, from, from + more);
    this.sizes[left] = size + more;
    this.free.push(this.places[left + 1] as number);
    this.removeBlock(left + 1);
  }

  private addBlock(at: number, block: number, key: number, id: number): void {
    this.fitDirectory(this.blocks + 1);
    for (const column of [this.boundKeys, this.boundIds, this.places, this.sizes]) column.copyWithin(at + 1, at, this.blocks);
    this.blocks++;
    this.places[at] = block;
    this.setBound(at, key, id);
  }

  private removeBlock(at: number): void {
    for (const column of [this.boundKeys, this.boundIds, this.places, this.sizes]) column.copyWithin(at, at + 1, this.blocks);
    this.blocks--;
  }

  private setBound(at: number, key: number, id: number): void {
    this.boundKeys[at] = key;
    this.boundIds[at] = id;
  }

  private fitPool(length: number): void {
    this.keys = growFloat64(this.keys, length, true);
    this.ids = growUint32(this.ids, length, true);
  }

  private fitDirectory(blocks: number): void {
    this.boundKeys = growFloat64(this.boundKeys, blocks);
    this.boundIds = growUint32(this.boundIds, blocks);
    this.places = growUint32(this.places, blocks);
    this.sizes = growUint32(this.sizes, blocks);
  }

  private countBlocks(): void {
    if (this.counted) return;
    const { blocks, sizes } = this;
    if (this.before.length < blocks) this.before = new Float64Array(sizes.length);
    let sum = 0;
    for (let at = 0; at < blocks; at++) {
      this.before[at] = sum;
      sum += sizes[at] as number;
    }
    this.counted = true;
  }

  /** Makes all blocks: members by ascending id, sorted by key with ties as they come, are in order. */
  private deal(keys: Float64Array, ids: Uint32Array): void {
    const sorted = sortMembers(keys, ids);
    for (let at = 0; at < this.blocks; at++) {
      const start = at * FILL;
      const end = Math.min(start + FILL, keys.length);
      this.keys.set(sorted.keys.subarray(start, end), at * BLOCK);
      this.ids.set(sorted.ids.subarray(start, end), at * BLOCK);
      if (end > start) this.setBound(at, sorted.keys[start] as number, sorted.ids[start] as number);
      this.places[at] = at;
      this.sizes[at] = end - start;
    }
  }
}

function leave(id: number, key: number): void {
  leaving.push(id);
  leavingKeys = growFloat64(leavingKeys, leaving.length);
  leavingKeys[leaving.length - 1] = key;
}
