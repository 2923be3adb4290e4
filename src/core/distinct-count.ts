/**
 * One distinct count, kept as its finer grain changes: the number of children whose counting measure is positive.
 *
 * Correct since it moves by one with each child that the last sums lifted above zero or let fall to it (column.ts names
 * them), which makes it additive and undoable. Cost: O(children that crossed).
 */
import type { Column } from './column.ts';
import type { Link } from './link.ts';
import type { Crossings } from './records.ts';

export class DistinctCount {
  private readonly link: Link;
  private readonly crossings: Crossings;
  private readonly column: Column;

  /** `counting` is an additive measure of `link.from`, `index` the distinct measure of `link.to`. */
  constructor(link: Link, counting: number, index: number) {
    this.link = link;
    this.crossings = (link.from.additive[counting] as Column).watch();
    this.column = link.to.distinct[index] as Column;
  }

  /** After the sums of a delta. */
  update(): void {
    const { rose, fell } = this.crossings;
    for (let i = 0; i < rose.length; i++) this.column.step(this.link.parent[rose.ids[i] as number] as number, 1);
    for (let i = 0; i < fell.length; i++) this.column.step(this.link.parent[fell.ids[i] as number] as number, -1);
  }
}
