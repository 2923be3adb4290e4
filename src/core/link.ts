/**
 * From each entity of a grain to the entity of a coarser grain (or the same one) whose key is a part of its key, and back.
 *
 * State: a column of parent ids, filled as entities appear; with `withChildren` also the children of each parent (only where
 * patterns walk them: cohorts, gates, comparisons with a group). Cost: O(1) a new entity; 4 bytes, some 6 more for children.
 */
import { Children } from './children.ts';
import type { GrainState } from './grain-state.ts';
import { growUint32 } from './grow.ts';

export class Link {
  readonly from: GrainState;
  readonly to: GrainState;
  /** By entity of `from`; the array may be replaced by `extend`. */
  parent = new Uint32Array(16);
  private children: Children | null = null;
  private filled = 0;
  /** For each dimension of `to` its position in the key of `from`. */
  private readonly positions: readonly number[];

  constructor(from: GrainState, to: GrainState) {
    this.from = from;
    this.to = to;
    this.positions = to.grain.dimensions.map((dimension) => from.grain.dimensions.indexOf(dimension));
  }

  /** Asked for before the first entity appears. */
  withChildren(): Children {
    this.children ??= new Children();
    return this.children;
  }

  /** Finds or makes the parents of the entities that `from` gained. */
  extend(): void {
    const first = this.filled;
    const size = this.from.table.size;
    if (size === first) return;
    this.parent = growUint32(this.parent, size);
    if (this.to === this.from) fillIdentity(this.parent, first, size);
    else this.findParents(first, size);
    if (this.children !== null) addChildren(this.children, this.parent, first, size);
    this.filled = size;
  }

  private findParents(first: number, size: number): void {
    const keys = this.positions.map((position) => (this.from.table.columns[position] as Uint32Array).subarray(first, size));
    this.to.table.resolve(keys, size - first, this.parent, first);
  }
}

function fillIdentity(parent: Uint32Array, first: number, size: number): void {
  for (let entity = first; entity < size; entity++) parent[entity] = entity;
}

function addChildren(children: Children, parent: Uint32Array, first: number, size: number): void {
  for (let entity = first; entity < size; entity++) children.add(parent[entity] as number, entity);
}
