/**
 * Accepted rows -> the delta of a chunk. Where a row's fields lie is said by columns: field of column c is
 * bytes[starts[c] .. ends[c]); which column each dimension is in, `useCsv` or `useColumns` says once per part.
 *
 * The state of a chunk is in one place at a time:
 *   wasm:   from its first CSV part on, where WebAssembly is there: it is the fast one, for regular rows in whole windows
 *   tables: always where it is not. Else the state moves there, and stays to the end of the chunk, before the first row that
 *           wasm cannot take: its sums might leave 64 bits, its memory is full, or the part is no CSV
 * Both number values and entities in the order of the rows, so a move leaves no trace in the delta.
 */
import type { Delta } from '../core/delta.ts';
import { maxKeyBytes } from './bytes.ts';
import type { Columns } from './header.ts';
import { needsOf, type Reading } from './reading.ts';
import type { RowReason } from './rejected.ts';
import { Tables } from './tables.ts';
import { makeWasmTables, type WasmTables } from './wasm/wasm-tables.ts';

/** How rows are aggregated: in WebAssembly where it is there, or in TypeScript only. */
export type Aggregation = 'auto' | 'typescript';

/** How the rows of a CSV part look: the bytes of quote and delimiter, and where the weight comes from if no column has it. */
export interface CsvRows {
  readonly quote: number;
  readonly delimiter: number;
  readonly columns: Columns;
  readonly weightIsAmount: boolean;
}

export class Aggregator {
  readonly #reading: Reading;
  readonly #aggregation: Aggregation;
  /** Ids of the dimensions that are keys. */
  readonly #keys: Int32Array;
  /** Dimension -> column. */
  readonly #columns: Int32Array;
  #made: Tables | null = null;
  #wasm: WasmTables | null = null;
  #inTables = false;

  constructor(reading: Reading, aggregation: Aggregation = 'auto') {
    this.#reading = reading;
    this.#aggregation = aggregation;
    this.#keys = Int32Array.from(needsOf(reading).dimensions.flatMap(({ id, key }) => (key ? [id] : [])));
    this.#columns = new Int32Array(reading.layout.dimensions.length).fill(-1);
  }

  /** The rows of a CSV part come now. */
  useCsv(rows: CsvRows): void {
    if (!this.#inTables && this.#aggregation === 'auto') this.#wasm ??= makeWasmTables(this.#reading);
    this.#columns.set(rows.columns.dimensions);
    this.#made?.useColumns(this.#columns);
    if (this.wasm?.usePart(rows) !== true) this.move();
  }

  /** The rows of another part come now, by `add`; -1 for dimensions that are not read. */
  useColumns(columns: ArrayLike<number>): void {
    this.#columns.set(columns);
    this.#made?.useColumns(this.#columns);
    this.move();
  }

  /** Where the state is, if it is in WebAssembly: whole windows may be read there. */
  get wasm(): WasmTables | null {
    return this.#inTables ? null : this.#wasm;
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
    if (this.#inTables) this.#made!.add(bytes, starts, ends, amount, weight, hasWeight);
    else this.addBig(bytes, starts, ends, amount, hasWeight ? weight : null);
  }

  /** Adds a row with units of any size. */
  addBig(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number | bigint, weight: number | bigint | null): void {
    if (this.wasm?.add(bytes, starts, ends, this.#columns, amount, weight) === true) return;
    this.move();
    this.#made!.addBig(bytes, starts, ends, amount, weight);
  }

  /** From here to the end of the chunk the state is in the tables: wasm has no room for more. */
  move(): void {
    if (this.#inTables) return;
    const tables = this.#tables();
    if (this.#wasm !== null && !this.#wasm.isEmpty) tables.load(this.#wasm.take());
    this.#inTables = true;
  }

  /** How many values of each dimension, and entities of each grain, the rows so far have; they are numbered in the order of the rows. */
  sizes(): Uint32Array {
    return (this.wasm ?? this.#tables()).sizes();
  }

  /** The delta of all rows since the last one; starts anew. */
  take(): Delta {
    const delta = (this.wasm ?? this.#tables()).take();
    this.#startAnew();
    return delta;
  }

  /** Forgets all rows since the last delta. */
  clear(): void {
    this.#made?.clear();
    this.#wasm?.clear();
    this.#startAnew();
  }

  #startAnew(): void {
    this.#inTables = false;
    // One that a huge chunk has made large is not kept.
    if (this.#wasm?.isLarge === true) this.#wasm = null;
  }

  #tables(): Tables {
    if (this.#made === null) {
      this.#made = new Tables(this.#reading);
      this.#made.useColumns(this.#columns);
    }
    return this.#made;
  }
}
