/**
 * The state of a chunk in WebAssembly (wasm/index.ts): windows of regular rows are read there from bytes to sums; other
 * rows are decided in TypeScript and added one at a time.
 *
 * A window is copied into a room of its own, which also serves for columns on their way out: a table is read out in pieces
 * of that size into one buffer a delta, because every buffer costs the garbage collector. Views of the memory are made anew
 * wherever they are needed: they die when it grows.
 */
import type { Delta, GrainDelta, Values } from '../../core/delta.ts';
import { Integers } from '../../core/integers.ts';
import { baseGrains } from '../../core/layout.ts';
import type { CsvRows } from '../aggregator.ts';
import { LF } from '../bytes.ts';
import { wholeDigits } from '../decimal.ts';
import { type Bounds, Filters } from '../filters.ts';
import { termOf } from '../grain-table.ts';
import { needsOf, type Reading } from '../reading.ts';
import { type Exports, instantiate } from './web-assembly.ts';

const windowBytes = 1 << 17;
/** What is read behind the end of a text does not count, but must be there. */
const slack = 64;
/** For the fields of one row that is added from outside; one with more goes to the tables in TypeScript. */
const rowBytes = 1 << 16;
/** An instance with more memory than this serves one chunk only: memory never shrinks. */
const largeBytes = 64 << 20;
/** Units have less than 63 bits; so has every bound that they can miss. */
const limit = 1n << 62n;

interface Grain {
  readonly table: number;
  readonly keys: number;
  readonly measures: number;
}

/** Null where there is no WebAssembly, or no room. */
export function makeWasmTables(reading: Reading): WasmTables | null {
  const wasm = instantiate();
  if (wasm === null) return null;
  const window = wasm.room(windowBytes + slack) >>> 0;
  const row = wasm.room(rowBytes + slack) >>> 0;
  if (window === 0 || row === 0) return null;
  const made = configure(wasm, reading, window);
  return made === null ? null : new WasmTables(wasm, reading, made, window, row);
}

/** Says to a new instance what the layout is; null if there is no room. */
function configure(wasm: Exports, reading: Reading, scratch: number): { grains: readonly Grain[]; fields: Int32Array } | null {
  const { layout } = reading;
  const needs = needsOf(reading);
  const bases = baseGrains(layout).map((grain) => layout.grains[grain]!);
  const filters = layout.filters.length === 0 || reading.reference === true ? null : new Filters(layout);
  const keys = needs.dimensions.filter(({ key }) => key).map(({ id }) => id);
  let room = wasm.make(layout.dimensions.length, keys.length, needs.fed.length, filters?.words ?? 0, reading.reference === true) !== 0;
  for (const key of keys) room &&= wasm.addKey(key) !== 0;
  if (filters !== null) room &&= addFilters(wasm, filters, scratch);
  const grains = bases.map((base): Grain => ({ table: 0, keys: base.dimensions.length, measures: base.additive.length }));
  for (const { index, measures } of needs.fed) {
    const { dimensions, additive } = bases[index]!;
    if (!room) return null;
    new Int32Array(wasm.memory.buffer, scratch).set(dimensions);
    const table = wasm.addGrain(dimensions.length, scratch, additive.length) >>> 0;
    room &&= table !== 0;
    if (room) for (const at of measures) wasm.feed(table, at, termOf(additive[at]!), additive[at]!.filter ?? -1);
    grains[index] = { table, keys: dimensions.length, measures: additive.length };
  }
  const fields = Int32Array.from(new Set([...keys, ...(filters?.tested.map(({ dimension }) => dimension) ?? [])]));
  return room ? { grains, fields } : null;
}

function addFilters(wasm: Exports, filters: Filters, scratch: number): boolean {
  let room = true;
  for (const { dimension, known, masks } of filters.tested) {
    if (!room) return false;
    const tests = wasm.addTextTests(dimension, known.length, filters.words) >>> 0;
    if (tests === 0) return false;
    new Int32Array(wasm.memory.buffer, wasm.masksOf(tests) >>> 0, masks.length).set(masks);
    for (const text of known) room &&= addText(wasm, tests, Buffer.from(text, 'utf8'), scratch);
  }
  const add = (ofWeight: boolean, { low, high, negated, word, bit }: Bounds): void => {
    room &&= wasm.addNumberTest(ofWeight, clamp(low ?? -limit), clamp(high ?? limit), negated, word, bit) !== 0;
  };
  for (const bounds of filters.amount) add(false, bounds);
  for (const bounds of filters.weight) add(true, bounds);
  return room;
}

function addText(wasm: Exports, tests: number, text: Uint8Array, scratch: number): boolean {
  if (text.length > windowBytes) return false;
  new Uint8Array(wasm.memory.buffer).set(text, scratch);
  return wasm.addText(tests, scratch, text.length) !== 0;
}

function clamp(bound: bigint): bigint {
  return bound < -limit ? -limit : bound > limit ? limit : bound;
}

export class WasmTables {
  /** Of the last `read`: rows that were taken, blank lines that were passed. */
  rows = 0;
  blankLines = 0;
  /** The last `read` stopped because there is no room for more. */
  full = false;
  isEmpty = true;
  readonly #wasm: Exports;
  readonly #reading: Reading;
  readonly #grains: readonly Grain[];
  /** The dimensions that a row's fields are needed of. */
  readonly #fields: Int32Array;
  readonly #window: number;
  readonly #row: number;
  #bytes: Buffer;
  /** Where in the block the window in hand starts and ends. */
  #from = 0;
  #end = 0;
  /** Whether some of it was read. */
  #again = false;

  constructor(
    wasm: Exports,
    reading: Reading,
    made: { readonly grains: readonly Grain[]; readonly fields: Int32Array },
    window: number,
    row: number,
  ) {
    this.#wasm = wasm;
    this.#reading = reading;
    this.#grains = made.grains;
    this.#fields = made.fields;
    this.#window = window;
    this.#row = row;
    this.#bytes = Buffer.from(wasm.memory.buffer);
  }

  /** More memory than a usual chunk needs. */
  get isLarge(): boolean {
    return this.#memory().length > largeBytes;
  }

  /** The rows of a part come now; false if there is no room for its columns. */
  usePart({ quote, delimiter, columns, weightIsAmount }: CsvRows): boolean {
    const { scale } = this.#reading.layout;
    const fromAmount = weightIsAmount && columns.weight < 0;
    const { count, amount, weight } = columns;
    if (this.#wasm.usePart(quote, delimiter, count - 1, amount, weight, fromAmount, scale, wholeDigits(scale)) === 0) return false;
    columns.dimensions.forEach((column, dimension) => this.#wasm.useColumn(dimension, column));
    const needed = new Set([...Array.from(this.#fields, (dimension) => columns.dimensions[dimension]!), amount, weight]);
    for (const column of needed) if (column >= 0) this.#wasm.needColumn(column);
    return true;
  }

  /** How many values each dimension has, and how many entities each grain. */
  sizes(): Uint32Array {
    const { dimensions } = this.#reading.layout;
    const sizes = new Uint32Array(dimensions.length + this.#grains.length);
    for (let i = 0; i < dimensions.length; i++) sizes[i] = this.#wasm.valueCount(i);
    this.#grains.forEach(({ table }, i) => {
      sizes[dimensions.length + i] = table === 0 ? 0 : this.#wasm.tableSize(table);
    });
    return sizes;
  }

  /**
   * How many lines block[from .. end) has, which ends with an LF and starts with a record, if all of its records are regular;
   * else 0. No window is loaded afterwards.
   */
  regularLines(block: Uint8Array, from: number, end: number): number {
    let lines = 0;
    for (let p = from; p < end; ) {
      const next = end - p <= windowBytes ? end : block.lastIndexOf(LF, p + windowBytes - 1) + 1;
      if (next <= p || !this.load(block, p, next)) return 0;
      const found = this.#wasm.regularLines(this.#window, this.#window + next - p) >>> 0;
      if (found === 0) return 0;
      lines += found;
      p = next;
    }
    return lines;
  }

  /** Takes the window block[from .. end), a text that ends with an LF; false if it is too long. */
  load(block: Uint8Array, from: number, end: number): boolean {
    if (end - from > windowBytes) return false;
    // By `fill`, which is memcpy: `set` copies from shared memory word by word.
    this.#memory().fill(block.subarray(from, end), this.#window, this.#window + end - from);
    this.#from = from;
    this.#end = end;
    this.#again = false;
    return true;
  }

  /** Reads the window from `p` on, where a record starts; returns where it stopped: before a record that TypeScript decides. */
  read(p: number): number {
    const wasm = this.#wasm;
    const base = this.#window - this.#from;
    const stopped = (wasm.read(base + p, base + this.#end, this.#again) >>> 0) - base;
    this.#again = true;
    this.rows = wasm.readRows.value;
    this.blankLines = wasm.blankLines.value;
    this.full = wasm.full.value !== 0;
    if (this.rows > 0) this.isEmpty = false;
    return stopped;
  }

  /** Adds a row that is accepted; false if it cannot be here, and nothing has changed. */
  add(
    bytes: Uint8Array,
    starts: Int32Array,
    ends: Int32Array,
    columns: Int32Array,
    amount: number | bigint,
    weight: number | bigint | null,
  ): boolean {
    const memory = this.#memory();
    let at = this.#row;
    for (let i = 0; i < this.#fields.length; i++) {
      const column = columns[this.#fields[i]!]!;
      const start = starts[column]!;
      const length = ends[column]! - start;
      if (at + length > this.#row + rowBytes) return false;
      for (let byte = 0; byte < length; byte++) memory[at + byte] = bytes[start + byte]!;
      this.#wasm.setField(this.#fields[i]!, at, at + length);
      at += length;
    }
    if (this.#wasm.addRow(BigInt(amount), BigInt(weight ?? 0), weight !== null) === 0) return false;
    this.isEmpty = false;
    return true;
  }

  clear(): void {
    this.#wasm.clear();
    this.isEmpty = true;
  }

  /** The delta; nothing is here afterwards. */
  take(): Delta {
    const dimensions = this.#reading.layout.dimensions.map((_, dimension) => ({
      dimension,
      count: this.#wasm.valueCount(dimension) >>> 0,
    }));
    const sizes = this.#grains.map(({ table }) => (table === 0 ? 0 : this.#wasm.tableSize(table) >>> 0));
    const out = new Pieces(this.#bytesOf(dimensions, sizes));
    const grains = this.#grains.map((grain, index) => this.#grain(grain, sizes[index]!, out));
    const values = dimensions.map(({ dimension, count }) => this.#values(dimension, count, out));
    this.clear();
    return { values, grains };
  }

  /** How many bytes `take` hands out, each column rounded up to 8. */
  #bytesOf(dimensions: readonly { readonly dimension: number; readonly count: number }[], sizes: readonly number[]): number {
    let bytes = 0;
    this.#grains.forEach(({ keys, measures }, index) => {
      bytes += keys * padded(4 * sizes[index]!) + measures * 8 * sizes[index]!;
    });
    for (const { dimension, count } of dimensions) bytes += padded(4 * (count + 1)) + padded(this.#valueBytes(dimension, count));
    return bytes;
  }

  #valueBytes(dimension: number, count: number): number {
    if (count === 0) return 0;
    return new Uint32Array(this.#wasm.memory.buffer, this.#wasm.valueOffsets(dimension) >>> 0, count + 1)[count]!;
  }

  #values(dimension: number, count: number, out: Pieces): Values {
    const offsets = out.words(count + 1);
    const bytes = out.bytes(this.#valueBytes(dimension, count));
    if (count > 0) {
      offsets.set(new Uint32Array(this.#wasm.memory.buffer, this.#wasm.valueOffsets(dimension) >>> 0, count + 1));
      bytes.set(new Uint8Array(this.#wasm.memory.buffer, this.#wasm.valueBytes(dimension) >>> 0, bytes.length));
    }
    return { count, bytes, offsets };
  }

  #grain({ table, keys, measures }: Grain, size: number, out: Pieces): GrainDelta {
    const additive = Array.from({ length: measures }, (_, i) => this.#sums(table, i, size, out));
    return { size, keys: Array.from({ length: keys }, (_, i) => this.#keys(table, i, size, out)), additive };
  }

  #keys(table: number, i: number, size: number, out: Pieces): Uint32Array {
    const column = out.words(size);
    if (size > 0) this.#wasm.rewind(table);
    for (let at = 0; at < size; ) {
      const count = this.#wasm.copyKeys(table, i, this.#window, windowBytes / 4);
      column.set(new Uint32Array(this.#wasm.memory.buffer, this.#window, count), at);
      at += count;
    }
    return column;
  }

  #sums(table: number, i: number, size: number, out: Pieces): Integers {
    const wide = size > 0 && this.#mayBeWide() && this.#wasm.isWide(table, i) !== 0;
    const column = new Integers(wide ? size : 1);
    if (wide) column.resize(size);
    else {
      column.narrow = out.doubles(size);
      column.length = size;
    }
    if (size > 0) this.#wasm.rewind(table);
    for (let at = 0; at < size; ) {
      const count = this.#wasm.copySums(table, i, this.#window, windowBytes / 8, wide);
      if (wide) new BigInt64Array(this.#wasm.memory.buffer, this.#window, count).forEach((sum, row) => column.set(at + row, sum));
      else column.narrow!.set(new Float64Array(this.#wasm.memory.buffer, this.#window, count), at);
      at += count;
    }
    return column;
  }

  /** Whether any sum can be beyond 2^53: none is larger than the total of all magnitudes. */
  #mayBeWide(): boolean {
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    return this.#wasm.totalAmount.value > most || this.#wasm.totalWeight.value > most;
  }

  #memory(): Buffer {
    const { buffer } = this.#wasm.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = Buffer.from(buffer);
    return this.#bytes;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Columns side by side in one buffer. */
class Pieces {
  readonly #buffer: ArrayBuffer;
  #at = 0;

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes);
  }

  doubles(length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#buffer, this.#advance(8 * length), length);
  }

  words(length: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.#advance(4 * length), length);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#advance(length), length);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    this.#at += padded(bytes);
    return at;
  }
}
