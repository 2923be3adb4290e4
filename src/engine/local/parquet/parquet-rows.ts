/**
 * The rows of a vector, judged and aggregated by the rules that CSV has: fields as bytes side by side, amounts and weights
 * as exact units.
 */
import { DuckDBBlobVector, type DuckDBDataChunk, DuckDBDecimalValue, type DuckDBValue, type DuckDBVector } from '@duckdb/node-api';
import type { Aggregator } from '../../../reader/aggregator.ts';
import { parseUnits, wholeDigits, wide, wideUnits } from '../../../reader/decimal.ts';
import type { Columns } from '../../../reader/header.ts';
import { keptRows, type RowReason } from '../../../reader/rejected.ts';
import type { Kind, ParquetColumn } from './schema.ts';
import { unitsOfDecimal, unitsOfFloat } from './units.ts';

/** A number of a row: illegal, or none (only a weight may be missing), or its units. */
type Units = number | bigint | null | 'illegal';

interface Slot {
  readonly column: number;
  readonly kind: Kind;
}

export interface NumberedReason {
  readonly row: number;
  readonly reason: RowReason;
}

export class ParquetRows {
  /** Columns of the file that must be selected, in this order; texts as blobs. */
  readonly slots: readonly Slot[];
  rows = 0;
  rejectedRows = 0;
  /** Numbers (from 0) and reasons of the first `keptRows` rejected rows since they were taken. */
  #rejected: NumberedReason[] = [];
  readonly #aggregator: Aggregator;
  readonly #scale: number;
  readonly #whole: number;
  /** Slots of the dimensions that are read. */
  readonly #dimensions: readonly number[];
  readonly #amount: number;
  readonly #weight: number;
  readonly #weightIsAmount: boolean;
  #bytes = new Uint8Array(4096);
  #at = 0;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(aggregator: Aggregator, scale: number, columns: Columns, file: readonly ParquetColumn[], weightIsAmount: boolean) {
    const used = [...new Set([...columns.dimensions, columns.amount, columns.weight])].filter((column) => column >= 0);
    this.slots = used.map((column) => ({ column, kind: file[column]!.kind }));
    this.#aggregator = aggregator;
    this.#scale = scale;
    this.#whole = wholeDigits(scale);
    const slotOf = (column: number): number => used.indexOf(column);
    const dimensions = Array.from(columns.dimensions, slotOf);
    this.#dimensions = [...new Set(dimensions.filter((slot) => slot >= 0))];
    this.#amount = slotOf(columns.amount);
    this.#weight = slotOf(columns.weight);
    this.#weightIsAmount = weightIsAmount && columns.weight < 0;
    this.#starts = new Int32Array(used.length);
    this.#ends = new Int32Array(used.length);
    aggregator.useColumns(dimensions);
  }

  /** Whether those of a further vector may find no room. */
  get isFull(): boolean {
    return this.#rejected.length > keptRows / 2;
  }

  takeRejected(): readonly NumberedReason[] {
    const rejected = this.#rejected;
    this.#rejected = [];
    return rejected;
  }

  read(chunk: DuckDBDataChunk): void {
    const vectors = this.slots.map((_, slot) => chunk.getColumnVector(slot));
    const count = chunk.rowCount;
    for (let row = 0; row < count; row++) {
      const reason = this.#row(vectors, row);
      if (reason === null) continue;
      this.rejectedRows++;
      if (this.#rejected.length < keptRows) this.#rejected.push({ row: this.rows + row, reason });
    }
    this.rows += count;
  }

  #row(vectors: readonly DuckDBVector[], row: number): RowReason | null {
    this.#at = 0;
    let clean = true;
    for (const slot of this.#dimensions) clean = this.#field(slot, vectors[slot]!, row) && clean;
    if (this.#amount >= 0 && this.#isText(this.#amount)) clean = this.#field(this.#amount, vectors[this.#amount]!, row) && clean;
    if (this.#weight >= 0 && this.#isText(this.#weight)) clean = this.#field(this.#weight, vectors[this.#weight]!, row) && clean;
    if (!clean) return 'bad_encoding';
    const keyFault = this.#aggregator.keyFault(this.#starts, this.#ends);
    if (keyFault !== null) return keyFault;
    const amount = this.#amount < 0 ? 0 : this.#units(this.#amount, vectors, row);
    if (amount === null || amount === 'illegal') return 'bad_amount';
    let weight: Units = this.#weightIsAmount ? amount : null;
    if (this.#weight >= 0) weight = this.#units(this.#weight, vectors, row);
    if (weight === 'illegal') return 'bad_weight';
    this.#add(amount, weight);
    return null;
  }

  #add(amount: number | bigint, weight: number | bigint | null): void {
    if (typeof amount === 'number' && typeof weight !== 'bigint') {
      this.#aggregator.add(this.#bytes, this.#starts, this.#ends, amount, weight ?? 0, weight !== null);
    } else this.#aggregator.addBig(this.#bytes, this.#starts, this.#ends, amount, weight);
  }

  #isText(slot: number): boolean {
    return this.slots[slot]!.kind.kind === 'text';
  }

  /** Writes a text or integer as bytes; null is empty. Says whether it has no U+0000. */
  #field(slot: number, vector: DuckDBVector, row: number): boolean {
    const bytes = vector instanceof DuckDBBlobVector ? vector.getItemBytes(row) : digits(vector.getItem(row));
    const start = this.#at;
    const length = bytes === null ? 0 : bytes.length;
    if (start + length > this.#bytes.length) this.#grow(start + length);
    let clean = true;
    for (let i = 0; i < length; i++) {
      const byte = bytes![i]!;
      if (byte === 0) clean = false;
      this.#bytes[start + i] = byte;
    }
    this.#starts[slot] = start;
    this.#ends[slot] = this.#at = start + length;
    return clean;
  }

  #units(slot: number, vectors: readonly DuckDBVector[], row: number): Units {
    const { kind } = this.slots[slot]!;
    if (kind.kind === 'text') return this.#unitsOfText(this.#starts[slot]!, this.#ends[slot]!);
    const value = vectors[slot]!.getItem(row);
    if (value === null) return null;
    if (value instanceof DuckDBDecimalValue) return unitsOfDecimal(value.value, value.scale, this.#scale) ?? 'illegal';
    if (kind.kind === 'float' || kind.kind === 'double') return unitsOfFloat(value as number, kind.kind, this.#scale) ?? 'illegal';
    return unitsOfDecimal(BigInt(value as number | bigint), 0, this.#scale) ?? 'illegal';
  }

  #unitsOfText(start: number, end: number): Units {
    if (start === end) return null;
    const units = parseUnits(this.#bytes, start, end, this.#scale, this.#whole);
    if (Number.isNaN(units)) return 'illegal';
    return units === wide ? wideUnits(this.#bytes, start, end, this.#scale) : units;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(2 * size);
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** An integer in plain digits. */
function digits(item: DuckDBValue | null): Uint8Array | null {
  return typeof item === 'number' || typeof item === 'bigint' ? Buffer.from(item.toString(), 'latin1') : null;
}
