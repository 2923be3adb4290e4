/**
 * What was applied to one base grain since the last fold, summed by entity.
 *
 * State: one row an entity that was touched since (its id and its sums, kept as the statistics are: records.ts), and an index
 * from the entity to its row. `persisted` entities have a row in the table (or are in rows that a caller took to fold).
 * Sums are additive, so a buffer that is given back is added to what came since, in any order. While the table is empty there is
 * no need of any of this: what was applied is the state itself.
 * Cost: O(1) a row added; taking puts the entities in order, O(t), some at a time (fold-making.ts).
 */
import type { FoldRows } from './detector.ts';
import { assertLaw } from './error.ts';
import { makeRows, makeWhole } from './fold-making.ts';
import { IdList, roomUint32 } from './grow.ts';
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
  readonly entities = new IdList();
  sums: Records;
  private index = new HashIndex();
  private rows = new Uint32Array(0);
  private persisted = 0;
  /** The table is empty, and nothing was ever taken. */
  private isWhole = true;
  private isBeingTaken = false;

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

  /**
   * What was applied up to now, null if there is nothing; `piece` rows are made at a time. What is applied meanwhile belongs to the
   * next one, which can be taken when this one is made.
   */
  take(piece: number): Generator<void, FoldRows | null> {
    assertLaw(!this.isBeingTaken, 'a fold is taken after the one before is made');
    this.isBeingTaken = true;
    if (this.isWhole) {
      this.persist();
      return this.making(makeWhole(this.base, () => this, piece));
    }
    const entities = this.entities.ids.slice(0, this.entities.length);
    const { sums, persisted } = this;
    if (entities.length > 0) this.empty();
    return this.making(makeRows(this.base, entities, sums, persisted, piece));
  }

  private *making(rows: Generator<void, FoldRows>): Generator<void, FoldRows | null> {
    const made = yield* rows;
    this.isBeingTaken = false;
    return made.entities.length === 0 ? null : made;
  }

  private empty(): void {
    this.index = new HashIndex();
    this.entities.clear();
    this.sums = this.emptySums();
    this.persist();
  }

  giveBack(rows: FoldRows): void {
    assertLaw(!this.isBeingTaken, 'a fold is given back after it is made');
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
