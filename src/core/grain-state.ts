/** The entities of one grain: their keys, their measures, and which of them the delta in hand touches. */
import { EntityTable } from './entity-table.ts';
import { growUint8, IdList } from './grow.ts';
import { Integers } from './integers.ts';
import type { Grain } from './layout.ts';
import type { Link } from './link.ts';

/** Bits of `marks`. */
export const TOUCHED = 1;
export const CANDIDATE = 2;
export const DIRTY = 4;

export class GrainState {
  readonly index: number;
  readonly grain: Grain;
  readonly table: EntityTable;
  /** One a measure, by entity. The first is the plain count. */
  readonly additive: readonly Integers[];
  readonly distinct: readonly Integers[];
  /** The plain count: an entity is a member of its cohorts while it is positive. */
  readonly count: Integers;
  /** To coarser grains, in the order in which they were asked for. */
  readonly links: Link[] = [];
  /** Entities whose measures, or those of a finer entity, the delta in hand may change. */
  readonly touched = new IdList();
  /** By entity; all 0 between steps. */
  marks = new Uint8Array(64);

  constructor(index: number, grain: Grain) {
    this.index = index;
    this.grain = grain;
    this.table = new EntityTable(grain.dimensions.length);
    this.count = new Integers();
    this.additive = grain.additive.map((_, i) => (i === 0 ? this.count : new Integers()));
    this.distinct = grain.distinct.map(() => new Integers());
  }

  isMember(entity: number): boolean {
    return this.count.narrow !== null ? (this.count.narrow[entity] as number) > 0 : this.count.sign(entity) > 0;
  }

  /** Gives new entities their place in all columns. */
  fit(): void {
    const size = this.table.size;
    for (const column of this.additive) if (column.length < size) column.resize(size);
    for (const column of this.distinct) if (column.length < size) column.resize(size);
    this.marks = growUint8(this.marks, size);
  }

  touch(entity: number): void {
    const mark = this.marks[entity] as number;
    if ((mark & TOUCHED) !== 0) return;
    this.marks[entity] = mark | TOUCHED;
    this.touched.push(entity);
  }

  touchAll(entities: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) this.touch(entities[i] as number);
  }

  /** Touches the parents of what `link.from` touches. */
  touchParents(link: Link): void {
    const { ids, length } = link.from.touched;
    const parent = link.parent;
    for (let i = 0; i < length; i++) this.touch(parent[ids[i] as number] as number);
  }

  release(): void {
    const { ids, length } = this.touched;
    for (let i = 0; i < length; i++) this.marks[ids[i] as number] = 0;
    this.touched.clear();
  }
}
