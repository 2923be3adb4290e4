/**
 * Refuses a condition that can never hold, whatever the rows: it is a slip of the pen.
 *
 * Only what follows from the measures themselves counts:
 *   - counts are whole numbers; an entity exists by its transactions, so a count (and distinct) without `where` is >= 1,
 *     with one >= 0; distinct values of a field that is in the key itself are at most 1;
 *   - a is at most b where b counts the same with fewer tests, for a wider key, or rows instead of distinct values;
 *   - a `where` that no row can pass makes counts and sums 0 and averages undefined.
 * Nothing is claimed of sums and averages otherwise (amounts may be negative), but that one equals itself.
 */
import type { Comparison, Decimal } from '../core/layout.ts';
import type { CompareNode, ConditionNode, MeasureNode } from './ast.ts';
import { measuresOf } from './ast.ts';
import { filterKey, measureIdentity, measureKey } from './canonical.ts';
import { compareDecimals, printDecimal } from './decimal.ts';
import { passesNothing } from './filter-range.ts';
import { printMeasure } from './print.ts';
import type { Fault } from './problem.ts';

/** The values that a measure can take; null: no limit. */
interface Range {
  readonly low: number | null;
  readonly high: number | null;
  readonly whole: boolean;
}

function isCounting(measure: MeasureNode): boolean {
  return measure.kind === 'count' || measure.kind === 'distinct';
}

function rangeOf(measure: MeasureNode, entity: readonly string[]): Range {
  if (passesNothing(measure.where)) return { low: 0, high: 0, whole: true };
  if (!isCounting(measure)) return { low: null, high: null, whole: false };
  const single = measure.kind === 'distinct' && measureKey(measure, entity).includes(measure.of.name);
  return { low: measure.where.length === 0 ? 1 : 0, high: single ? 1 : null, whole: true };
}

/** Whether a <= b for every entity, for reasons of logic. */
function isAtMost(a: MeasureNode, b: MeasureNode, entity: readonly string[]): boolean {
  if (measureIdentity(a, entity) === measureIdentity(b, entity)) return true;
  if (!isCounting(a) || !isCounting(b)) return false;
  if (a.kind === 'count' && b.kind === 'distinct') return false;
  if (a.kind === 'distinct' && b.kind === 'distinct' && a.of.name !== b.of.name) return false;
  const keyOfA = measureKey(a, entity);
  const isWider = measureKey(b, entity).every((name) => keyOfA.includes(name));
  const testsOfA = a.where.map((test) => filterKey([test]));
  return isWider && b.where.every((test) => testsOfA.includes(filterKey([test])));
}

function decimal(value: number): Decimal {
  return { units: String(value), digits: 0 };
}

function failsNumber(range: Range, op: Comparison, value: Decimal): boolean {
  const below = range.low !== null ? compareDecimals(value, decimal(range.low)) : 1;
  const above = range.high !== null ? compareDecimals(value, decimal(range.high)) : -1;
  switch (op) {
    case '<':
      return below <= 0;
    case '<=':
      return below < 0;
    case '>':
      return above >= 0;
    case '>=':
      return above > 0;
    case '=':
      return below < 0 || above > 0 || (range.whole && value.digits > 0);
    default:
      return range.low !== null && below === 0 && above === 0;
  }
}

function failsMeasure(a: MeasureNode, op: Comparison, b: MeasureNode, entity: readonly string[]): boolean {
  const [left, right] = [rangeOf(a, entity), rangeOf(b, entity)];
  const notAbove = isAtMost(a, b, entity) || (left.high !== null && right.low !== null && left.high <= right.low);
  const notBelow = isAtMost(b, a, entity) || (right.high !== null && left.low !== null && right.high <= left.low);
  const isAlwaysBelow = left.high !== null && right.low !== null && left.high < right.low;
  const isAlwaysAbove = right.high !== null && left.low !== null && right.high < left.low;
  switch (op) {
    case '<':
      return notBelow;
    case '<=':
      return isAlwaysAbove;
    case '>':
      return notAbove;
    case '>=':
      return isAlwaysBelow;
    case '=':
      return isAlwaysAbove || isAlwaysBelow;
    default:
      return notAbove && notBelow;
  }
}

/** a op p% of b, 0 < p <= 100, where b is a count: p% of it is from 0 to b, and below b (if b >= 1) unless p is 100. */
function failsPercent(a: MeasureNode, op: Comparison, percent: Decimal, b: MeasureNode, entity: readonly string[]): boolean {
  if (compareDecimals(percent, decimal(100)) === 0) return failsMeasure(a, op, b, entity);
  if (!isCounting(b)) return false;
  const [left, right] = [rangeOf(a, entity), rangeOf(b, entity)];
  const isLeast = isAtMost(b, a, entity);
  if (right.high === 0) return failsNumber(left, op, decimal(0));
  // p% of a count of at most 1 is below every count of at least 1.
  const isAbove = (isLeast && (right.low ?? 0) >= 1) || ((left.low ?? 0) >= 1 && right.high === 1);
  if (op === '<') return isLeast || isAbove;
  return (op === '<=' || op === '=') && isAbove;
}

function describeRange(measure: MeasureNode, range: Range): string {
  const shown = printMeasure(measure);
  if (range.high === 0) return `No row passes the where, so ${shown} is always 0.`;
  if (range.high !== null)
    return `${shown} is ${range.low === range.high ? `always ${range.low}` : `${range.low} or ${range.high}`}: its key names one value.`;
  return `${shown} is a whole number from ${range.low} up${range.low === 1 ? ', as an entity has at least one transaction' : ''}.`;
}

/** What to write instead of a bound that a count cannot meet. */
function mendNumber(measure: MeasureNode, range: Range, op: Comparison): string | null {
  const shown = printMeasure(measure);
  if (range.low === range.high) return null;
  if (op === '=') return `Compare with a whole number${range.high === null ? ` from ${range.low} up` : ''}.`;
  const bound = op === '<' || op === '<=' ? `${shown} <= ${range.low}` : `${shown} >= ${range.high}`;
  return `The ${op === '<' || op === '<=' ? 'lowest' : 'highest'} bound that can be met is "${bound}".`;
}

function checkCompare(node: CompareNode, entity: readonly string[]): Fault | null {
  const { left, op, right, opAt } = node;
  if (right.kind === 'number') {
    const range = rangeOf(left, entity);
    if (!failsNumber(range, op, right.value)) return null;
    const message = `"${op} ${printDecimal(right.value)}" can never hold. ${describeRange(left, range)}`;
    return { message, at: opAt, suggestion: mendNumber(left, range, op) };
  }
  const fails =
    right.kind === 'measure'
      ? failsMeasure(left, op, right.measure, entity)
      : failsPercent(left, op, right.percent.value, right.measure, entity);
  if (!fails) return null;
  const value =
    right.kind === 'measure' ? printMeasure(right.measure) : `${printDecimal(right.percent.value)}% of ${printMeasure(right.measure)}`;
  const isSame = measureIdentity(left, entity) === measureIdentity(right.measure, entity);
  const message = isSame
    ? `${printMeasure(left)} is compared with itself: "${op}" can never hold.`
    : `${printMeasure(left)} ${op} ${value} can never hold.`;
  const mend = isSame ? 'Compare with another measure or a number.' : `Are both sides as they were meant? Perhaps the other way round.`;
  return { message, at: opAt, suggestion: mend };
}

export function checkPossible(node: ConditionNode, entity: readonly string[]): Fault[] {
  const undefinedMeasure = measuresOf(node).find((measure) => measure.kind === 'avg' && passesNothing(measure.where));
  if (undefinedMeasure !== undefined) {
    const message = `No row passes the where of ${printMeasure(undefinedMeasure)}, so it has never a value.`;
    return [{ message, at: undefinedMeasure.at, suggestion: 'All tests of a where must hold for one row: use in (a, b) for either.' }];
  }
  const fault = node.kind === 'compare' ? checkCompare(node, entity) : null;
  return fault === null ? [] : [fault];
}
