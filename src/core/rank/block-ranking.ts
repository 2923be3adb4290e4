/**
 * A large cohort, kept in order from step to step: sorted blocks with inline keys.
 *
 * State: members ascending by (key, id), in blocks of at most 256 (keys in a Float64Array, ids beside); a directory with the
 * first member of each block (so that a search reads one small array and then one block) and with the number of members
 * before it, counted again when asked after a change. 12 bytes a member, blocks being some 2/3 full.
 * Correct since (key, id) is a strict total order that does not depend on the columns: a member is found again by the key it
 * was put in with, which the caller passes back.
 * Cost: a change O(log n) comparisons and one move within a block; a question O(log n), the first after changes O(n / 170).
 */
import type { IdList } from '../grow.ts';
import { assertLaw } from '../error.ts';
import { lowerBound, upperBound } from './passes.ts';
import type { Ranking } from './ranking.ts';

const BLOCK = 256;
/** A block below this size joins its neighbour where both fit well into one. */
const SPARSE = 64;

interface Block {
  readonly keys: Float64Array;
  readonly ids: Uint32Array;
  size: number;
}

function makeBlock(): Block {
  return { keys: new Float64Array(BLOCK), ids: new Uint32Array(BLOCK), size: 0 };
}

export class BlockRanking implements Ranking {
  size = 0;
  /** Never shrinks while the structure lives. */
  largest = 1;
  private blocks: Block[] = [makeBlock()];
  /** The first member of each block; of the first block always (-Infinity, 0), before all. */
  private firstKeys = new Float64Array([Number.NEGATIVE_INFINITY]);
  private firstIds = new Uint32Array(1);
  private before = new Float64Array(1);
  private counted = true;

  /** From members in any order; the arrays are sorted in place. */
  static from(keys: Float64Array, ids: Uint32Array, largest: number): BlockRanking {
    const ranking = new BlockRanking();
    ranking.largest = largest;
    ranking.size = keys.length;
    ranking.counted = false;
    const order = sortedOrder(keys, ids);
    const fill = Math.floor((BLOCK * 2) / 3);
    const blocks: Block[] = [];
    for (let start = 0; start < order.length; start += fill) {
      const block = makeBlock();
      block.size = Math.min(fill, order.length - start);
      for (let i = 0; i < block.size; i++) {
        const at = order[start + i] as number;
        block.keys[i] = keys[at] as number;
        block.ids[i] = ids[at] as number;
      }
      blocks.push(block);
    }
    if (blocks.length > 0) ranking.blocks = blocks;
    ranking.fitDirectory();
    for (let i = 1; i < blocks.length; i++) ranking.noteFirst(i);
    return ranking;
  }

  insert(key: number, id: number): void {
    let at = this.blockFor(key, id);
    let block = this.blocks[at] as Block;
    if (block.size === BLOCK) {
      this.split(at);
      if (!this.isAfter(at + 1, key, id)) at++;
      block = this.blocks[at] as Block;
    }
    const place = placeIn(block, key, id);
    block.keys.copyWithin(place + 1, place, block.size);
    block.ids.copyWithin(place + 1, place, block.size);
    block.keys[place] = key;
    block.ids[place] = id;
    block.size++;
    this.size++;
    if (place === 0) this.noteFirst(at);
    this.counted = false;
  }

  remove(key: number, id: number): void {
    const at = this.blockFor(key, id);
    const block = this.blocks[at] as Block;
    const place = placeIn(block, key, id);
    assertLaw(place < block.size && block.ids[place] === id && block.keys[place] === key, 'a ranked member is where its key says');
    block.keys.copyWithin(place, place + 1, block.size);
    block.ids.copyWithin(place, place + 1, block.size);
    block.size--;
    this.size--;
    this.counted = false;
    if (place === 0) this.noteFirst(at);
    if (block.size < SPARSE) this.join(at);
  }

  keyAt(index: number): number {
    this.countBlocks();
    const at = upperBound(this.before, this.blocks.length, index) - 1;
    return (this.blocks[at] as Block).keys[index - (this.before[at] as number)] as number;
  }

  countBelow(key: number): number {
    this.countBlocks();
    const at = this.firstBlock(key);
    const block = this.blocks[at] as Block;
    return (this.before[at] as number) + lowerBound(block.keys, block.size, key);
  }

  countAtMost(key: number): number {
    this.countBlocks();
    const at = this.lastBlock(key);
    const block = this.blocks[at] as Block;
    return (this.before[at] as number) + upperBound(block.keys, block.size, key);
  }

  memberWith(key: number): number {
    let at = this.firstBlock(key);
    let block = this.blocks[at] as Block;
    let place = lowerBound(block.keys, block.size, key);
    if (place === block.size) {
      block = this.blocks[++at] as Block;
      place = 0;
    }
    return block.ids[place] as number;
  }

  collect(low: number, high: number, list: IdList): void {
    for (let at = this.firstBlock(low); at < this.blocks.length; at++) {
      const block = this.blocks[at] as Block;
      for (let i = lowerBound(block.keys, block.size, low); i < block.size; i++) {
        if ((block.keys[i] as number) > high) return;
        list.push(block.ids[i] as number);
      }
    }
  }

  /** The last block whose first member is not after (key, id). */
  private blockFor(key: number, id: number): number {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.isAfter(middle, key, id)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** Whether the first member of the block is after (key, id). */
  private isAfter(at: number, key: number, id: number): boolean {
    const first = this.firstKeys[at] as number;
    return first > key || (first === key && (this.firstIds[at] as number) > id);
  }

  /** The last block whose first key is smaller, or the first block. */
  private firstBlock(key: number): number {
    return Math.max(0, lowerBound(this.firstKeys, this.blocks.length, key) - 1);
  }

  /** The last block whose first key is not larger, or the first block. */
  private lastBlock(key: number): number {
    return Math.max(0, upperBound(this.firstKeys, this.blocks.length, key) - 1);
  }

  private noteFirst(at: number): void {
    const block = this.blocks[at] as Block;
    if (at === 0 || block.size === 0) return;
    this.firstKeys[at] = block.keys[0] as number;
    this.firstIds[at] = block.ids[0] as number;
  }

  private fitDirectory(): void {
    if (this.blocks.length <= this.firstKeys.length) return;
    const { firstKeys, firstIds } = this;
    this.firstKeys = new Float64Array(this.blocks.length * 2);
    this.firstKeys.set(firstKeys);
    this.firstIds = new Uint32Array(this.blocks.length * 2);
    this.firstIds.set(firstIds);
  }

  private addBlock(at: number, block: Block): void {
    this.blocks.splice(at, 0, block);
    this.fitDirectory();
    this.firstKeys.copyWithin(at + 1, at, this.blocks.length - 1);
    this.firstIds.copyWithin(at + 1, at, this.blocks.length - 1);
    this.noteFirst(at);
  }

  private removeBlock(at: number): void {
    this.firstKeys.copyWithin(at, at + 1, this.blocks.length);
    this.firstIds.copyWithin(at, at + 1, this.blocks.length);
    this.blocks.splice(at, 1);
    this.firstKeys[0] = Number.NEGATIVE_INFINITY;
    this.firstIds[0] = 0;
  }

  private countBlocks(): void {
    if (this.counted) return;
    const { blocks } = this;
    if (this.before.length < blocks.length) this.before = new Float64Array(blocks.length * 2);
    let sum = 0;
    for (let i = 0; i < blocks.length; i++) {
      this.before[i] = sum;
      sum += (blocks[i] as Block).size;
    }
    this.counted = true;
  }

  private split(at: number): void {
    const block = this.blocks[at] as Block;
    const right = makeBlock();
    const half = block.size >>> 1;
    right.size = block.size - half;
    right.keys.set(block.keys.subarray(half, block.size));
    right.ids.set(block.ids.subarray(half, block.size));
    block.size = half;
    this.addBlock(at + 1, right);
  }

  /** Keeps blocks filled; only a lone block may be empty. */
  private join(at: number): void {
    if (this.blocks.length === 1) return;
    if ((this.blocks[at] as Block).size === 0) {
      this.removeBlock(at);
      return;
    }
    const left = at === 0 ? 0 : at - 1;
    const a = this.blocks[left] as Block;
    const b = this.blocks[left + 1] as Block;
    if (a.size + b.size > (BLOCK * 3) / 4) return;
    a.keys.set(b.keys.subarray(0, b.size), a.size);
    a.ids.set(b.ids.subarray(0, b.size), a.size);
    a.size += b.size;
    this.removeBlock(left + 1);
  }
}

/** First place whose member is not before (key, id). */
function placeIn(block: Block, key: number, id: number): number {
  let low = 0;
  let high = block.size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const own = block.keys[middle] as number;
    if (own < key || (own === key && (block.ids[middle] as number) < id)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Indices of the members ascending by (key, id), by merging runs: no comparator call a pair. */
function sortedOrder(keys: Float64Array, ids: Uint32Array): Uint32Array {
  let from = new Uint32Array(keys.length);
  let to = new Uint32Array(keys.length);
  for (let i = 0; i < from.length; i++) from[i] = i;
  for (let width = 1; width < keys.length; width *= 2) {
    for (let start = 0; start < keys.length; start += 2 * width) {
      mergeRuns(keys, ids, from, to, start, Math.min(start + width, keys.length), Math.min(start + 2 * width, keys.length));
    }
    [from, to] = [to, from];
  }
  return from;
}

function mergeRuns(
  keys: Float64Array,
  ids: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  start: number,
  middle: number,
  end: number,
): void {
  let i = start;
  let j = middle;
  for (let out = start; out < end; out++) {
    const takeLeft = i < middle && (j >= end || !comesAfter(keys, ids, from[i] as number, from[j] as number));
    to[out] = from[takeLeft ? i++ : j++] as number;
  }
}

function comesAfter(keys: Float64Array, ids: Uint32Array, a: number, b: number): boolean {
  const left = keys[a] as number;
  const right = keys[b] as number;
  return left > right || (left === right && (ids[a] as number) > (ids[b] as number));
}
