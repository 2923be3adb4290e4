/**
 * The rows of a fold, made some at a time: whoever takes a fold of a large state can do other work in between.
 *
 * Each of these yields after so many rows, and gives the same whenever it goes on:
 *   a buffer that was taken does not change any more, nor do keys of entities that there are;
 *   of a whole state, what was applied since is taken out again. Sums are exact integers, so what is left is what was there.
 * Cost: O(rows) and as many for each pass of the sort, of 11 bits each; a fold of the whole state besides O(entities since) a piece.
 */
import type { FoldRows } from './detector.ts';
import type { EntityTable } from './entity-table.ts';
import { firstIds, type IdList } from './grow.ts';
import { Integers } from './integers.ts';
import type { GrainState } from './grain-state.ts';
import type { Records } from './records.ts';

const DIGIT = 11;
const RADIX = 1 << DIGIT;

/** The entities that were touched, and what was added to each. */
interface Since {
  readonly entities: IdList;
  readonly sums: Records;
}

interface Columns {
  /** By measure. */
  readonly values: ReadonlyMap<number, Integers>;
  readonly additive: readonly Integers[];
}

/** Rows of a buffer: `entities` has one for each row of `sums`. */
export function* makeRows(
  base: GrainState,
  entities: Uint32Array<ArrayBuffer>,
  sums: Records,
  firstNew: number,
  piece: number,
): Generator<void, FoldRows> {
  const { length } = entities;
  const sorted = yield* inOrder(entities, base.table.size, piece);
  const keys = base.table.columns.map(() => new Uint32Array(length));
  const { values, additive } = emptyColumns(sums, base.additive.length, length);
  for (let from = 0; from < length; from += piece) {
    const end = Math.min(length, from + piece);
    copyKeys(base.table, sorted.entities, keys, from, end);
    for (const [m, column] of values) sums.columns[m]?.pickInto(column, sorted.rows, from, end);
    yield;
  }
  return { grain: base.index, entities: sorted.entities, firstNew, keys, additive };
}

/** Rows of all entities there are now. `since`: what was applied after that. */
export function makeWhole(base: GrainState, since: () => Since, piece: number): Generator<void, FoldRows> {
  const { size } = base.table;
  // Which measures share a number may be another matter by the first piece.
  const columns = emptyColumns(base.records, base.additive.length, size);
  return makeFirst(base, size, columns, since, piece);
}

function* makeFirst(
  base: GrainState,
  length: number,
  { values, additive }: Columns,
  since: () => Since,
  piece: number,
): Generator<void, FoldRows> {
  const entities = firstIds(length);
  const keys = base.table.columns.map(() => new Uint32Array(length));
  for (let from = 0; from < length; from += piece) {
    const end = Math.min(length, from + piece);
    copyKeys(base.table, entities, keys, from, end);
    for (const [m, column] of values) base.records.columns[m]?.pickInto(column, entities, from, end);
    takeOut(since(), values, from, end);
    yield;
  }
  return { grain: base.index, entities, firstNew: 0, keys, additive };
}

/** A column of zeros for each measure. Measures that share a number share their column, which `values` has once. */
function emptyColumns(records: Records, measures: number, length: number): Columns {
  const values = new Map<number, Integers>();
  const bySlot = new Map<number, Integers>();
  const additive = records.columns.slice(0, measures).map((column) => {
    const shared = column.isWide ? undefined : bySlot.get(column.slot);
    if (shared !== undefined) return shared;
    const own = new Integers(length);
    own.resize(length);
    values.set(column.index, own);
    if (!column.isWide) bySlot.set(column.slot, own);
    return own;
  });
  return { values, additive };
}

/** Of the values of entities [from, end). */
function takeOut({ entities, sums }: Since, values: ReadonlyMap<number, Integers>, from: number, end: number): void {
  for (let row = 0; row < entities.length; row++) {
    const entity = entities.ids[row] as number;
    if (entity < from || entity >= end) continue;
    for (const [m, column] of values) {
      const added = sums.columns[m];
      if (added === undefined) continue;
      if (added.isWide) column.set(entity, column.big(entity) - added.big(row));
      else column.add(entity, -added.float(row));
    }
  }
}

/** The columns of the table may be others at each call: they grow. */
function copyKeys({ columns }: EntityTable, entities: Uint32Array, keys: readonly Uint32Array[], from: number, end: number): void {
  for (const [k, out] of keys.entries()) pick(columns[k] as Uint32Array, entities, out, from, end);
}

function pick(column: Uint32Array, entities: Uint32Array, out: Uint32Array, from: number, end: number): void {
  for (let i = from; i < end; i++) out[i] = column[entities[i] as number] as number;
}

/** Ids, none above `largest`, ascending, and where each was: by radix sort, which goes on where it left off. */
function* inOrder(
  ids: Uint32Array<ArrayBuffer>,
  largest: number,
  piece: number,
): Generator<void, { readonly entities: Uint32Array; readonly rows: Uint32Array }> {
  const { length } = ids;
  let from = { ids, rows: firstIds(length) };
  let to = { ids: new Uint32Array(length), rows: new Uint32Array(length) };
  for (let shift = 0; shift < 32 && largest >>> shift > 0; shift += DIGIT) {
    const ends = endsOf(from.ids, shift);
    yield;
    for (let start = 0; start < length; start += piece) {
      deal(from.ids, from.rows, start, Math.min(length, start + piece), shift, ends, to.ids, to.rows);
      yield;
    }
    // What was handed in is left as it is.
    [from, to] = [to, from.ids === ids ? { ids: new Uint32Array(length), rows: from.rows } : from];
  }
  return { entities: from.ids, rows: from.rows };
}

/** For each digit where its first one goes. */
function endsOf(ids: Uint32Array, shift: number): Uint32Array {
  const ends = new Uint32Array(RADIX);
  for (let i = 0; i < ids.length; i++) {
    const digit = ((ids[i] as number) >>> shift) & (RADIX - 1);
    ends[digit] = (ends[digit] as number) + 1;
  }
  for (let digit = 0, start = 0; digit < RADIX; digit++) {
    const count = ends[digit] as number;
    ends[digit] = start;
    start += count;
  }
  return ends;
}

function deal(
  ids: Uint32Array,
  rows: Uint32Array,
  start: number,
  end: number,
  shift: number,
  ends: Uint32Array,
  outIds: Uint32Array,
  outRows: Uint32Array,
): void {
  for (let i = start; i < end; i++) {
    const id = ids[i] as number;
    const digit = (id >>> shift) & (RADIX - 1);
    const at = ends[digit] as number;
    ends[digit] = at + 1;
    outIds[at] = id;
    outRows[at] = rows[i] as number;
  }
}
