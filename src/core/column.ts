/** One measure of all entities of a grain: exact integers, read by entity (representation: records.ts). */
import { IdList } from './grow.ts';
import { Integers } from './integers.ts';
import type { Crossings, Records } from './records.ts';

/** What a measure is made of. */
export interface ExactColumn {
  /** As float64: exact up to 2^53 - 1, else rounded to nearest, ties to even. */
  float(entity: number): number;
  big(entity: number): bigint;
  /** -1, 0 or 1. */
  sign(entity: number): number;
  /** Order of two entities' values. */
  compare(a: number, b: number): number;
}

export class Column implements ExactColumn {
  readonly records: Records;
  /** Its number among the grain's measures. */
  readonly index: number;
  /** Its place in a row, while it is not wide. */
  slot = 0;
  wide: Integers | null = null;
  /** No value is of a larger magnitude. */
  bound = 0;
  /** Kept for whoever counts positive values; null if nobody does. */
  crossings: Crossings | null = null;

  constructor(records: Records, index: number) {
    this.records = records;
    this.index = index;
  }

  get isWide(): boolean {
    return this.wide !== null;
  }

  float(entity: number): number {
    if (this.wide !== null) return this.wide.float(entity);
    return this.records.data[entity * this.records.stride + this.slot] as number;
  }

  big(entity: number): bigint {
    if (this.wide !== null) return this.wide.big(entity);
    return BigInt(this.records.data[entity * this.records.stride + this.slot] as number);
  }

  sign(entity: number): number {
    return Math.sign(this.float(entity));
  }

  compare(a: number, b: number): number {
    if (this.wide !== null) return this.wide.compare(a, b);
    const difference = this.float(a) - this.float(b);
    return difference < 0 ? -1 : difference > 0 ? 1 : 0;
  }

  /** From now on it is told which entities cross zero. */
  watch(): Crossings {
    this.crossings ??= { rose: new IdList(), fell: new IdList() };
    return this.crossings;
  }

  /** Moves a count by a small step. Only for measures that no delta feeds. */
  step(entity: number, by: 1 | -1): void {
    const { data, stride } = this.records;
    const at = entity * stride + this.slot;
    data[at] = (data[at] as number) + by;
  }

  /** The column on its own, of any size. */
  widen(): Integers {
    if (this.wide !== null) return this.wide;
    const { length } = this.records;
    const wide = new Integers(Math.max(1, length));
    wide.resize(length);
    for (let entity = 0; entity < length; entity++) wide.set(entity, this.float(entity));
    this.wide = wide;
    return wide;
  }

  /** The values of some entities, in their order. */
  pick(entities: Uint32Array): Integers {
    const out = new Integers(Math.max(1, entities.length));
    out.resize(entities.length);
    this.pickInto(out, entities, 0, entities.length);
    return out;
  }

  /** Writes the values of entities[from .. end) to the same places of `out`, which is long enough. */
  pickInto(out: Integers, entities: Uint32Array, from: number, end: number): void {
    if (this.wide !== null || out.narrow === null) for (let i = from; i < end; i++) out.set(i, this.big(entities[i] as number));
    else pickNarrow(this.records.data, this.records.stride, this.slot, entities, out.narrow, from, end);
  }

  /** The values of entities [first, end). */
  slice(first: number, end: number): Integers {
    const out = new Integers(Math.max(1, end - first));
    out.resize(end - first);
    if (this.wide !== null) for (let entity = first; entity < end; entity++) out.addFrom(entity - first, this.wide, entity);
    else sliceNarrow(this.records.data, this.records.stride, this.slot, first, out.narrow as Float64Array);
    return out;
  }

  /** `before` was the sign before the last sum. */
  note(entity: number, before: number): void {
    if (this.crossings === null) return;
    const isPositive = this.sign(entity) > 0;
    if (before > 0 !== isPositive) (isPositive ? this.crossings.rose : this.crossings.fell).push(entity);
  }
}

function pickNarrow(
  data: Float64Array,
  stride: number,
  slot: number,
  entities: Uint32Array,
  out: Float64Array,
  from: number,
  end: number,
): void {
  for (let i = from; i < end; i++) out[i] = data[(entities[i] as number) * stride + slot] as number;
}

function sliceNarrow(data: Float64Array, stride: number, slot: number, first: number, out: Float64Array): void {
  for (let i = 0, at = first * stride + slot; i < out.length; i++, at += stride) out[i] = data[at] as number;
}
