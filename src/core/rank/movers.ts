/**
 * The members that a step moves within one ranking, in order of the blocks that hold them: by a counting sort. Moved in that order
 * they are found reading the pool from its beginning to its end, which takes a third less time than going from place to place (10,000
 * of 1,000,000: 6.5 instead of 9.5 ms): what is far from each other is in no cache, nor are its pages known to the processor.
 * Cost: O(members * log blocks + blocks).
 */
import { IdList, roomUint32 } from '../grow.ts';

/** Row k of the members in order, and its block; only the first `length` are meaningful. */
export interface InOrder {
  readonly rows: Uint32Array;
  readonly blocks: Uint32Array;
  readonly length: number;
}

export class Movers {
  /** Rows of those that have no key yet. */
  readonly fresh = new IdList();
  /** Rows of those that have one, and get another or none. */
  private readonly moving = new IdList();
  private blocks = new Uint32Array(0);
  private starts = new Uint32Array(0);
  private sortedRows = new Uint32Array(0);
  private sortedBlocks = new Uint32Array(0);

  /** Takes the rows from .. end whose key changes; NaN is none. How many these are. */
  choose(old: Float64Array, keys: Float64Array, from: number, end: number): number {
    const { fresh, moving } = this;
    fresh.clear();
    moving.clear();
    for (let i = from; i < end; i++) {
      const before = old[i] as number;
      const key = keys[i] as number;
      if (before === key) continue;
      if (!Number.isNaN(before)) moving.push(i);
      else if (!Number.isNaN(key)) fresh.push(i);
    }
    return fresh.length + moving.length;
  }

  /** Those that have a key; the bounds are those of the directory. Valid until the next call. */
  inOrder(boundKeys: Float64Array, boundIds: Uint32Array, blocks: number, ids: Uint32Array, old: Float64Array): InOrder {
    const { length } = this.moving;
    this.blocks = roomUint32(this.blocks, length);
    this.sortedRows = roomUint32(this.sortedRows, length);
    this.sortedBlocks = roomUint32(this.sortedBlocks, length);
    this.starts = roomUint32(this.starts, blocks + 1);
    this.starts.fill(0, 0, blocks + 1);
    findBlocks(boundKeys, boundIds, blocks, ids, old, this.moving, this.blocks, this.starts);
    for (let at = 1; at <= blocks; at++) this.starts[at] = (this.starts[at] as number) + (this.starts[at - 1] as number);
    deal(this.moving, this.blocks, this.starts, this.sortedRows, this.sortedBlocks);
    return { rows: this.sortedRows, blocks: this.sortedBlocks, length };
  }
}

/** For each member the last block whose bound is not after it; counts them, those of block `at` in counts[at + 1]. */
function findBlocks(
  boundKeys: Float64Array,
  boundIds: Uint32Array,
  blocks: number,
  ids: Uint32Array,
  keys: Float64Array,
  rows: IdList,
  out: Uint32Array,
  counts: Uint32Array,
): void {
  for (let k = 0; k < rows.length; k++) {
    const row = rows.ids[k] as number;
    const key = keys[row] as number;
    const id = ids[row] as number;
    let low = 0;
    let high = blocks - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const bound = boundKeys[middle] as number;
      if (bound > key || (bound === key && (boundIds[middle] as number) > id)) high = middle - 1;
      else low = middle;
    }
    out[k] = low;
    counts[low + 1] = (counts[low + 1] as number) + 1;
  }
}

/** starts[at] is where the next one of the block goes. */
function deal(rows: IdList, blocks: Uint32Array, starts: Uint32Array, outRows: Uint32Array, outBlocks: Uint32Array): void {
  for (let k = 0; k < rows.length; k++) {
    const at = blocks[k] as number;
    const place = starts[at] as number;
    starts[at] = place + 1;
    outRows[place] = rows.ids[k] as number;
    outBlocks[place] = at;
  }
}
