/**
 * What was applied to one base grain since the last fold, summed by entity.
 *
 * State: one row an entity that was touched since (its id and its sums, kept as the statistics are: records.ts), and an index
 * from the entity to its row. `persisted` entities have a row in the table (or are in rows that a caller took to fold).
 * Sums are additive, so a buffer that is given back is added to what came since, in any order. While the table is empty there is
 * no need of any of this: what was applied is the state itself.
 * Cost: O(1) a row added; taking sorts the entities, O(t log t).
 */
import type { FoldRows } from './detector.ts';
import { firstIds, IdList, roomUint32 } from './grow.ts';
import { hashId } from './hash.ts';
import { HashIndex, NONE } from './hash-index.ts';
import type { Integers } from './integers.ts';
import type { Layout } from './layout.ts';
import type { GrainState } from './grain-state.ts';
import { Records } from './records.ts';
import { twinsOf } from './twins.ts';

export class FoldBuffer {
  private readonly base: GrainState;
  private readonly twins: readonly number[];
  private readonly entities = new IdList();
  private sums: Records;
  private index = new HashIndex();
  private rows = new Uint32Array(0);
  private persisted = 0;
  /** The table is empty, and nothing was ever taken. */
  private isWhole = true;

  constructor(base: GrainState, layout: Layout) {
    this.base = base;
    this.twins = twinsOf(layout, base.grain);
    this.sums = this.emptySums();
  }

  /** All entities there are now have their row in the table. */
  persist(): void {
    this.isWhole = false;
    this.persisted = this.base.table.size;
  }

  add(entities: Uint32Array, additive: readonly Integers[], count: number): void {
    if (this.isWhole) return;
    if (this.entities.length === 0) this.index.reserve(count);
    this.rows = roomUint32(this.rows, count);
    place(entities, count, this.index, this.entities, this.rows);
    this.sums.grow(this.entities.length);
    this.sums.add(this.rows, additive, count);
  }

  /** Null if there is nothing to fold. */
  take(): FoldRows | null {
    if (this.isWhole) return this.takeWhole();
    if (this.entities.length === 0) return null;
    const entities = this.entities.ids.slice(0, this.entities.length).sort();
    const rows = entities.map((entity) => this.index.first(hashId(entity)));
    const taken: FoldRows = {
      grain: this.base.index,
      entities,
      firstNew: this.persisted,
      keys: this.base.table.columns.map((column) => entities.map((entity) => column[entity] as number)),
      additive: this.sums.columns.map((column) => column.pick(rows)),
    };
    this.index = new HashIndex();
    this.entities.clear();
    this.sums = this.emptySums();
    this.persist();
    return taken;
  }

  private takeWhole(): FoldRows | null {
    const { table, additive, index } = this.base;
    if (table.size === 0) return null;
    const entities = firstIds(table.size);
    this.persist();
    const keys = table.columns.map((column) => column.slice(0, table.size));
    return { grain: index, entities, firstNew: 0, keys, additive: additive.map((column) => column.pick(entities)) };
  }

  giveBack(rows: FoldRows): void {
    this.add(rows.entities, rows.additive, rows.entities.length);
    this.persisted = Math.min(this.persisted, rows.firstNew);
  }

  private emptySums(): Records {
    return new Records(this.base.additive.length, this.twins);
  }
}

/** Writes the row of each entity, a new one for those that have none. */
function place(entities: Uint32Array, count: number, index: HashIndex, list: IdList, rows: Uint32Array): void {
  for (let i = 0; i < count; i++) {
    const entity = entities[i] as number;
    const hash = hashId(entity);
    let row = index.first(hash);
    if (row === NONE) {
      row = list.length;
      list.push(entity);
      index.insert(hash, row);
    }
    rows[i] = row;
  }
}
