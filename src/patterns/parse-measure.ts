/** Recursive descent for measures, their `where` and decimals: the lower half of the grammar (DESIGN.md 3). */
import type { Comparison, Decimal } from '../core/layout.ts';
import type { MeasureNode, NameNode, TestNode } from './ast.ts';
import { maxDigits, parseDecimal, wholeDigits } from './decimal.ts';
import { isNumericField, numericFields } from './fields.ts';
import { nearest, suggest } from './nearest.ts';
import { type Scanner, SyntaxFault } from './scanner.ts';
import { isStorable } from './storable.ts';

const functions = ['count', 'sum', 'avg', 'distinct'] as const;
type FunctionName = (typeof functions)[number];

/** Other words for the functions, and what is left out of the language on purpose. */
const hints: Readonly<Record<string, string>> = {
  average: 'Write avg(amount).',
  mean: 'Write avg(amount).',
  total: 'Write sum(amount).',
  unique: 'Write distinct(customer).',
  amount: 'Write sum(amount) or avg(amount).',
  weight: 'Write sum(weight) or avg(weight).',
  min: 'There is no min: it could not be corrected when rows are taken out. Use avg, sum or a count with a where.',
  max: 'There is no max: it could not be corrected when rows are taken out. Use avg, sum or a count with a where.',
};

const otherOperators: Readonly<Record<string, Comparison>> = {
  '==': '=',
  '===': '=',
  '<>': '!=',
  '!': '!=',
  '~=': '!=',
  '!==': '!=',
  '=<': '<=',
  '=>': '>=',
  '\u2264': '<=',
  '\u2265': '>=',
  '\u2260': '!=',
};

function isComparison(text: string): text is Comparison {
  return ['<', '<=', '>', '>=', '=', '!='].includes(text);
}

function isFunction(name: string): name is FunctionName {
  return (functions as readonly string[]).includes(name);
}

/** One of the six comparisons; null (nothing taken) if no sign of that kind is next. */
export function takeComparison(scanner: Scanner): Comparison | null {
  const at = scanner.at;
  const signs = scanner.takeOperator();
  if (signs === null || isComparison(signs)) return signs;
  const meant = otherOperators[signs];
  throw new SyntaxFault(`"${signs}" is no comparison.`, at, meant === undefined ? 'There are < <= > >= = !=.' : `Write ${meant}.`);
}

/** A plain decimal; white space behind it is left. */
export function takeDecimal(scanner: Scanner): { readonly value: Decimal; readonly text: string } | null {
  const at = scanner.at;
  const text = scanner.takeNumber();
  if (text === null) return null;
  const value = parseDecimal(text);
  if (value === null) {
    const plain = text.replaceAll('_', '');
    const mend = parseDecimal(plain) === null ? 'Write a plain decimal, as -12.50.' : `Write ${plain}.`;
    throw new SyntaxFault(`"${text}" is no number.`, at, mend);
  }
  if (wholeDigits(value) > maxDigits || value.digits > maxDigits) {
    throw new SyntaxFault(
      `The number ${text} has too many digits.`,
      at,
      `At most ${maxDigits} are possible before the point, and ${maxDigits} behind it.`,
    );
  }
  return { value, text };
}

export function takeName(scanner: Scanner, what: string): NameNode {
  const at = scanner.at;
  const name = scanner.takeName();
  if (name === null) throw new SyntaxFault(`Expected ${what}, not ${scanner.shown}.`, at);
  return { name, at };
}

function takeText(scanner: Scanner, where: string): string {
  const at = scanner.at;
  const text = scanner.takeText();
  if (text === null)
    throw new SyntaxFault(`Expected a text ${where}, not ${scanner.shown}.`, at, "A text with other signs is quoted: 'b c'.");
  if (!isStorable(text)) throw new SyntaxFault('This text has a character that no row can have.', at);
  return text;
}

function takeTest(scanner: Scanner): TestNode {
  const field = takeName(scanner, 'a field to test');
  const { name } = field;
  if (isNumericField(name)) {
    const op = takeComparison(scanner);
    if (op === null) throw new SyntaxFault(`Expected a comparison (< <= > >= = !=) behind "${name}", not ${scanner.shown}.`, scanner.at);
    const at = scanner.at;
    const number = takeDecimal(scanner);
    if (number === null) throw new SyntaxFault(`"${name}" is compared with a number, not with ${scanner.shown}.`, at);
    scanner.skip();
    return { kind: 'number', field: { name, at: field.at }, op, value: number.value };
  }
  const at = scanner.at;
  if (scanner.takeKeyword('in')) {
    scanner.expect('(', 'behind "in"');
    const values = [takeText(scanner, 'in the list')];
    while (scanner.take(',')) values.push(takeText(scanner, 'in the list'));
    scanner.expect(')', 'or "," in the list');
    return { kind: 'text', field, op: 'in', values };
  }
  const op = takeComparison(scanner);
  if (op === null) throw new SyntaxFault(`Expected =, != or in behind "${name}", not ${scanner.shown}.`, scanner.at);
  if (op !== '=' && op !== '!=') {
    throw new SyntaxFault(
      `"${name}" holds names, which "${op}" cannot compare.`,
      at,
      `Names have =, != and in; numbers are ${numericFields.join(' and ')}.`,
    );
  }
  return { kind: 'text', field, op, values: [takeText(scanner, `behind "${op}"`)] };
}

/** `where test and test`; empty if there is none. */
function takeWhere(scanner: Scanner): readonly TestNode[] {
  if (!scanner.takeKeyword('where')) return [];
  const tests = [takeTest(scanner)];
  while (scanner.takeKeyword('and')) tests.push(takeTest(scanner));
  if (scanner.peekName() === 'or') {
    throw new SyntaxFault('There is no "or".', scanner.at, 'Use in (a, b) for one field, or write two patterns.');
  }
  return tests;
}

/** The parenthesised names of a group, behind its "(". */
export function takeGroupList(scanner: Scanner): readonly NameNode[] {
  const names = [takeName(scanner, 'the name of a field')];
  while (scanner.take(',')) names.push(takeName(scanner, 'the name of a field'));
  scanner.expect(')', 'or "," behind the fields of the group');
  return names;
}

function unknownFunction(name: NameNode, first: boolean): SyntaxFault {
  const near = nearest(name.name, functions);
  const mend =
    hints[name.name.toLowerCase()] ??
    (near !== null
      ? `Did you mean "${near}"?`
      : `Measures are ${functions.join(', ')}${first ? `, or one of a group: ${name.name}.count` : ''}.`);
  return new SyntaxFault(`"${name.name}" is no measure.`, name.at, mend);
}

function takeSummed(
  scanner: Scanner,
  kind: 'sum' | 'avg',
  head: { readonly at: number; readonly group: readonly NameNode[] | null },
): MeasureNode {
  scanner.expect('(', `behind "${kind}"`);
  const field = takeName(scanner, `amount or weight in ${kind}()`);
  const { name } = field;
  if (!isNumericField(name)) {
    throw new SyntaxFault(`${kind}() needs a number, and "${name}" is none.`, field.at, suggest(name, numericFields, 'Numbers are'));
  }
  const where = takeWhere(scanner);
  scanner.expect(')', `to end ${kind}(${name}`);
  return { ...head, kind, of: name, where };
}

function takeCall(
  scanner: Scanner,
  kind: FunctionName,
  head: { readonly at: number; readonly group: readonly NameNode[] | null },
): MeasureNode {
  if (kind === 'sum' || kind === 'avg') return takeSummed(scanner, kind, head);
  if (kind === 'distinct') {
    scanner.expect('(', 'behind "distinct"');
    const of = takeName(scanner, 'the name of a field in distinct()');
    const where = takeWhere(scanner);
    scanner.expect(')', `to end distinct(${of.name}`);
    return { ...head, kind, of, where };
  }
  if (scanner.peekName() === 'where') {
    throw new SyntaxFault('A "where" stands in parentheses.', scanner.at, 'Write count(where ...).');
  }
  if (!scanner.take('(')) return { ...head, kind, where: [] };
  if (scanner.peekName() !== 'where') {
    const word = scanner.peekName();
    const mend = word === null ? 'Write count, or count(where ...).' : `Write count, distinct(${word}), or count(where ${word} = ...).`;
    throw new SyntaxFault(`Expected "where" in count(), not ${scanner.shown}.`, scanner.at, mend);
  }
  const where = takeWhere(scanner);
  scanner.expect(')', 'to end count(where ...');
  return { ...head, kind, where };
}

/** `[group "."] function`. */
export function takeMeasure(scanner: Scanner): MeasureNode {
  const { at } = scanner;
  if (scanner.take('(')) {
    const group = takeGroupList(scanner);
    scanner.expect('.', 'and a measure behind the group');
    const name = takeName(scanner, 'a measure (count, sum, avg, distinct)');
    if (!isFunction(name.name)) throw unknownFunction(name, false);
    return takeCall(scanner, name.name, { at, group });
  }
  const first = takeName(scanner, 'a measure (count, sum, avg, distinct)');
  if (scanner.take('.')) {
    const name = takeName(scanner, 'a measure (count, sum, avg, distinct)');
    if (!isFunction(name.name)) throw unknownFunction(name, false);
    return takeCall(scanner, name.name, { at, group: [first] });
  }
  if (!isFunction(first.name)) throw unknownFunction(first, true);
  return takeCall(scanner, first.name, { at, group: null });
}
