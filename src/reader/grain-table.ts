/**
 * The sums of one base grain over the rows of a chunk: key ids -> row, and a column of exact integers a measure.
 *
 * Rows are numbered in the order in which their keys were first seen. A key of one dimension is looked up by its id
 * directly (ids are dense); of two or more by open addressing (load at most 1/2) over a hash that only finds candidates:
 * the ids in `keys` decide. Columns grow by doubling, with zeros; each addition is checked to stay a safe integer, else
 * the column goes wide (core/integers.ts).
 */
import type { GrainDelta } from '../core/delta.ts';
import { Integers } from '../core/integers.ts';
import type { Additive } from '../core/layout.ts';

const smallest = 256;

/** Which of a row's terms a measure adds: 1, the amount, the weight, 1 if it has a weight. */
const terms = { count: 0, amount: 1, weight: 2, number: 3 } as const;
export const termCount = 4;

function termOf(measure: Additive): number {
  if (measure.kind === 'count') return terms.count;
  return measure.kind === 'number' ? terms.number : terms[measure.of];
}

export class GrainTable {
  size = 0;
  readonly #dimensions: Int32Array;
  readonly #measures: Int32Array;
  readonly #terms: Int32Array;
  readonly #filters: Int32Array;
  readonly #width: number;
  #capacity = 0;
  #slots = new Int32Array(2 * smallest);
  #keys: Uint32Array[] = [];
  #columns: Integers[] = [];
  /** The arrays of `columns` for the fed measures, while they are narrow. */
  #narrow: (Float64Array | null)[] = [];

  constructor(dimensions: readonly number[], additive: readonly Additive[], measures: readonly number[]) {
    this.#dimensions = Int32Array.from(dimensions);
    this.#width = additive.length;
    this.#measures = Int32Array.from(measures);
    this.#terms = Int32Array.from(measures, (at) => termOf(additive[at]!));
    this.#filters = Int32Array.from(measures, (at) => additive[at]!.filter ?? -1);
    this.#allocate(smallest);
  }

  /** Adds a row of which all terms are safe integers. `ids` has the value id of each dimension of the layout. */
  add(ids: Int32Array, terms: Float64Array, bits: Int32Array): void {
    const row = this.#row(ids);
    for (let i = 0; i < this.#measures.length; i++) {
      const filter = this.#filters[i]!;
      if (filter >= 0 && (bits[filter >> 5]! & (1 << (filter & 31))) === 0) continue;
      const column = this.#narrow[i]!;
      const term = terms[this.#terms[i]!]!;
      if (column !== null) {
        const sum = column[row]! + term;
        if (sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER) {
          column[row] = sum;
          continue;
        }
      }
      this.#addWide(i, row, term);
    }
  }

  /** The same for terms of any size. */
  addBig(ids: Int32Array, terms: readonly (number | bigint)[], bits: Int32Array): void {
    const row = this.#row(ids);
    for (let i = 0; i < this.#measures.length; i++) {
      const filter = this.#filters[i]!;
      if (filter < 0 || (bits[filter >> 5]! & (1 << (filter & 31))) !== 0) this.#addWide(i, row, terms[this.#terms[i]!]!);
    }
  }

  /** The delta; the table is empty afterwards. */
  take(): GrainDelta {
    const size = this.size;
    for (const column of this.#columns) column.resize(size);
    const delta = { size, keys: this.#keys, additive: this.#columns };
    this.#clearSlots();
    this.size = 0;
    // As the last chunk was, so the next one may be.
    this.#allocate(Math.min(1 << 16, Math.max(smallest, size)));
    return delta;
  }

  /** Forgets everything. */
  clear(): void {
    this.take();
  }

  #row(ids: Int32Array): number {
    const dimensions = this.#dimensions;
    switch (dimensions.length) {
      case 0:
        return this.size === 0 ? this.#insert(ids, 0) : 0;
      case 1:
        return this.#rowOfOne(ids, ids[dimensions[0]!]!);
      case 2:
        return this.#rowOfTwo(ids, ids[dimensions[0]!]!, ids[dimensions[1]!]!);
      default:
        return this.#rowOfMany(ids);
    }
  }

  #rowOfOne(ids: Int32Array, id: number): number {
    if (id >= this.#slots.length) {
      const slots = new Int32Array(Math.max(id + 1, this.#slots.length * 2));
      slots.set(this.#slots);
      this.#slots = slots;
    }
    const entry = this.#slots[id]!;
    return entry !== 0 ? entry - 1 : this.#insert(ids, id);
  }

  #rowOfTwo(ids: Int32Array, a: number, b: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const first = this.#keys[0]!;
    const second = this.#keys[1]!;
    let slot = mixTwo(a, b) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (first[entry - 1] === a && second[entry - 1] === b) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(ids, slot);
  }

  #rowOfMany(ids: Int32Array): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#hashOf(ids) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.#hasKey(entry - 1, ids)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(ids, slot);
  }

  #hasKey(row: number, ids: Int32Array): boolean {
    for (let i = 0; i < this.#dimensions.length; i++) if (this.#keys[i]![row] !== ids[this.#dimensions[i]!]!) return false;
    return true;
  }

  #hashOf(ids: Int32Array): number {
    let hash = 0;
    for (let i = 0; i < this.#dimensions.length; i++) hash = mixTwo(hash, ids[this.#dimensions[i]!]!);
    return hash;
  }

  #hashOfRow(row: number): number {
    if (this.#keys.length === 2) return mixTwo(this.#keys[0]![row]!, this.#keys[1]![row]!);
    let hash = 0;
    for (const key of this.#keys) hash = mixTwo(hash, key[row]!);
    return hash;
  }

  #insert(ids: Int32Array, slot: number): number {
    const row = this.size++;
    if (row === this.#capacity) this.#grow();
    for (let i = 0; i < this.#dimensions.length; i++) this.#keys[i]![row] = ids[this.#dimensions[i]!]!;
    this.#slots[slot] = row + 1;
    if (this.#dimensions.length > 1 && this.size * 2 > this.#slots.length) this.#rehash();
    return row;
  }

  #addWide(i: number, row: number, term: number | bigint): void {
    const column = this.#columns[this.#measures[i]!]!;
    column.add(row, term);
    this.#narrow[i] = column.narrow;
  }

  #allocate(capacity: number): void {
    this.#capacity = capacity;
    this.#keys = Array.from(this.#dimensions, () => new Uint32Array(capacity));
    this.#columns = Array.from({ length: this.#width }, () => new Integers(capacity));
    for (const column of this.#columns) column.resize(capacity);
    this.#narrow = Array.from(this.#measures, (at) => this.#columns[at]!.narrow);
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#keys = this.#keys.map((key) => {
      const grown = new Uint32Array(this.#capacity);
      grown.set(key);
      return grown;
    });
    for (const column of this.#columns) column.resize(this.#capacity);
    this.#narrow = Array.from(this.#measures, (at) => this.#columns[at]!.narrow);
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.size; row++) {
      let slot = this.#hashOfRow(row) & mask;
      while (slots[slot]! !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.#slots = slots;
  }

  #clearSlots(): void {
    if (this.#slots.length > 32 * Math.max(smallest, this.size)) this.#slots = new Int32Array(2 * smallest);
    else this.#slots.fill(0);
  }
}

function mixTwo(a: number, b: number): number {
  const hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ (hash >>> 13);
}
