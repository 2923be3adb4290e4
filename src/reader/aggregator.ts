/**
 * Accepted rows -> the delta of a chunk: values interned, filters evaluated, base grains added to.
 *
 * Where a row's fields lie is said by columns: field of column c is bytes[starts[c] .. ends[c]). `useColumns` says once
 * per part which column each dimension is in. Values get ids local to the chunk (core/delta.ts), in the order of the
 * rows; a rejected row leaves no value behind.
 */
import type { Delta } from '../core/delta.ts';
import { baseGrains } from '../core/layout.ts';
import { maxKeyBytes } from './bytes.ts';
import { Dictionary } from './dictionary.ts';
import { Filters } from './filters.ts';
import { GrainTable, termCount } from './grain-table.ts';
import { needsOf, type Reading } from './reading.ts';
import type { RowReason } from './rejected.ts';

export class Aggregator {
  readonly #dictionaries: readonly Dictionary[];
  /** Ids of the dimensions whose values are interned. */
  readonly #keys: Int32Array;
  readonly #filters: Filters | null;
  readonly #grains: readonly GrainTable[];
  /** Those that rows feed. */
  readonly #fed: readonly GrainTable[];
  readonly #reference: boolean;
  /** Dimension -> column. */
  readonly #columns: Int32Array;
  /** Dimension -> value id of the row in hand. */
  readonly #ids: Int32Array;
  readonly #terms = new Float64Array(termCount);
  readonly #bits: Int32Array;

  constructor(reading: Reading) {
    const { layout } = reading;
    const needs = needsOf(reading);
    this.#reference = reading.reference === true;
    this.#dictionaries = layout.dimensions.map(() => new Dictionary());
    this.#keys = Int32Array.from(needs.dimensions.filter((dimension) => dimension.key).map((dimension) => dimension.id));
    this.#filters = layout.filters.length === 0 || this.#reference ? null : new Filters(layout);
    this.#bits = this.#filters?.bits ?? new Int32Array(1).fill(-1);
    this.#grains = baseGrains(layout).map((grain, index) => {
      const { dimensions = [], additive = [] } = layout.grains[grain] ?? {};
      return new GrainTable(dimensions, additive, needs.fed.find((fed) => fed.index === index)?.measures ?? []);
    });
    this.#fed = needs.fed.map(({ index }) => this.#grains[index]!);
    this.#columns = new Int32Array(layout.dimensions.length).fill(-1);
    this.#ids = new Int32Array(layout.dimensions.length);
    this.#terms[0] = 1;
  }

  /** Says for each dimension of the layout in which column it is; -1 for those that are not read. */
  useColumns(columns: ArrayLike<number>): void {
    this.#columns.set(columns);
  }

  /** Whether the key fields of a row may name an entity. */
  keyFault(starts: Int32Array, ends: Int32Array): RowReason | null {
    let long = false;
    for (let i = 0; i < this.#keys.length; i++) {
      const column = this.#columns[this.#keys[i]!]!;
      const length = ends[column]! - starts[column]!;
      if (length === 0) return 'missing_key';
      if (length > maxKeyBytes) long = true;
    }
    return long ? 'long_key' : null;
  }

  /** Adds a row whose units are safe integers; `weight` counts only if it has one. */
  add(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number, weight: number, hasWeight: boolean): void {
    if (this.#reference && !hasWeight) return;
    this.#intern(bytes, starts, ends);
    if (this.#filters !== null) this.#filters.evaluate(bytes, starts, ends, this.#columns, amount, hasWeight ? weight : null);
    const terms = this.#terms;
    terms[1] = amount;
    terms[2] = hasWeight ? weight : 0;
    terms[3] = hasWeight ? 1 : 0;
    for (let i = 0; i < this.#fed.length; i++) this.#fed[i]!.add(this.#ids, terms, this.#bits);
  }

  /** Adds a row with units of any size. */
  addBig(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number | bigint, weight: number | bigint | null): void {
    if (this.#reference && weight === null) return;
    this.#intern(bytes, starts, ends);
    this.#filters?.evaluate(bytes, starts, ends, this.#columns, amount, weight);
    const terms = [1, amount, weight ?? 0, weight === null ? 0 : 1];
    for (const grain of this.#fed) grain.addBig(this.#ids, terms, this.#bits);
  }

  /** The delta of all rows since the last one; starts anew. */
  take(): Delta {
    return { values: this.#dictionaries.map((dictionary) => dictionary.take()), grains: this.#grains.map((grain) => grain.take()) };
  }

  /** Forgets all rows since the last delta. */
  clear(): void {
    for (const dictionary of this.#dictionaries) dictionary.clear();
    for (const grain of this.#grains) grain.clear();
  }

  #intern(bytes: Uint8Array, starts: Int32Array, ends: Int32Array): void {
    for (let i = 0; i < this.#keys.length; i++) {
      const dimension = this.#keys[i]!;
      const column = this.#columns[dimension]!;
      this.#ids[dimension] = this.#dictionaries[dimension]!.intern(bytes, starts[column]!, ends[column]!);
    }
  }
}
