/**
 * For each parent the list of its children, in order of arrival; children are never removed.
 *
 * State: an unrolled linked list a parent. Blocks lie in one pool as [previous block, capacity, used, child, child, ...];
 * capacities double from 2 to 512, so a parent of few children costs little and one of many is read almost in sequence.
 * Cost: adding O(1); reading O(children); about 6 bytes a child for large parents, 24 for parents of one.
 */
import { growUint32, type IdList } from './grow.ts';

const HEADER = 3;
const FIRST = 2;
const LARGEST = 512;

export class Children {
  private pool = new Uint32Array(1024);
  private used = 1;
  private head = new Uint32Array(16);
  private counts = new Uint32Array(16);

  count(parent: number): number {
    return this.counts[parent] ?? 0;
  }

  /** Each child has one parent, and is added once. */
  add(parent: number, child: number): void {
    if (parent >= this.head.length) {
      this.head = growUint32(this.head, parent + 1);
      this.counts = growUint32(this.counts, this.head.length);
    }
    let block = this.head[parent] as number;
    if (block === 0 || this.pool[block + 1] === this.pool[block + 2]) block = this.addBlock(parent, block);
    const filled = this.pool[block + 2] as number;
    this.pool[block + HEADER + filled] = child;
    this.pool[block + 2] = filled + 1;
    const count = this.counts[parent] as number;
    this.counts[parent] = count + 1;
  }

  /** Replaces the list by the parent's children, by position. */
  collect(parent: number, list: IdList): void {
    const count = this.count(parent);
    list.reserve(count);
    list.length = count;
    let at = count;
    for (let block = this.head[parent] ?? 0; block !== 0; block = this.pool[block] as number) {
      const filled = this.pool[block + 2] as number;
      at -= filled;
      for (let i = 0; i < filled; i++) list.ids[at + i] = this.pool[block + HEADER + i] as number;
    }
  }

  private addBlock(parent: number, previous: number): number {
    const capacity = previous === 0 ? FIRST : Math.min(LARGEST, 2 * (this.pool[previous + 1] as number));
    const block = this.used;
    this.used += HEADER + capacity;
    this.pool = growUint32(this.pool, this.used);
    this.pool[block] = previous;
    this.pool[block + 1] = capacity;
    this.pool[block + 2] = 0;
    this.head[parent] = block;
    return block;
  }
}
