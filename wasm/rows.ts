/**
 * Rows on their way into the tables: gathered in a batch (fields of the keys and of the tests, exact units), then the
 * batch goes through dictionaries, filters and tables, each in a loop of its own.
 *
 * Nothing here rejects a row: at the first record that is not regular, or that some rule may be against, gathering stops
 * before it, and TypeScript decides. So a row that is in a batch is accepted. The magnitudes of all amounts and of all
 * weights are totalled; a row that would bring a total beyond 2^62 is not taken, hence no sum overflows.
 */
import { allocate } from './memory';
import { illegal, parseUnits } from './decimal';
import { Dictionary, makeDictionary } from './dictionary';
import { evaluateAll, TextTests, textTests } from './filters';
import { countLines, ends, findMarks, marks } from './marks';
import { scanRow } from './scan';
import { batchRows, maxKeyBytes, termAmount, termCount, termHasWeight, termWeight } from './sizes';
import { Table } from './table';

const CR: u8 = 13;
const most: u64 = 1 << 62;

/** A dimension whose values are interned. */
@unmanaged
class Key {
  dimension: u32;
  values: Dictionary;
  /** Of the batch: [start, length]. */
  fields: usize;
}

let keys: usize = 0;
let keyCount: u32 = 0;
let tables: usize = 0;
let tableCount: u32 = 0;
/** Words of bits for the filters of a row; 0: there are none. */
let words: u32 = 0;
/** Rows without a weight are not added. */
let reference: bool = false;

// The batch; each array has room for it.
let size: u32 = 0;
/** [dimension * batchRows + row] */
let ids: usize = 0;
/** [term * batchRows + row] */
let terms: usize = 0;
let bits: usize = 0;
let rows: usize = 0;
/** Heads of values, or keys of pairs; and words. */
let heads: usize = 0;
let entries: usize = 0;

// How the part in hand looks.
let quote: u32 = 0;
let delimiter: u32 = 0;
let lastColumn: u32 = 0;
let amountColumn: i32 = -1;
let weightColumn: i32 = -1;
let weightIsAmount: bool = false;
let scale: u32 = 0;
let whole: u32 = 0;
/** [column] -> [start, end] */
let fields: usize = 0;
let fieldsRoom: u32 = 0;
/** [dimension] -> column */
let columns: usize = 0;
/** The columns that anything needs: words. */
let needed: usize = 0;
let neededCount: u32 = 0;

export let totalAmount: u64 = 0;
export let totalWeight: u64 = 0;

/** What `read` has passed: rows, and blank lines. */
export let readRows: u32 = 0;
export let blankLines: u32 = 0;
/** There is no room for more; what was read before counts. */
export let full: bool = false;

export function makeRows(dimensions: u32, keyRoom: u32, tableRoom: u32, filterWords: u32, ofReference: bool): bool {
  words = filterWords;
  reference = ofReference;
  keys = allocate(<usize>keyRoom * offsetof<Key>() + 4);
  tables = allocate(((<usize>tableRoom) << 2) + 4);
  columns = allocate(((<usize>dimensions) << 2) + 4);
  needed = allocate((<usize>(dimensions + 2)) << 2);
  ids = allocate(((<usize>dimensions * batchRows) << 2) + 4);
  terms = allocate((<usize>termCount * batchRows) << 3);
  bits = allocate(((<usize>batchRows * filterWords) << 2) + 4);
  rows = allocate((<usize>batchRows) << 2);
  heads = allocate((<usize>batchRows) << 4);
  entries = allocate((<usize>batchRows) << 2);
  // Term 0 is 1 for every row.
  for (let i: usize = 0; i < batchRows; i++) store<i64>(terms + (i << 3), 1);
  return keys !== 0 && tables !== 0 && columns !== 0 && needed !== 0 && ids !== 0 && bits !== 0 && entries !== 0;
}

export function addKey(dimension: u32): bool {
  const key = keyAt(keyCount);
  const values = makeDictionary();
  key.dimension = dimension;
  key.fields = allocate((<usize>batchRows) << 3);
  if (values === null || key.fields === 0) return false;
  key.values = values;
  keyCount++;
  return true;
}

export function addTable(table: Table): void {
  store<usize>(tables + ((<usize>tableCount) << 2), changetype<usize>(table));
  tableCount++;
}

function keyAt(i: u32): Key {
  return changetype<Key>(keys + <usize>i * offsetof<Key>());
}

function tableAt(i: u32): Table {
  return changetype<Table>(load<usize>(tables + ((<usize>i) << 2)));
}

/** The values of a dimension, or null if they are not interned. */
export function valuesOf(dimension: u32): Dictionary | null {
  for (let i: u32 = 0; i < keyCount; i++) if (keyAt(i).dimension === dimension) return keyAt(i).values;
  return null;
}

/** The columns of a part; of the dimensions `useColumn` tells. */
export function usePart(
  newQuote: u32,
  newDelimiter: u32,
  last: u32,
  amount: i32,
  weight: i32,
  fromAmount: bool,
  newScale: u32,
  newWhole: u32,
): bool {
  quote = newQuote;
  delimiter = newDelimiter;
  lastColumn = last;
  amountColumn = amount;
  weightColumn = weight;
  weightIsAmount = fromAmount;
  scale = newScale;
  whole = newWhole;
  neededCount = 0;
  if (last < fieldsRoom) return true;
  // The smaller one stays unused: headers that grow are rare.
  fields = allocate((<usize>last + 1) << 3);
  fieldsRoom = fields === 0 ? 0 : last + 1;
  return fields !== 0;
}

export function useColumn(dimension: u32, column: i32): void {
  store<i32>(columns + ((<usize>dimension) << 2), column);
}

/** After `usePart`: a column of a key, a test, the amount or the weight; each once. */
export function needColumn(column: u32): void {
  store<u32>(needed + ((<usize>neededCount) << 2), column);
  neededCount++;
}

function fieldOf(column: usize): usize {
  return fields + (column << 3);
}

/** Where a field of the row is that `addRow` adds. */
export function setField(dimension: u32, start: u32, end: u32): void {
  const field = fieldOf(load<u32>(columns + ((<usize>dimension) << 2)));
  store<u32>(field, start);
  store<u32>(field, end, 4);
}

function magnitude(units: i64): u64 {
  return units < 0 ? u64(-units) : u64(units);
}

/** Puts the row in `fields` into the batch, or not: a key is empty or too long, or the totals would be too large. */
function gather(amount: i64, weight: i64, hasWeight: bool): bool {
  for (let i: u32 = 0; i < keyCount; i++) {
    const key = keyAt(i);
    const field = fieldOf(load<u32>(columns + ((<usize>key.dimension) << 2)));
    const start = load<u32>(field);
    const length = load<u32>(field, 4) - start;
    if (length - 1 >= maxKeyBytes) return false;
    const at = key.fields + ((<usize>size) << 3);
    store<u32>(at, start);
    store<u32>(at, length, 4);
  }
  if (reference && !hasWeight) return true;
  for (let address = textTests; address !== 0; address = changetype<TextTests>(address).next) {
    const tests = changetype<TextTests>(address);
    const field = fieldOf(load<u32>(columns + ((<usize>tests.dimension) << 2)));
    const at = tests.fields + ((<usize>size) << 3);
    store<u32>(at, load<u32>(field));
    store<u32>(at, load<u32>(field, 4) - load<u32>(field), 4);
  }
  const amounts = totalAmount + magnitude(amount);
  const weights = totalWeight + magnitude(hasWeight ? weight : 0);
  if (amounts > most || weights > most) return false;
  totalAmount = amounts;
  totalWeight = weights;
  const at = terms + ((<usize>size) << 3);
  store<i64>(at + termAmount * (batchRows << 3), amount);
  store<i64>(at + termWeight * (batchRows << 3), hasWeight ? weight : 0);
  store<i64>(at + termHasWeight * (batchRows << 3), i64(hasWeight));
  size++;
  return true;
}

/** Takes the row whose fields are found, or not: its units may be illegal, or `gather` says why. */
function take(): bool {
  let amount: i64 = 0;
  if (amountColumn >= 0) {
    const field = fieldOf(amountColumn);
    amount = parseUnits(load<u32>(field), load<u32>(field, 4), scale, whole);
    if (amount === illegal) return false;
  }
  let weight = amount;
  let hasWeight = weightIsAmount;
  if (weightColumn >= 0) {
    const field = fieldOf(weightColumn);
    weight = 0;
    if (load<u32>(field) !== load<u32>(field, 4)) {
      weight = parseUnits(load<u32>(field), load<u32>(field, 4), scale, whole);
      if (weight === illegal) return false;
      hasWeight = true;
    }
  }
  return gather(amount, weight, hasWeight);
}

/** How many values there may be behind the next batch of dimension `i` of a table's key; 0 if it has none. */
function valuesAfter(table: Table, i: u32): u32 {
  if (i >= table.keys) return 0;
  const values = valuesOf(load<u32>(table.dimensions + ((<usize>i) << 2)));
  return values === null ? 0 : values.count + batchRows;
}

/** Room in all tables for a batch. */
function reserve(): bool {
  for (let i: u32 = 0; i < keyCount; i++) if (!keyAt(i).values.reserve()) return false;
  for (let i: u32 = 0; i < tableCount; i++) {
    const table = tableAt(i);
    if (!table.reserve(valuesAfter(table, 0), valuesAfter(table, 1))) return false;
  }
  return true;
}

function flush(): void {
  if (size === 0) return;
  for (let i: u32 = 0; i < keyCount; i++) {
    const key = keyAt(i);
    key.values.internAll(size, key.fields, ids + <usize>key.dimension * (batchRows << 2), heads, entries);
  }
  if (words > 0) evaluateAll(size, terms, bits, words);
  for (let i: u32 = 0; i < tableCount; i++) {
    const table = tableAt(i);
    table.findAll(size, ids, rows, heads);
    table.addAll(size, rows, terms, bits, words);
  }
  size = 0;
}

/** Writes the needed fields of a record whose marks are there, up to the one at `lastMark`, into `fields`; false: it has another number of fields. */
function findFields(firstMark: usize, lastMark: usize): bool {
  if (lastMark - firstMark !== (<usize>lastColumn) << 2) return false;
  for (let i: usize = 0; i < neededCount; i++) {
    const column = <usize>load<u32>(needed + (i << 2));
    const mark = firstMark + (column << 2);
    let start = load<u32>(mark - 4) + 1;
    let end = load<u32>(mark);
    if (column === lastColumn && end > start && load<u8>(end - 1) === CR) end--;
    if (end > start && <u32>load<u8>(start) === quote) {
      start++;
      end--;
    }
    store<u32>(fieldOf(column), start);
    store<u32>(fieldOf(column), end, 4);
  }
  return true;
}

/** Where the search for marks has come to: the text from `p` on has records that end at ends[record .. records). */
let p: usize = 0;
let record: u32 = 0;
let records: u32 = 0;
/** The mark before the record at `p`. */
let markBefore: usize = 0;

/** Gathers records until the batch is full, or the text ends at `to`; false: it stopped before a record that is not for it. */
function gatherRows(to: usize): bool {
  while (p < to && size < batchRows) {
    if (record === records && !search(to)) return false;
    while (record < records && size < batchRows) {
      const mark = marks + ((<usize>load<u32>(ends + ((<usize>record) << 2))) << 2);
      const end = load<usize>(mark);
      if (end === p || (end === p + 1 && load<u8>(p) === CR)) blankLines++;
      else {
        if (!findFields(markBefore + 4, mark) || !take()) return false;
        readRows++;
      }
      markBefore = mark;
      p = end + 1;
      record++;
    }
  }
  return true;
}

/** Finds marks from `p` on, and reads the records there for which it finds none; false: not the record at `p` either. */
function search(to: usize): bool {
  records = findMarks(p, to, quote, delimiter);
  record = 0;
  markBefore = marks;
  if (records > 0) return true;
  // It is long, or quotes stand in it where a regular record may have them, if as data.
  const next = scanRow(p, quote, delimiter, lastColumn, fields);
  if (next === 0 || !take()) return false;
  readRows++;
  p = next;
  return true;
}

/** Goes on at `from`: behind a record that TypeScript has decided, if the marks after it are there. */
function goOn(from: usize): void {
  while (record < records && p < from) {
    markBefore = marks + ((<usize>load<u32>(ends + ((<usize>record) << 2))) << 2);
    p = load<usize>(markBefore) + 1;
    record++;
  }
  if (p === from) return;
  p = from;
  records = record;
}

/**
 * Reads regular records of the text [from, to), which ends with an LF; returns where it stopped: before one it does not take.
 * `again`: it is the same text as the last time.
 */
export function read(from: usize, to: usize, again: bool): usize {
  readRows = 0;
  blankLines = 0;
  full = false;
  if (!again) records = record;
  goOn(from);
  while (p < to) {
    if (!reserve()) {
      full = true;
      break;
    }
    const going = gatherRows(to);
    flush();
    if (!going) break;
  }
  return p;
}

/** How many lines the text [from, to) has, which ends with an LF and starts with a record; 0 if a record in it is not regular. */
export function regularLines(from: usize, to: usize): u32 {
  return countLines(from, to, quote, delimiter);
}

/** Adds the row that `setField` has told; false if it cannot be here: the tables are full, or the totals. */
export function addRow(amount: i64, weight: i64, hasWeight: bool): bool {
  if (!reserve() || !gather(amount, weight, hasWeight)) return false;
  flush();
  return true;
}

export function clearRows(): void {
  size = 0;
  totalAmount = 0;
  totalWeight = 0;
  for (let i: u32 = 0; i < keyCount; i++) keyAt(i).values.clear();
  for (let i: u32 = 0; i < tableCount; i++) tableAt(i).clear();
}
