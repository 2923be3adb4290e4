/**
 * The byte reader's hot loops (src/reader/wasm/ is their other side): windows of text -> rows of sums.
 *
 * Why WebAssembly: it runs at full speed from the first row, where a JavaScript loop is slow until it is optimized, in a
 * process that lives for half a second; and its memory is plain bytes, 64-bit integers and vectors of 16 bytes.
 * Which rules hold is written down in src/reader: what is here is either the same, or stops and lets TypeScript decide.
 *
 * One instance has the state of one chunk. Addresses and counts below 2^32 are passed as they are.
 */
import { allocate } from './memory';
import { makeMasks } from './dictionary';
import { makePowers } from './decimal';
import { makeNumberTest, makeTextTests, TextTests } from './filters';
import { addKey, addTable, clearRows, makeRows, valuesOf } from './rows';
import { addMeasure, keyBytes, makeTable, Table } from './table';

export { makeNumberTest as addNumberTest } from './filters';
export {
  addKey,
  addRow,
  blankLines,
  clearRows as clear,
  full,
  needColumn,
  read,
  readRows,
  regularLines,
  setField,
  totalAmount,
  totalWeight,
  useColumn,
  usePart,
} from './rows';

/** Room for bytes that the caller writes; 0 if there is none. */
export function room(bytes: u32): usize {
  return allocate(bytes);
}

/** First of all. What answers bool here and below says whether there was room. */
export function make(dimensions: u32, keys: u32, tables: u32, words: u32, reference: bool): bool {
  makeMasks();
  makePowers();
  return makeRows(dimensions, keys, tables, words, reference);
}

/** A table of the key at `dimensions` (words), after all keys; its address, or 0. */
export function addGrain(keys: u32, dimensions: usize, measures: u32): usize {
  const table = makeTable(keys, dimensions, measures);
  if (table === null) return 0;
  addTable(table);
  return changetype<usize>(table);
}

/** A measure of a table that rows feed: `index` among all of its measures, what it adds (sizes.ts), its filter or -1. */
export function feed(table: usize, index: u32, term: u32, filter: i32): void {
  addMeasure(changetype<Table>(table), index, term, filter);
}

/** Tests of a dimension's text with `count` texts; its address, or 0. */
export function addTextTests(dimension: u32, count: u32, words: u32): usize {
  return changetype<usize>(makeTextTests(dimension, count, words));
}

/** The next text of the tests. */
export function addText(tests: usize, at: usize, length: u32): bool {
  const texts = changetype<TextTests>(tests).texts;
  if (!texts.reserve() || !texts.reserveArena(length)) return false;
  texts.add(at, length);
  return true;
}

/** Where the masks of the tests are to be written. */
export function masksOf(tests: usize): usize {
  return changetype<TextTests>(tests).masks;
}

// What the tables hold, column by column.

export function valueCount(dimension: u32): u32 {
  const values = valuesOf(dimension);
  return values === null ? 0 : values.count;
}

export function valueOffsets(dimension: u32): usize {
  const values = valuesOf(dimension);
  return values === null ? 0 : values.offsets;
}

export function valueBytes(dimension: u32): usize {
  const values = valuesOf(dimension);
  return values === null ? 0 : values.arena;
}

export function tableSize(table: usize): u32 {
  return changetype<Table>(table).size;
}

/** Starts reading columns of a table from its first row. */
export function rewind(table: usize): void {
  changetype<Table>(table).rewind();
}

/** Copies key `i` of up to `most` further rows to `out` as words; how many. */
export function copyKeys(table: usize, i: u32, out: usize, most: u32): u32 {
  const from = changetype<Table>(table);
  let count: u32 = 0;
  for (; count < most; count++) {
    const row = from.nextRow();
    if (row === 0) break;
    store<u32>(out + ((<usize>count) << 2), load<u32>(row + ((<usize>i) << 2)));
  }
  return count;
}

/** The same of the sums of measure `i`, as float64 or as they are. */
export function copySums(table: usize, i: u32, out: usize, most: u32, exact: bool): u32 {
  const from = changetype<Table>(table);
  const place = keyBytes(from.keys) + (i << 3);
  let count: u32 = 0;
  for (; count < most; count++) {
    const row = from.nextRow();
    if (row === 0) break;
    const sum = load<i64>(row + place);
    if (exact) store<i64>(out + ((<usize>count) << 3), sum);
    else store<f64>(out + ((<usize>count) << 3), f64(sum));
  }
  return count;
}

/** Whether a sum of measure `i` is no safe integer. */
export function isWide(table: usize, i: u32): bool {
  const from = changetype<Table>(table);
  const place = keyBytes(from.keys) + (i << 3);
  from.rewind();
  for (let row = from.nextRow(); row !== 0; row = from.nextRow()) {
    const sum = load<i64>(row + place);
    if (sum > 9007199254740991 || sum < -9007199254740991) return true;
  }
  return false;
}
