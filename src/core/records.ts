/**
 * The measures of one grain by entity: exact integers, row by row.
 *
 * Representation: one Float64Array with the measures of an entity side by side, so that changing all of them touches one
 * cache line, however many entities there are; every number in it is an integer of magnitude at most 2^53 - 1. A measure
 * leaves for a column of 128-bit integers of its own (core/integers.ts) before the first sum that would not be. While the
 * magnitudes of all that was added to a measure come to less than that, no sum needs to be looked at.
 * Twins: measures that the layout expects to be equal (`weight: amount` makes every weight the amount) share one number a
 * row until a delta comes in which they differ; then they part for good.
 *
 * Cost: O(1) a sum; parting and widening copy once.
 */
import { Column } from './column.ts';
import { exactFloat64, growFloat64, type IdList } from './grow.ts';
import type { Integers } from './integers.ts';

const SAFE = Number.MAX_SAFE_INTEGER;
/** Rows that are added to at a time. */
const BATCH = 512;

export class Records {
  readonly columns: readonly Column[];
  length = 0;
  /** [entity * stride + slot of the column]. */
  data: Float64Array<ArrayBuffer>;
  stride: number;
  /** The columns by the number that they share; a wide one is alone. */
  private groups: Column[][] = [];

  /** `twins[m]`: an earlier measure that `m` equals as long as deltas say so, or -1. */
  constructor(measures: number, twins: readonly number[] = []) {
    this.columns = Array.from({ length: measures }, (_, m) => new Column(this, m));
    this.stride = 0;
    for (const column of this.columns) {
      const twin = this.columns[twins[column.index] ?? -1];
      column.slot = twin === undefined ? this.stride++ : twin.slot;
    }
    this.data = new Float64Array(16 * this.stride);
    this.group();
  }

  /** Gives entities up to `length` their rows, of zeros. */
  grow(length: number): void {
    if (length <= this.length) return;
    this.length = length;
    this.data = growFloat64(this.data, length * this.stride);
    for (const column of this.columns) column.wide?.resize(length);
  }

  /** Room for entities up to `length`, which are there with zeros; without any to spare. */
  reserve(length: number): void {
    this.data = exactFloat64(this.data, length * this.stride);
    this.grow(length);
  }

  /** Adds row i of the sources to entity entities[i], i < count: source m to measure m. Measures beyond the sources stay. */
  add(entities: Uint32Array, sources: readonly Integers[], count: number): void {
    this.part(sources, count);
    // Widening makes other groups: of the next time.
    const { groups } = this;
    const slots: number[] = [];
    const narrow: Float64Array[] = [];
    const crossings: (Crossings | null)[] = [];
    for (let g = 0; g < groups.length; g++) {
      const group = groups[g] as Column[];
      const first = group[0] as Column;
      const source = sources[first.index];
      if (source === undefined) continue;
      if (this.staysNarrow(first, source, count)) {
        slots.push(first.slot);
        narrow.push(source.narrow as Float64Array);
        crossings.push(watchedOf(group));
      } else {
        const done = first.isWide || source.narrow === null ? 0 : this.addChecked(group, entities, source.narrow, count);
        if (done < count) this.addEach(group, entities, sources, done, count);
      }
    }
    addRows(this.data, this.stride, entities, count, slots, narrow, crossings);
  }

  /** Whether no sum can leave the safe integers: none of the column's is larger than all its sources' magnitudes together. */
  private staysNarrow(column: Column, source: Integers, count: number): boolean {
    if (column.isWide || source.narrow === null) return false;
    column.bound += sumOfMagnitudes(source.narrow, count);
    return column.bound <= SAFE;
  }

  /** The values of entities [first, end) by measure, up to `measures`; those that share a number share their values. */
  slices(measures: number, first: number, end: number): Integers[] {
    const bySlot = new Map<number, Integers>();
    return this.columns.slice(0, measures).map((column) => {
      if (column.isWide) return column.slice(first, end);
      const values = bySlot.get(column.slot) ?? column.slice(first, end);
      bySlot.set(column.slot, values);
      return values;
    });
  }

  /** Notes which of entities [first, end), whose `slices` these are, are above zero: they are new. */
  noteNew(slices: readonly Integers[], first: number): void {
    for (const { crossings, index } of this.columns) {
      const values = slices[index];
      if (crossings !== null && values !== undefined) notePositive(values, first, crossings.rose);
    }
  }

  /** Forgets which entities crossed zero. */
  clearCrossings(): void {
    for (const { crossings } of this.columns) {
      crossings?.rose.clear();
      crossings?.fell.clear();
    }
  }

  /** How many were added before a sum that is not safe. */
  private addChecked(group: readonly Column[], entities: Uint32Array, source: Float64Array, count: number): number {
    const { data, stride } = this;
    const { slot } = group[0] as Column;
    const crossings = watchedOf(group);
    for (let i = 0; i < count; i++) {
      const entity = entities[i] as number;
      const at = entity * stride + slot;
      const before = data[at] as number;
      const sum = before + (source[i] as number);
      if (sum > SAFE || sum < -SAFE) return i;
      data[at] = sum;
      if (before > 0 !== sum > 0) noteCrossing(crossings, entity, sum);
    }
    return count;
  }

  /** One by one, from row `from` on: a sum of any size, a source of any width. */
  private addEach(group: readonly Column[], entities: Uint32Array, sources: readonly Integers[], from: number, count: number): void {
    for (let i = from; i < count; i++) {
      const entity = entities[i] as number;
      const before = (group[0] as Column).sign(entity);
      if (!this.addSafe(group, entity, (sources[(group[0] as Column).index] as Integers).big(i))) {
        for (const column of group) column.widen().addFrom(entity, sources[column.index] as Integers, i);
      }
      for (const column of group) column.note(entity, before);
    }
    // Of a source that is wide nothing was added to the bound.
    for (const column of group) column.bound = Number.POSITIVE_INFINITY;
    if ((group[0] as Column).isWide) this.group();
  }

  private addSafe(group: readonly Column[], entity: number, value: bigint): boolean {
    const first = group[0] as Column;
    if (first.isWide) return false;
    const sum = first.big(entity) + value;
    if (sum > SAFE || sum < -SAFE) return false;
    this.data[entity * this.stride + first.slot] = Number(sum);
    return true;
  }

  /** Gives a measure whose source differs from its twin's a number of its own. */
  private part(sources: readonly Integers[], count: number): void {
    for (let g = 0; g < this.groups.length; g++) {
      const [first, ...others] = this.groups[g] as Column[];
      for (const other of others) {
        if (isSame(sources[(first as Column).index], sources[other.index], count)) continue;
        other.bound = (first as Column).bound;
        this.addSlot(other);
        this.group();
        this.part(sources, count);
        return;
      }
    }
  }

  private addSlot(column: Column): void {
    const { data, stride, length } = this;
    const from = column.slot;
    this.stride = stride + 1;
    this.data = growFloat64(new Float64Array(0), Math.max(16, length) * this.stride);
    for (let entity = 0; entity < length; entity++) {
      const at = entity * this.stride;
      for (let slot = 0; slot < stride; slot++) this.data[at + slot] = data[entity * stride + slot] as number;
      this.data[at + stride] = data[entity * stride + from] as number;
    }
    column.slot = stride;
  }

  private group(): void {
    const bySlot = new Map<number, Column[]>();
    this.groups = [];
    for (const column of this.columns) {
      const group = column.isWide ? undefined : bySlot.get(column.slot);
      if (group !== undefined) {
        group.push(column);
        continue;
      }
      const alone = [column];
      this.groups.push(alone);
      if (!column.isWide) bySlot.set(column.slot, alone);
    }
  }
}

/** The entities that a column lifted above zero and that fell to zero or below, in order; an entity may be named by both. */
export interface Crossings {
  readonly rose: IdList;
  readonly fell: IdList;
}

/** Measure by measure, in loops that do one thing, but few rows at a time: the first measure fetches the cache lines of the others. */
function addRows(
  data: Float64Array,
  stride: number,
  entities: Uint32Array,
  count: number,
  slots: readonly number[],
  sources: readonly Float64Array[],
  crossings: readonly (Crossings | null)[],
): void {
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    for (let k = 0; k < slots.length; k++) {
      const watched = crossings[k] as Crossings | null;
      const source = sources[k] as Float64Array;
      if (watched === null) addColumn(data, stride, slots[k] as number, entities, source, from, to);
      else addWatched(data, stride, slots[k] as number, entities, source, from, to, watched);
    }
  }
}

function addColumn(
  data: Float64Array,
  stride: number,
  slot: number,
  entities: Uint32Array,
  source: Float64Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const at = (entities[i] as number) * stride + slot;
    data[at] = (data[at] as number) + (source[i] as number);
  }
}

function addWatched(
  data: Float64Array,
  stride: number,
  slot: number,
  entities: Uint32Array,
  source: Float64Array,
  from: number,
  to: number,
  crossings: Crossings,
): void {
  for (let i = from; i < to; i++) {
    const entity = entities[i] as number;
    const at = entity * stride + slot;
    const before = data[at] as number;
    const sum = before + (source[i] as number);
    data[at] = sum;
    if (before > 0 !== sum > 0) noteCrossing(crossings, entity, sum);
  }
}

function notePositive(values: Integers, first: number, rose: IdList): void {
  for (let i = 0; i < values.length; i++) if (values.float(i) > 0) rose.push(first + i);
}

function noteCrossing(crossings: Crossings | null, entity: number, sum: number): void {
  if (crossings !== null) (sum > 0 ? crossings.rose : crossings.fell).push(entity);
}

/** Of the columns that share a number. */
function watchedOf(group: readonly Column[]): Crossings | null {
  for (let c = 0; c < group.length; c++) {
    const { crossings } = group[c] as Column;
    if (crossings !== null) return crossings;
  }
  return null;
}

/** Rounded, each step at most by a half: it is not below 2^53 where the true sum is above. */
function sumOfMagnitudes(source: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs(source[i] as number);
  return sum;
}

/** Two sources that are both missing are the same. */
function isSame(a: Integers | undefined, b: Integers | undefined, count: number): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (a.narrow === null || b.narrow === null) return isSameBig(a, b, count);
  return isSameNarrow(a.narrow, b.narrow, count);
}

function isSameNarrow(a: Float64Array, b: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}

function isSameBig(a: Integers, b: Integers, count: number): boolean {
  for (let i = 0; i < count; i++) if (a.big(i) !== b.big(i)) return false;
  return true;
}
