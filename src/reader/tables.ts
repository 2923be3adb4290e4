/**
 * What the rows of a chunk come to, in TypeScript: values interned, filters evaluated, base grains added to. It takes every
 * row, of any size, and is the only state where WebAssembly is not there; else wasm/wasm-tables.ts is the usual one, and
 * what it cannot hold goes on here (aggregator.ts).
 *
 * Values get ids local to the chunk (core/delta.ts), in the order of the rows.
 */
import type { Delta } from '../core/delta.ts';
import { baseGrains } from '../core/layout.ts';
import { Dictionary } from './dictionary.ts';
import { Filters } from './filters.ts';
import { GrainTable } from './grain-table.ts';
import { needsOf, type Reading } from './reading.ts';
import { batchRows, makeRowBatch, type RowBatch, termCount, terms } from './row-batch.ts';

/** A delta on its way into tables. */
export class LoadedDelta {
  readonly delta: Delta;
  /** How many values of each dimension, and how many entities of each grain. */
  readonly all: Uint32Array;
  /** As many of these are in the tables. */
  readonly done: Uint32Array;
  /** For each dimension: value of the delta -> id in the tables. */
  readonly ids: readonly Uint32Array[];

  constructor(delta: Delta) {
    this.delta = delta;
    this.all = Uint32Array.of(...delta.values.map(({ count }) => count), ...delta.grains.map(({ size }) => size));
    this.done = new Uint32Array(this.all.length);
    this.ids = delta.values.map(({ count }) => new Uint32Array(count));
  }
}

export class Tables {
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
  readonly #batch: RowBatch;

  constructor(reading: Reading) {
    const { layout } = reading;
    const needs = needsOf(reading);
    this.#reference = reading.reference === true;
    this.#dictionaries = layout.dimensions.map(() => new Dictionary());
    this.#keys = Int32Array.from(needs.dimensions.filter((dimension) => dimension.key).map((dimension) => dimension.id));
    this.#filters = layout.filters.length === 0 || this.#reference ? null : new Filters(layout);
    this.#grains = baseGrains(layout).map((grain, index) => {
      const { dimensions = [], additive = [] } = layout.grains[grain] ?? {};
      return new GrainTable(dimensions, additive, needs.fed.find((fed) => fed.index === index)?.measures ?? []);
    });
    this.#fed = needs.fed.map(({ index }) => this.#grains[index]!);
    this.#columns = new Int32Array(layout.dimensions.length).fill(-1);
    this.#batch = makeRowBatch(layout.dimensions.length, this.#filters?.words ?? 1);
  }

  /** Says for each dimension of the layout in which column it is; -1 for those that are not read. */
  useColumns(columns: ArrayLike<number>): void {
    this.#columns.set(columns);
  }

  /** Adds a row whose units are safe integers; `weight` counts only if it has one. */
  add(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number, weight: number, hasWeight: boolean): void {
    if (this.#reference && !hasWeight) return;
    const batch = this.#batch;
    const row = batch.size++;
    this.#intern(bytes, starts, ends, row * batch.idWidth);
    if (this.#filters !== null) {
      this.#filters.evaluate(bytes, starts, ends, this.#columns, amount, hasWeight ? weight : null, batch.bits, row * batch.bitWidth);
    }
    const at = row * termCount;
    batch.terms[at + terms.one] = 1;
    batch.terms[at + terms.amount] = amount;
    batch.terms[at + terms.weight] = hasWeight ? weight : 0;
    batch.terms[at + terms.hasWeight] = hasWeight ? 1 : 0;
    if (batch.size === batchRows) this.#flush();
  }

  /** Adds a row with units of any size. */
  addBig(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number | bigint, weight: number | bigint | null): void {
    if (this.#reference && weight === null) return;
    this.#flush();
    const { ids, bits } = this.#batch;
    this.#intern(bytes, starts, ends, 0);
    this.#filters?.evaluate(bytes, starts, ends, this.#columns, amount, weight, bits, 0);
    const rowTerms = [1, amount, weight ?? 0, weight === null ? 0 : 1];
    for (const grain of this.#fed) grain.addBig(ids, rowTerms, bits);
  }

  /** Adds what other rows have come to; values and entities that were not seen before get the next ids, in their order there. */
  load(delta: Delta): void {
    const loading = new LoadedDelta(delta);
    this.loadUpTo(loading, loading.all);
  }

  /** The same of those values and entities of the delta that are below `sizes` and are not here yet. */
  loadUpTo(loading: LoadedDelta, sizes: Uint32Array): void {
    this.#flush();
    const { delta, done, ids } = loading;
    this.#dictionaries.forEach((dictionary, dimension) => {
      const { bytes, offsets } = delta.values[dimension]!;
      for (let id = done[dimension]!; id < sizes[dimension]!; id++)
        ids[dimension]![id] = dictionary.intern(bytes, offsets[id]!, offsets[id + 1]!);
    });
    this.#grains.forEach((grain, index) => {
      const at = this.#dictionaries.length + index;
      grain.load(delta.grains[index]!, done[at]!, sizes[at]!, ids);
    });
    done.set(sizes);
  }

  /** How many values each dimension has, and how many entities each grain. */
  sizes(): Uint32Array {
    this.#flush();
    return Uint32Array.of(...this.#dictionaries.map(({ count }) => count), ...this.#grains.map(({ size }) => size));
  }

  /** The delta of all rows since the last one; starts anew. */
  take(): Delta {
    this.#flush();
    return { values: this.#dictionaries.map((dictionary) => dictionary.take()), grains: this.#grains.map((grain) => grain.take()) };
  }

  /** Forgets all rows since the last delta. */
  clear(): void {
    this.#batch.size = 0;
    for (const dictionary of this.#dictionaries) dictionary.clear();
    for (const grain of this.#grains) grain.clear();
  }

  #flush(): void {
    for (let i = 0; i < this.#fed.length; i++) this.#fed[i]!.add(this.#batch);
    this.#batch.size = 0;
  }

  /** Writes the value ids of a row's keys into the batch. */
  #intern(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, at: number): void {
    for (let i = 0; i < this.#keys.length; i++) {
      const dimension = this.#keys[i]!;
      const column = this.#columns[dimension]!;
      this.#batch.ids[at + dimension] = this.#dictionaries[dimension]!.intern(bytes, starts[column]!, ends[column]!);
    }
  }
}
