/**
 * The sums of one base grain over the rows of a chunk: key ids -> entity, and an exact integer a measure.
 *
 * An entity's row lies in one piece, [ids of the key ..., sums ...] as float64, so that adding to it touches one or two
 * cache lines however many measures there are; `take` turns rows into columns (core/delta.ts). Entities are numbered in
 * the order in which they were first seen. A key of one dimension is looked up by its id directly (ids are dense); of two
 * or more by open addressing (load at most 1/4) over a hash that only finds candidates: the ids in the row decide.
 *
 * Rows come in batches (row-batch.ts): first all keys are looked up, then each measure is added in a loop of its own. The
 * look-ups are what takes time, by cache misses, and in a loop that does nothing else the processor overlaps them.
 *
 * Each measure is narrow (in the row; every sum is checked to stay a safe integer) until the first sum that is not, or
 * the first term beyond 2^53; then wide for the rest of the chunk (a column of core/integers.ts).
 */
import type { GrainDelta } from '../core/delta.ts';
import { Integers } from '../core/integers.ts';
import type { Additive } from '../core/layout.ts';
import { batchRows, type RowBatch, termCount, terms } from './row-batch.ts';

const smallest = 256;

/** What a measure adds of a row (row-batch.ts). */
export function termOf(measure: Additive): number {
  if (measure.kind === 'count') return terms.one;
  return measure.kind === 'number' ? terms.hasWeight : terms[measure.of];
}

export class GrainTable {
  #size = 0;
  #capacity = smallest;
  /** The layout's dimensions that make the key. */
  readonly #dimensions: Int32Array;
  /** All measures of the grain; those that are not fed stay 0. */
  readonly #measures: number;
  /** For each fed measure: its place in a row, the term that it adds, its filter or -1. */
  readonly #places: Int32Array;
  readonly #terms: Int32Array;
  readonly #filters: Int32Array;
  readonly #stride: number;
  #rows: Float64Array;
  /** Hash or id -> entity + 1; 0 is free. */
  #slots = new Int32Array(2 * smallest);
  /** Of the rows of the batch in hand. */
  readonly #entities = new Int32Array(batchRows);
  /** By measure, once it is wide. */
  readonly #wide = new Map<number, Integers>();

  /** `fed`: indices of the measures that rows feed. */
  constructor(dimensions: readonly number[], additive: readonly Additive[], fed: readonly number[]) {
    this.#dimensions = Int32Array.from(dimensions);
    this.#measures = additive.length;
    this.#stride = dimensions.length + additive.length;
    this.#places = Int32Array.from(fed, (at) => dimensions.length + at);
    this.#terms = Int32Array.from(fed, (at) => termOf(additive[at]!));
    this.#filters = Int32Array.from(fed, (at) => additive[at]!.filter ?? -1);
    this.#rows = new Float64Array(this.#capacity * this.#stride);
  }

  /** Adds the rows of a batch. */
  add(batch: RowBatch): void {
    if (this.#dimensions.length === 2) this.#findPairs(batch);
    else for (let i = 0; i < batch.size; i++) this.#entities[i] = this.#find(batch.ids, i * batch.idWidth);
    for (let fed = 0; fed < this.#places.length; fed++) {
      if (this.#wide.has(this.#places[fed]!)) this.#addEach(batch, fed, 0);
      else if (this.#filters[fed]! < 0) this.#addAll(batch, fed, this.#places[fed]!, this.#terms[fed]!);
      else this.#addSome(batch, fed, this.#places[fed]!, this.#terms[fed]!, this.#filters[fed]!);
    }
  }

  /** Adds one row with terms of any size. */
  addBig(ids: Int32Array, terms: readonly (number | bigint)[], bits: Int32Array): void {
    const entity = this.#find(ids, 0);
    for (let fed = 0; fed < this.#places.length; fed++) {
      const filter = this.#filters[fed]!;
      if (filter < 0 || (bits[filter >> 5]! & (1 << (filter & 31))) !== 0) this.#addWide(fed, entity, terms[this.#terms[fed]!]!);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Adds the sums of entities from .. to of a delta; `idsHere`: for each dimension of the layout, the id here of each of its values. */
  load(delta: GrainDelta, from: number, to: number, idsHere: readonly Uint32Array[]): void {
    const ids = new Int32Array(1 + Math.max(0, ...this.#dimensions));
    for (let i = from; i < to; i++) {
      for (let k = 0; k < this.#dimensions.length; k++) ids[this.#dimensions[k]!] = idsHere[this.#dimensions[k]!]![delta.keys[k]![i]!]!;
      const entity = this.#find(ids, 0);
      for (let fed = 0; fed < this.#places.length; fed++) {
        const sums = delta.additive[this.#places[fed]! - this.#dimensions.length]!;
        this.#addWide(fed, entity, sums.narrow === null ? sums.big(i) : sums.narrow[i]!);
      }
    }
  }

  /** The delta; the table is empty afterwards. */
  take(): GrainDelta {
    const size = this.#size;
    const keys = Array.from(this.#dimensions, (_, i) => this.#keyColumn(i));
    const additive = Array.from({ length: this.#measures }, (_, i) => this.#sumColumn(i));
    this.clear();
    return { size, keys, additive };
  }

  /** Forgets everything; tables are kept, unless they are far larger than this chunk needed. */
  clear(): void {
    if (this.#capacity > 32 * Math.max(smallest, this.#size)) {
      this.#capacity = smallest;
      this.#rows = new Float64Array(this.#capacity * this.#stride);
    } else this.#rows.fill(0, 0, this.#size * this.#stride);
    if (this.#slots.length > 64 * Math.max(smallest, this.#size)) this.#slots = new Int32Array(2 * smallest);
    else this.#slots.fill(0);
    this.#wide.clear();
    this.#size = 0;
  }

  #addAll(batch: RowBatch, fed: number, place: number, term: number): void {
    const rows = this.#rows;
    for (let i = 0; i < batch.size; i++) {
      const at = this.#entities[i]! * this.#stride + place;
      const sum = rows[at]! + batch.terms[i * termCount + term]!;
      if (!isSafe(sum)) return this.#addEach(batch, fed, i);
      rows[at] = sum;
    }
  }

  #addSome(batch: RowBatch, fed: number, place: number, term: number, filter: number): void {
    const rows = this.#rows;
    const { bits, bitWidth } = batch;
    const word = filter >> 5;
    const bit = 1 << (filter & 31);
    for (let i = 0; i < batch.size; i++) {
      if ((bits[i * bitWidth + word]! & bit) === 0) continue;
      const at = this.#entities[i]! * this.#stride + place;
      const sum = rows[at]! + batch.terms[i * termCount + term]!;
      if (!isSafe(sum)) return this.#addEach(batch, fed, i);
      rows[at] = sum;
    }
  }

  /** From row `first` of the batch on; of a measure that is, or goes, wide. */
  #addEach(batch: RowBatch, fed: number, first: number): void {
    const filter = this.#filters[fed]!;
    for (let i = first; i < batch.size; i++) {
      if (filter >= 0 && (batch.bits[i * batch.bitWidth + (filter >> 5)]! & (1 << (filter & 31))) === 0) continue;
      this.#addWide(fed, this.#entities[i]!, batch.terms[i * termCount + this.#terms[fed]!]!);
    }
  }

  /** Adds where the sum may not be a safe integer: once it is not, the measure goes wide, with all its sums so far. */
  #addWide(fed: number, entity: number, term: number | bigint): void {
    const place = this.#places[fed]!;
    let column = this.#wide.get(place);
    if (column === undefined) {
      const at = entity * this.#stride + place;
      const sum = typeof term === 'number' ? this.#rows[at]! + term : Number.NaN;
      if (Number.isSafeInteger(sum)) {
        this.#rows[at] = sum;
        return;
      }
      column = this.#sumColumn(place - this.#dimensions.length);
      this.#wide.set(place, column);
    }
    if (column.length < this.#size) column.resize(this.#size);
    column.add(entity, term);
  }

  /** As `#find` for each row, with the first probes of all rows in a loop before the rows that they lead to. */
  #findPairs({ size, ids, idWidth }: RowBatch): void {
    const entities = this.#entities;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const first = this.#dimensions[0]!;
    const second = this.#dimensions[1]!;
    for (let i = 0, from = 0; i < size; i++, from += idWidth)
      entities[i] = slots[mixTwo(ids[from + first]!, ids[from + second]!) & mask]! - 1;
    for (let i = 0, from = 0; i < size; i++, from += idWidth) {
      const at = entities[i]! * this.#stride;
      if (at < 0 || this.#rows[at] !== ids[from + first]! || this.#rows[at + 1] !== ids[from + second]!)
        entities[i] = this.#find(ids, from);
    }
  }

  /** The entity of the key whose ids stand in ids from `from` on, by dimension; a new one if it was not seen before. */
  #find(ids: Int32Array, from: number): number {
    const dimensions = this.#dimensions;
    switch (dimensions.length) {
      case 0:
        return this.#size === 0 ? this.#insert(ids, from, 0) : 0;
      case 1:
        return this.#findOne(ids, from, ids[from + dimensions[0]!]!);
      case 2:
        return this.#findTwo(ids, from, ids[from + dimensions[0]!]!, ids[from + dimensions[1]!]!);
      default:
        return this.#findMany(ids, from);
    }
  }

  #findOne(ids: Int32Array, from: number, id: number): number {
    if (id >= this.#slots.length) {
      const slots = new Int32Array(Math.max(id + 1, this.#slots.length * 2));
      slots.set(this.#slots);
      this.#slots = slots;
    }
    const entry = this.#slots[id]!;
    return entry !== 0 ? entry - 1 : this.#insert(ids, from, id);
  }

  #findTwo(ids: Int32Array, from: number, a: number, b: number): number {
    const slots = this.#slots;
    const rows = this.#rows;
    const stride = this.#stride;
    const mask = slots.length - 1;
    let slot = mixTwo(a, b) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      const at = (entry - 1) * stride;
      if (rows[at] === a && rows[at + 1] === b) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(ids, from, slot);
  }

  #findMany(ids: Int32Array, from: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#hash(ids, from) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.#hasKey(entry - 1, ids, from)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(ids, from, slot);
  }

  #hasKey(entity: number, ids: Int32Array, from: number): boolean {
    const at = entity * this.#stride;
    for (let i = 0; i < this.#dimensions.length; i++) if (this.#rows[at + i] !== ids[from + this.#dimensions[i]!]!) return false;
    return true;
  }

  #hash(ids: Int32Array, from: number): number {
    let hash = ids[from + this.#dimensions[0]!]!;
    for (let i = 1; i < this.#dimensions.length; i++) hash = mixTwo(hash, ids[from + this.#dimensions[i]!]!);
    return hash;
  }

  #hashOf(entity: number): number {
    const at = entity * this.#stride;
    let hash = this.#rows[at]!;
    for (let i = 1; i < this.#dimensions.length; i++) hash = mixTwo(hash, this.#rows[at + i]!);
    return hash;
  }

  #insert(ids: Int32Array, from: number, slot: number): number {
    const entity = this.#size++;
    if (entity === this.#capacity) this.#grow();
    const at = entity * this.#stride;
    for (let i = 0; i < this.#dimensions.length; i++) this.#rows[at + i] = ids[from + this.#dimensions[i]!]!;
    this.#slots[slot] = entity + 1;
    if (this.#dimensions.length > 1 && this.#size * 4 > this.#slots.length) this.#rehash();
    return entity;
  }

  #grow(): void {
    this.#capacity *= 2;
    const rows = new Float64Array(this.#capacity * this.#stride);
    rows.set(this.#rows);
    this.#rows = rows;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let entity = 0; entity < this.#size; entity++) {
      let slot = this.#hashOf(entity) & mask;
      while (slots[slot]! !== 0) slot = (slot + 1) & mask;
      slots[slot] = entity + 1;
    }
    this.#slots = slots;
  }

  #keyColumn(i: number): Uint32Array {
    const column = new Uint32Array(this.#size);
    const rows = this.#rows;
    for (let entity = 0, at = i; entity < column.length; entity++, at += this.#stride) column[entity] = rows[at]!;
    return column;
  }

  /** The sums of a measure as a column. */
  #sumColumn(measure: number): Integers {
    const place = this.#dimensions.length + measure;
    const column = this.#wide.get(place) ?? new Integers(this.#size);
    const narrow = column.narrow;
    const from = column.length;
    column.resize(this.#size);
    if (from > 0 || narrow === null) return column;
    const rows = this.#rows;
    for (let entity = 0, at = place; entity < this.#size; entity++, at += this.#stride) narrow[entity] = rows[at]!;
    return column;
  }
}

function isSafe(sum: number): boolean {
  return sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER;
}

function mixTwo(a: number, b: number): number {
  const hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ (hash >>> 13);
}
