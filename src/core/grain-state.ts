/** The entities of one grain: their keys, their measures, and which of them the delta in hand touches. */
import type { Column } from './column.ts';
import { EntityTable } from './entity-table.ts';
import { exactUint8, growUint8, IdList } from './grow.ts';
import type { Grain, Layout } from './layout.ts';
import type { Link } from './link.ts';
import { Records } from './records.ts';
import { twinsOf } from './twins.ts';

/** Bits of `marks`. */
export const TOUCHED = 1;
export const CANDIDATE = 2;
export const DIRTY = 4;
export const MOVING = 8;

export class GrainState {
  readonly index: number;
  readonly grain: Grain;
  readonly table: EntityTable;
  /** Of all measures: the additive ones, then the distinct ones. */
  readonly records: Records;
  readonly additive: readonly Column[];
  readonly distinct: readonly Column[];
  /** The plain count: an entity is a member of its cohorts while it is positive. */
  readonly count: Column;
  /** To coarser grains, in the order in which they were asked for. */
  readonly links: Link[] = [];
  /** Entities whose measures, or those of a finer entity, the delta in hand may change; each once. */
  readonly touched = new IdList();
  /** By entity; all 0 between steps. */
  marks = new Uint8Array(64);

  constructor(index: number, layout: Layout) {
    const grain = layout.grains[index] as Grain;
    this.index = index;
    this.grain = grain;
    this.table = new EntityTable(grain.dimensions.length);
    this.records = new Records(grain.additive.length + grain.distinct.length, twinsOf(layout, grain));
    this.additive = this.records.columns.slice(0, grain.additive.length);
    this.distinct = this.records.columns.slice(grain.additive.length);
    this.count = this.additive[0] as Column;
  }

  isMember(entity: number): boolean {
    return this.count.float(entity) > 0;
  }

  /** Room for entities that are about to come, with measures of 0. */
  reserve(size: number): void {
    this.table.reserve(size);
    this.records.reserve(size);
    this.marks = exactUint8(this.marks, size);
  }

  /** Gives new entities their place. */
  fit(): void {
    const { size } = this.table;
    this.records.grow(size);
    this.marks = growUint8(this.marks, size);
  }

  /** Marks and adds to `touched` what is not there yet. */
  touch(entities: Uint32Array, count: number): void {
    const { marks, touched } = this;
    for (let i = 0; i < count; i++) {
      const entity = entities[i] as number;
      const mark = marks[entity] as number;
      if ((mark & TOUCHED) !== 0) continue;
      marks[entity] = mark | TOUCHED;
      touched.push(entity);
    }
  }

  release(): void {
    const { marks } = this;
    const { ids, length } = this.touched;
    this.touched.clear();
    for (let i = 0; i < length; i++) marks[ids[i] as number] = 0;
  }
}
