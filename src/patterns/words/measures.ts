/** Measures, their `where` and numbers in plain English. */
import type { Comparison } from '../../core/layout.ts';
import type { MeasureNode, TestNode } from '../ast.ts';
import { canonicalTests, measureKey } from '../canonical.ts';
import { printDecimal } from '../decimal.ts';
import { list, many, one, subject } from './nouns.ts';

const thans: Readonly<Record<Comparison, string>> = {
  '<': 'less than',
  '<=': 'at most',
  '>': 'more than',
  '>=': 'at least',
  '=': 'exactly',
  '!=': 'other than',
};

/** `is ... 5`, for a measure that is a noun. */
export function than(op: Comparison): string {
  return op === '=' ? 'equal to' : op === '!=' ? 'different from' : thans[op];
}

/** `more than 5`, for so and so many things. */
export function quantity(op: Comparison): string {
  return op === '<' ? 'fewer than' : op === '!=' ? 'any number but' : thans[op];
}

/** Thousands are set apart: `50,000`, `-1,234.5`. */
export function number(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A value as an analyst would write it; quoted where it would run into the sentence. */
function value(text: string): string {
  return /^[^\s,"]+$/.test(text) ? text : `"${text}"`;
}

function testWords(test: TestNode): string {
  if (test.kind === 'number') {
    const of = test.op === '<' || test.op === '>' || test.op === '!=' ? '' : 'of ';
    return `${test.field.name} ${of}${thans[test.op]} ${number(printDecimal(test.value))}`;
  }
  const values = list(test.values.map(value), 'or');
  return test.op === '!=' ? `${one(test.field.name)} other than ${values}` : `${one(test.field.name)} ${values}`;
}

/** ` with gender F and amount more than 5`, or nothing. */
export function withTests(measure: MeasureNode): string {
  return measure.where.length === 0 ? '' : ` with ${list(canonicalTests(measure.where).map(testWords))}`;
}

/** What a rank goes by: `number of transactions`. */
export function criterion(measure: MeasureNode): string {
  const tests = withTests(measure);
  if (measure.kind === 'count') return `number of transactions${tests}`;
  if (measure.kind === 'distinct') return `number of different ${many(measure.of.name)}${tests === '' ? '' : ` in transactions${tests}`}`;
  return `${measure.kind === 'sum' ? 'total' : 'average'} ${measure.of}${tests === '' ? '' : ` of transactions${tests}`}`;
}

/** The measure as a noun: `the average amount of the customer's transactions with the merchant`. */
export function measureWords(measure: MeasureNode, entity: readonly string[]): string {
  const { who, where } = subject(measureKey(measure, entity));
  const ofWhom = who.includes(' and ') ? `the transactions of ${who}` : `${who}'s transactions`;
  const transactions = `${ofWhom}${where}${withTests(measure)}`;
  if (measure.kind === 'count') return `the number of ${transactions}`;
  if (measure.kind === 'distinct') return `the number of different ${many(measure.of.name)} in ${transactions}`;
  return `the ${measure.kind === 'sum' ? 'total' : 'average'} ${measure.of} of ${transactions}`;
}
