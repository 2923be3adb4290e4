/** The float keys of children, read from the columns: NaN for no member of its cohort, or without the value. */
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
  if (via !== null || grain.count.narrow === null || isWide(measure)) readEach(ids, length, grain, measure, via, keys);
  else readNarrow(ids, length, grain.count.narrow, measure, keys);
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

function isWide({ numerator, denominator }: Measure): boolean {
  return numerator.narrow === null || (denominator !== null && denominator.narrow === null);
}

function readNarrow(ids: Uint32Array, length: number, count: Float64Array, measure: Measure, keys: Float64Array): void {
  const values = measure.numerator.narrow as Float64Array;
  if (measure.denominator === null) readIntegers(ids, length, count, values, keys);
  else readAverages(ids, length, count, values, measure.denominator.narrow as Float64Array, keys);
}

function readIntegers(ids: Uint32Array, length: number, count: Float64Array, values: Float64Array, keys: Float64Array): void {
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    keys[i] = (count[id] as number) > 0 ? (values[id] as number) : Number.NaN;
  }
}

function readAverages(
  ids: Uint32Array,
  length: number,
  count: Float64Array,
  sums: Float64Array,
  numbers: Float64Array,
  keys: Float64Array,
): void {
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    const number = numbers[id] as number;
    keys[i] = number > 0 && (count[id] as number) > 0 ? (sums[id] as number) / number : Number.NaN;
  }
}

function readEach(ids: Uint32Array, length: number, grain: GrainState, measure: Measure, via: Link | null, keys: Float64Array): void {
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    keys[i] = grain.isMember(id) ? measure.key(via === null ? id : (via.parent[id] as number)) : Number.NaN;
  }
}
