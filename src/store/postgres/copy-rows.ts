/**
 * Rows of integers out of `copy ... to stdout`, as columns: how statistics are loaded.
 *
 * COPY's text form (digits, a tab after each column, a line end after each row), because it is the cheapest that the server
 * can make: 0.46 s of its CPU for a million rows of 9 columns, where the binary form takes 0.56 s and arrays of them
 * (`array_agg`) 1.2 s. Bytes may be cut anywhere: what follows the last line end waits for the bytes after it. The server does
 * not cut within a row, so that hardly ever happens.
 *
 * Digits are summed in 32-bit integers while there are at most 9, in float64 up to 15, hence exactly; longer numbers go through
 * BigInt. Columns are filled again and again: fresh ones for each batch would be most of what a load leaves to the collector.
 */
import { Integers } from '../../core/integers.ts';

const [tab, lineEnd, minus, zero] = [0x09, 0x0a, 0x2d, 0x30];
/** More would not be exact in an int32, and in float64. */
const smallDigits = 9;
const narrowDigits = 15;

/** Some rows, by column; the receiver's until it returns. */
export interface Rows {
  readonly size: number;
  readonly ids: readonly Uint32Array[];
  readonly integers: readonly Integers[];
}

export class RowParser {
  readonly #columns: number;
  readonly #batch: number;
  readonly #use: (rows: Rows) => void;
  /** Column after column. */
  readonly #cells: Float64Array<ArrayBuffer>;
  readonly #ids: readonly Uint32Array[];
  readonly #integers: Integers[];
  /** Cells that float64 cannot hold. */
  readonly #wide = new Map<number, bigint>();
  #row = 0;
  /** Of a row whose end has not come yet. */
  #rest: Uint8Array = new Uint8Array(0);

  /** Rows of so many ids and then so many integers of any size. `use` gets them in batches. */
  constructor(ids: number, integers: number, batch: number, use: (rows: Rows) => void) {
    this.#columns = ids + integers;
    this.#batch = batch;
    this.#use = use;
    this.#cells = new Float64Array(this.#columns * batch);
    this.#ids = Array.from({ length: ids }, () => new Uint32Array(batch));
    this.#integers = Array.from({ length: integers }, () => new Integers());
  }

  push(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (this.#rest.length > 0) {
      const all = Buffer.concat([this.#rest, bytes.subarray(start, end)]);
      this.#rest = new Uint8Array(0);
      this.push(all);
      return;
    }
    let whole = end;
    while (whole > start && bytes[whole - 1] !== lineEnd) whole--;
    if (whole < end) this.#rest = bytes.slice(whole, end);
    this.#parse(bytes, start, whole);
  }

  /** All bytes are there. */
  end(): void {
    if (this.#rest.length > 0) throw new Error('a copy of rows ends within a row');
    this.#flush();
  }

  /** Whole rows. */
  #parse(bytes: Uint8Array, start: number, end: number): void {
    const cells = this.#cells;
    const batch = this.#batch;
    const columns = this.#columns;
    for (let at = start; at < end; ) {
      let cell = this.#row;
      for (let column = 1; column <= columns; column++, cell += batch) {
        const isNegative = bytes[at] === minus;
        if (isNegative) at++;
        const first = at;
        let value = 0;
        // The line end at the end stops it.
        for (let digit = digitOf(bytes, at); digit >>> 0 < 10; digit = digitOf(bytes, ++at)) value = (Math.imul(value, 10) + digit) | 0;
        const byte = bytes[at] as number;
        if (byte !== (column === columns ? lineEnd : tab) || at === first) throw new Error(`a copy of integers has the byte ${byte}`);
        if (at - first > smallDigits) this.#parseLong(bytes, first, at, isNegative, cell);
        else cells[cell] = isNegative ? 0 - value : value;
        at++;
      }
      this.#row++;
      if (this.#row === batch) this.#flush();
    }
  }

  #parseLong(bytes: Uint8Array, first: number, end: number, isNegative: boolean, cell: number): void {
    let value = 0;
    if (end - first <= narrowDigits) for (let at = first; at < end; at++) value = value * 10 + digitOf(bytes, at);
    else {
      let big = 0n;
      for (let at = first; at < end; at++) big = big * 10n + BigInt(digitOf(bytes, at));
      this.#wide.set(cell, isNegative ? -big : big);
    }
    this.#cells[cell] = isNegative ? 0 - value : value;
  }

  #flush(): void {
    const size = this.#row;
    if (size === 0) return;
    this.#row = 0;
    this.#ids.forEach((ids, i) => ids.set(this.#column(i).subarray(0, size)));
    for (let i = 0; i < this.#integers.length; i++) this.#integers[i] = this.#integersOf(this.#ids.length + i, size);
    this.#wide.clear();
    this.#use({ size, ids: this.#ids, integers: this.#integers });
  }

  #integersOf(column: number, size: number): Integers {
    const integers = new Integers();
    integers.narrow = this.#column(column);
    integers.length = size;
    const first = column * this.#batch;
    for (const [cell, value] of this.#wide) if (cell >= first && cell < first + size) integers.set(cell - first, value);
    return integers;
  }

  #column(column: number): Float64Array<ArrayBuffer> {
    return this.#cells.subarray(column * this.#batch, (column + 1) * this.#batch);
  }
}

/** Less than 0 or 10 and more: no digit. */
function digitOf(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) - zero;
}
