/**
 * One distinct count, kept as its finer grain changes: the number of children whose counting measure is positive.
 *
 * State: beside the column itself, one flag for each touched finer entity between `before` and `after`. Correct since only
 * touched entities change, and the count moves by one exactly where the flag does (which makes it additive and undoable).
 * Cost: O(touched finer entities).
 */
import { roomUint8 } from './grow.ts';
import type { Integers } from './integers.ts';
import type { Link } from './link.ts';

export class DistinctCount {
  private readonly link: Link;
  private readonly counting: Integers;
  private readonly column: Integers;
  private was = new Uint8Array(0);

  /** `counting` is an additive measure of `link.from`, `index` the distinct measure of `link.to`. */
  constructor(link: Link, counting: number, index: number) {
    this.link = link;
    this.counting = link.from.additive[counting] as Integers;
    this.column = link.to.distinct[index] as Integers;
  }

  before(): void {
    const { ids, length } = this.link.from.touched;
    this.was = roomUint8(this.was, length);
    for (let i = 0; i < length; i++) this.was[i] = isPositive(this.counting, ids[i] as number);
  }

  after(): void {
    const { ids, length } = this.link.from.touched;
    for (let i = 0; i < length; i++) {
      const entity = ids[i] as number;
      const moved = isPositive(this.counting, entity) - (this.was[i] as number);
      if (moved !== 0) this.column.add(this.link.parent[entity] as number, moved);
    }
  }
}

function isPositive(column: Integers, entity: number): 0 | 1 {
  const narrow = column.narrow;
  return (narrow !== null ? (narrow[entity] as number) > 0 : column.sign(entity) > 0) ? 1 : 0;
}
