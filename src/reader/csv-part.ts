/**
 * The exact byte reader of one CSV object: bytes in any blocks -> rows into the aggregate, rejected rows, or a fault.
 *
 * Modes, in order: opening (opening.ts) -> header -> rows. A fault of the header ends the reading; what follows is ignored.
 *
 * Rows go through windows (window.ts). In a clean one regular rows are read in WebAssembly, or, where the aggregate is not
 * there, `scanRow` finds their fields in place; a record that is not regular, or lies in a window that is not clean, or runs
 * beyond window or block, is scanned byte by byte and then split (record.ts). A record that runs beyond the block is gathered
 * in `carry`; beyond `maxRecordBytes` it is only measured (long-record.ts). Memory: `carry` and one block.
 *
 * Line numbers count LFs. Rows are numbered by their first line.
 */
import { assertLaw } from '../core/error.ts';
import type { Aggregator } from './aggregator.ts';
import { DOUBLE_QUOTE, LF, maxRecordBytes, SINGLE_QUOTE } from './bytes.ts';
import { Carry } from './carry.ts';
import { type Columns, readHeader } from './header.ts';
import { LongRecord } from './long-record.ts';
import { Opening } from './opening.ts';
import { needsOf, type Reading } from './reading.ts';
import type { CsvStart, PieceTaker } from './piece-taker.ts';
import { type Fields, makeFields, RecordScanner, splitRecord, withoutCr } from './record.ts';
import type { RowReason } from './rejected.ts';
import type { Rejections } from './rejections.ts';
import { RowReader } from './row-reader.ts';
import { blankLine, scanRow } from './scan-row.ts';
import { isText } from './utf8.ts';
import { largeWindow, smallWindow, windowEnd } from './window.ts';

export interface PartFault {
  readonly reason: 'bad_header' | 'bad_quoting';
  readonly detail: string;
}

export class CsvPart {
  /** Rows read: accepted and rejected. */
  rows = 0;
  readonly #object: string;
  readonly #reading: Reading;
  readonly #aggregator: Aggregator;
  readonly #rejections: Rejections;
  readonly #delimiter: number;
  readonly #opening: Opening;
  #quote: number;
  #mode: 'opening' | 'header' | 'rows' | 'fault' = 'opening';
  #fault: PartFault | null = null;
  /** The line on which the record in hand starts. */
  #line = 1;
  readonly #carry = new Carry();
  #scanning = false;
  #long: LongRecord | null = null;
  #scanner: RecordScanner;
  #columns: Columns | null = null;
  #row: RowReader | null = null;
  #fields: Fields = makeFields(0, 0);
  readonly #beside: PieceTaker | null;
  /** The sizes of the state before each piece that was given away. */
  readonly givenAt: Uint32Array[] = [];

  /** `beside`: whoever may read pieces of it. */
  constructor(object: string, reading: Reading, aggregator: Aggregator, rejections: Rejections, beside: PieceTaker | null = null) {
    this.#beside = beside;
    this.#object = object;
    this.#reading = reading;
    this.#aggregator = aggregator;
    this.#rejections = rejections;
    this.#delimiter = reading.csv.delimiter.charCodeAt(0);
    this.#opening = new Opening(reading.csv);
    this.#quote = this.#opening.quote;
    this.#scanner = new RecordScanner(this.#quote, this.#delimiter);
  }

  /** Reads a block. Its bytes are not kept after the call. */
  push(bytes: Uint8Array): void {
    // Not a Buffer: two classes of byte arrays in the hot loops cost a fifth of their speed.
    const block = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#mode === 'opening') this.#open(this.#opening.push(block) ?? []);
    else this.#read(block);
  }

  /** Instead of its first bytes: the header was read elsewhere. */
  startAtRows({ quote, columns }: CsvStart): void {
    this.#useQuote(quote);
    this.#rowsOf(columns);
  }

  /** Reads a piece (pieces.ts) that starts on line `line`. */
  readLines(piece: Uint8Array, line: number): void {
    this.#line = line;
    this.#read(piece);
    assertLaw(!this.#scanning, 'a piece ends with a record');
  }

  /** No more bytes come: what is wrong with the object as a whole, or null. */
  end(): PartFault | null {
    if (this.#mode === 'opening') this.#open(this.#opening.end());
    if (this.#mode === 'header' || this.#mode === 'rows') this.#endRecord();
    return this.#fault;
  }

  /** What was guessed, without a final stop, for messages about what it may have caused; null where the quote is configured. */
  get note(): string | null {
    return this.#opening.noteOf(this.#object);
  }

  /** Reads what comes of the opening. */
  #open(blocks: readonly Uint8Array[]): void {
    if (blocks.length === 0) return;
    this.#line = this.#opening.line;
    this.#useQuote(this.#opening.quote);
    for (const block of blocks) this.#read(block);
  }

  #useQuote(quote: number): void {
    this.#quote = quote;
    this.#scanner = new RecordScanner(quote, this.#delimiter);
    this.#mode = 'header';
  }

  // Records

  #read(block: Uint8Array): void {
    let p = 0;
    // Asked once a block, when a record starts.
    let ask = this.#beside !== null;
    while (p < block.length && this.#mode !== 'fault') {
      if (this.#scanning || this.#mode === 'header') p = this.#slow(block, p);
      else if (ask) {
        ask = false;
        p = this.#giveAway(block, p);
      } else p = this.#window(block, p);
    }
  }

  /** Gives away the lines from `from` on, where a record starts, if they are wanted and regular; returns where the next record starts. */
  #giveAway(block: Uint8Array, from: number): number {
    const { wasm } = this.#aggregator;
    const end = block.lastIndexOf(LF) + 1;
    if (wasm === null || end <= from || this.#beside?.wants(block, end - from) !== true) return from;
    const lines = wasm.regularLines(block, from, end);
    if (lines === 0) return from;
    this.givenAt.push(this.#aggregator.sizes());
    this.#beside.take(block, from, end, this.#line, { quote: this.#quote, columns: this.#columns! });
    this.#line += lines;
    return end;
  }

  /** Reads a window that starts with a record; returns where the next record starts, or the end of the block. */
  #window(block: Uint8Array, from: number): number {
    let end = windowEnd(block, from, largeWindow);
    if (end > 0 && !isText(block, from, end)) {
      end = windowEnd(block, from, smallWindow);
      if (!isText(block, from, end)) {
        let p = from;
        while (p < end && !this.#scanning) p = this.#slow(block, p);
        return p;
      }
    }
    if (end < 0) return this.#slow(block, from);
    const loaded = this.#aggregator.wasm?.load(block, from, end) === true;
    let p = from;
    while (p < end && !this.#scanning) {
      if (loaded) p = this.#readInWasm(p);
      if (p === end) break;
      const next = this.#fast(block, p, end, this.#aggregator.wasm === null ? Number.POSITIVE_INFINITY : 1);
      p = next > p ? next : this.#slow(block, p);
    }
    return p;
  }

  /** Reads regular records of the window that is loaded; returns where it stopped: before a record that is not regular. */
  #readInWasm(from: number): number {
    const { wasm } = this.#aggregator;
    if (wasm === null) return from;
    const p = wasm.read(from);
    this.rows += wasm.rows;
    this.#line += wasm.rows + wasm.blankLines;
    if (wasm.full) this.#aggregator.move();
    return p;
  }

  /** Reads at most so many regular records up to `end`, which follows an LF; returns where it stopped: before one that is not regular. */
  #fast(block: Uint8Array, from: number, end: number, most: number): number {
    const { starts, ends } = this.#fields;
    const row = this.#row!;
    const quote = this.#quote;
    const delimiter = this.#delimiter;
    const last = this.#columns!.count - 1;
    const stop = this.rows + most;
    let p = from;
    while (p < end && this.rows < stop) {
      const blank = blankLine(block, p);
      if (blank > 0) {
        this.#line++;
        p += blank;
        continue;
      }
      const next = scanRow(block, p, quote, delimiter, starts, ends, last);
      if (next < 0 || next - p > maxRecordBytes) break;
      const reason = row.take(block, starts, ends);
      if (reason !== null) this.#rejections.add(this.#object, this.#line, reason, block, p, withoutCr(block, p, next - 1));
      this.rows++;
      this.#line++;
      p = next;
    }
    return p;
  }

  /** Goes on with the record in hand, or begins one, up to its end or that of the block; returns where it stopped. */
  #slow(block: Uint8Array, from: number): number {
    if (!this.#scanning) {
      this.#scanning = true;
      this.#scanner.reset();
    }
    const lf = this.#scanner.scan(block, from, block.length);
    if (lf < 0) {
      this.#keepPart(block, from, block.length);
      return block.length;
    }
    if (this.#long !== null) {
      this.#long.push(block.subarray(from, lf));
      this.#endLong(true);
    } else if (this.#carry.length > 0) {
      this.#keepPart(block, from, lf);
      if (this.#long !== null) this.#endLong(true);
      else this.#record(this.#carry.bytes, 0, withoutCr(this.#carry.bytes, 0, this.#carry.length), true);
    } else this.#record(block, from, withoutCr(block, from, lf), true);
    this.#endedAt(1 + this.#scanner.innerLines);
    return lf + 1;
  }

  /** The object ends. */
  #endRecord(): void {
    if (!this.#scanning) return;
    const open = this.#scanner.open;
    const inHeader = this.#mode === 'header';
    const line = this.#line;
    if (this.#long !== null) this.#endLong(false);
    else if (inHeader || !open) this.#record(this.#carry.bytes, 0, this.#carry.length, false);
    if (open && this.#fault === null) this.#endWith('bad_quoting', `The record that starts on line ${line} has an open quote to the end.`);
  }

  #endedAt(lines: number): void {
    this.#line += lines;
    this.#scanning = false;
    this.#carry.clear();
    this.#long = null;
  }

  /** A whole record, without its line end; `terminated` by one. */
  #record(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    if (this.#mode === 'header') this.#header(bytes, start, end);
    else if (end > start || !terminated) this.#slowRow(bytes, start, end);
  }

  #slowRow(bytes: Uint8Array, start: number, end: number): void {
    const reason = this.#decide(bytes, start, end);
    this.rows++;
    if (reason !== null) this.#rejections.add(this.#object, this.#line, reason, bytes, start, end);
  }

  #decide(bytes: Uint8Array, start: number, end: number): RowReason | null {
    if (!isText(bytes, start, end)) return 'bad_encoding';
    if (end - start > maxRecordBytes) return 'too_long';
    if (this.#fields.bytes.length < end - start) {
      this.#fields = { ...this.#fields, bytes: new Uint8Array(Math.max(4096, 2 * (end - start))) };
    }
    const fields = this.#fields;
    const count = splitRecord(bytes, start, end, this.#quote, this.#delimiter, fields);
    return count === this.#columns!.count ? this.#row!.take(fields.bytes, fields.starts, fields.ends) : 'column_count';
  }

  #header(bytes: Uint8Array, start: number, end: number): void {
    if (end - start > maxRecordBytes) {
      this.#endWith('bad_header', `The header, on line ${this.#line}, is longer than 1 MiB.`);
      return;
    }
    const { layout } = this.#reading;
    const needs = needsOf(this.#reading);
    const header = readHeader(bytes, start, end, this.#quote, this.#delimiter, needs, layout.dimensions.length);
    if ('fault' in header) {
      this.#endWith('bad_header', header.fault, mayBeMisquoted(bytes, start, end, this.#delimiter));
      return;
    }
    this.#rowsOf(header.columns);
  }

  #rowsOf(columns: Columns): void {
    this.#columns = columns;
    this.#fields = makeFields(columns.count, 0);
    const weightIsAmount = needsOf(this.#reading).weight === 'amount';
    this.#aggregator.useCsv({ quote: this.#quote, delimiter: this.#delimiter, columns, weightIsAmount });
    this.#row = new RowReader(this.#aggregator, this.#reading.layout.scale, columns, weightIsAmount);
    this.#mode = 'rows';
  }

  #endLong(atLf: boolean): void {
    const long = this.#long;
    if (long === null) return;
    if (this.#mode === 'header') this.#endWith('bad_header', `The header, on line ${this.#line}, is longer than 1 MiB.`);
    else if (atLf || !this.#scanner.open) {
      this.rows++;
      this.#rejections.addCut(long.end(this.#object, this.#line, atLf));
    }
  }

  /** `byQuote`: whether another quote could mend it, so that a guess is told. */
  #endWith(reason: PartFault['reason'], detail: string, byQuote = true): void {
    this.#fault = { reason, detail: this.note === null || !byQuote ? detail : `${detail} ${this.note}.` };
    this.#mode = 'fault';
  }

  // Carry

  /** Keeps bytes of a record that goes on; one that is sure to be too long is only measured from here on. */
  #keepPart(block: Uint8Array, from: number, to: number): void {
    if (this.#long === null && this.#carry.length + to - from > maxRecordBytes + 1) {
      this.#long = new LongRecord();
      this.#long.push(this.#carry.bytes.subarray(0, this.#carry.length));
      this.#carry.clear();
    }
    if (this.#long === null) this.#carry.add(block, from, to);
    else this.#long.push(block.subarray(from, to));
  }
}

/** Whether a header may have been read with a wrong quote: it has one, or no field ends. */
function mayBeMisquoted(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
  const header = bytes.subarray(start, end);
  return header.includes(DOUBLE_QUOTE) || header.includes(SINGLE_QUOTE) || !header.includes(delimiter);
}
