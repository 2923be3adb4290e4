/**
 * A second opinion on the oracle itself: patterns evaluated by loops over a handful of rows, in BigInt fractions.
 * Written from DESIGN.md 3 alone; quadratic on purpose.
 */
import type { Comparison } from '../../../src/core/layout.ts';
import type { ConditionNode, MeasureNode, TestNode } from '../../../src/patterns/ast.ts';
import type { Pattern } from '../../../src/patterns/pattern.ts';
import type { OracleRow, ReferenceRow } from './database.ts';

/** numerator / denominator, denominator > 0; null: undefined. */
type Fraction = readonly [bigint, bigint] | null;
type Key = Readonly<Record<string, string>>;

export interface BruteInput {
  readonly scale: number;
  readonly rows: readonly OracleRow[];
  /** null: weights are those of the rows. */
  readonly reference: readonly ReferenceRow[] | null;
}

const power = (n: number): bigint => 10n ** BigInt(n);

function holds(a: readonly [bigint, bigint], op: Comparison, b: readonly [bigint, bigint]): boolean {
  const difference = a[0] * b[1] - b[0] * a[1];
  if (op === '=') return difference === 0n;
  if (op === '!=') return difference !== 0n;
  if (op === '<') return difference < 0n;
  if (op === '<=') return difference <= 0n;
  return op === '>' ? difference > 0n : difference >= 0n;
}

function passes(row: OracleRow, test: TestNode, scale: number): boolean {
  if (test.kind === 'text') {
    const isIn = test.values.includes(row.dims[test.field.name] ?? '');
    return test.op === '!=' ? !isIn : isIn;
  }
  const value = row[test.field.name];
  return value !== null && holds([value, power(scale)], test.op, [BigInt(test.value.units), power(test.value.digits)]);
}

/** Whether a row passes all tests of a `where`. */
export function passesAll(row: OracleRow, tests: readonly TestNode[], scale: number): boolean {
  return tests.every((test) => passes(row, test, scale));
}

const agrees = (row: Key, key: Key): boolean => Object.entries(key).every(([name, value]) => row[name] === value);

export function bruteMeasure(measure: MeasureNode, entity: Key, input: BruteInput): Fraction {
  const names = measure.group?.map((node) => node.name) ?? Object.keys(entity);
  const key = Object.fromEntries(names.map((name) => [name, entity[name] ?? '']));
  const rows = input.rows.filter((row) => agrees(row.dims, key) && measure.where.every((test) => passes(row, test, input.scale)));
  if (measure.kind === 'count') return [BigInt(rows.length), 1n];
  if (measure.kind === 'distinct') return [BigInt(new Set(rows.map((row) => row.dims[measure.of.name])).size), 1n];
  const fromReference = measure.of === 'weight' && input.reference !== null;
  const values = fromReference
    ? (input.reference ?? []).filter((row) => agrees({ customer: row.customer, merchant: row.merchant }, key)).map((row) => row.weight)
    : rows.map((row) => row[measure.of]).filter((value) => value !== null);
  const sum = values.reduce((a, b) => a + b, 0n);
  if (measure.kind === 'sum') return [sum, power(input.scale)];
  return values.length === 0 ? null : [sum, BigInt(values.length) * power(input.scale)];
}

/** The entities of some dimensions that have a transaction. */
export function members(names: readonly string[], input: BruteInput): readonly Key[] {
  const found = new Map<string, Key>();
  for (const row of input.rows) {
    const key = Object.fromEntries(names.map((name) => [name, row.dims[name] ?? '']));
    found.set(JSON.stringify(names.map((name) => key[name])), key);
  }
  return [...found.values()];
}

export function bruteCondition(node: ConditionNode, entity: Key, input: BruteInput): boolean {
  if (node.kind === 'compare') {
    const left = bruteMeasure(node.left, entity, input);
    if (left === null) return false;
    if (node.right.kind === 'number') return holds(left, node.op, [BigInt(node.right.value.units), power(node.right.value.digits)]);
    const right = bruteMeasure(node.right.measure, entity, input);
    if (right === null) return false;
    if (node.right.kind === 'measure') return holds(left, node.op, right);
    const { units, digits } = node.right.percent.value;
    return holds(left, node.op, [right[0] * BigInt(units), right[1] * power(digits + 2)]);
  }
  const mine = bruteMeasure(node.measure, entity, input);
  if (mine === null) return false;
  const cohort = members(Object.keys(entity), input).filter((member) => node.cohort.every(({ name }) => member[name] === entity[name]));
  const values = cohort.map((member) => bruteMeasure(node.measure, member, input)).filter((value) => value !== null);
  const better = values.filter((value) => holds(value, node.direction === 'top' ? '>' : '<', mine)).length;
  const { units, digits } = node.percent.value;
  return power(digits + 2) * BigInt(better) <= BigInt(units) * BigInt(values.length - 1);
}

/** The entities for which all conditions hold, in no order. */
export function brute(pattern: Pattern, input: BruteInput): readonly (readonly string[])[] {
  return members(pattern.entity, input)
    .filter((entity) => pattern.conditions.every(({ node }) => bruteCondition(node, entity, input)))
    .map((entity) => pattern.entity.map((name) => entity[name] ?? ''));
}
