/** The float keys of children, read from the records: NaN for no member of its cohort, or without the value. */
import { Column } from '../column.ts';
import type { GrainState } from '../grain-state.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';

/** Writes to `keys` those of the first `length` ids; `via` leads to the entities that have the measure, if it is a group's. */
export function readKeys(
  ids: Uint32Array,
  length: number,
  grain: GrainState,
  measure: Measure,
  via: Link | null,
  keys: Float64Array,
): void {
  const { data, stride } = grain.records;
  const count = slotOf(grain, grain.count);
  const top = slotOf(grain, measure.numerator);
  const bottom = measure.denominator === null ? null : slotOf(grain, measure.denominator);
  if (via !== null || count < 0 || top < 0 || (bottom !== null && bottom < 0)) readEach(ids, length, grain, measure, via, keys);
  else if (bottom === null) readIntegers(ids, length, data, stride, count, top, keys);
  else readAverages(ids, length, data, stride, count, top, bottom, keys);
}

/** The largest denominator of those that have a key; 1 for integer measures. */
export function largestDenominator(
  ids: Uint32Array,
  keys: Float64Array,
  length: number,
  denominator: Measure['denominator'],
  via: Link | null,
): number {
  let largest = 1;
  if (denominator === null) return largest;
  for (let i = 0; i < length; i++) {
    if (Number.isNaN(keys[i])) continue;
    const id = ids[i] as number;
    largest = Math.max(largest, denominator.float(via === null ? id : (via.parent[id] as number)));
  }
  return largest;
}

/** The place of a measure of this grain in its rows; -1 if it is not there. */
function slotOf({ records }: GrainState, column: unknown): number {
  return column instanceof Column && column.records === records && !column.isWide ? column.slot : -1;
}

function readIntegers(
  ids: Uint32Array,
  length: number,
  data: Float64Array,
  stride: number,
  count: number,
  slot: number,
  keys: Float64Array,
): void {
  for (let i = 0; i < length; i++) {
    const at = (ids[i] as number) * stride;
    keys[i] = (data[at + count] as number) > 0 ? (data[at + slot] as number) : Number.NaN;
  }
}

function readAverages(
  ids: Uint32Array,
  length: number,
  data: Float64Array,
  stride: number,
  count: number,
  sum: number,
  number: number,
  keys: Float64Array,
): void {
  for (let i = 0; i < length; i++) {
    const at = (ids[i] as number) * stride;
    const n = data[at + number] as number;
    keys[i] = n > 0 && (data[at + count] as number) > 0 ? (data[at + sum] as number) / n : Number.NaN;
  }
}

function readEach(ids: Uint32Array, length: number, grain: GrainState, measure: Measure, via: Link | null, keys: Float64Array): void {
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    keys[i] = grain.isMember(id) ? measure.key(via === null ? id : (via.parent[id] as number)) : Number.NaN;
  }
}
