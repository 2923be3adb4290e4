/** Recursive descent for measures and groups: the lower half of the grammar (DESIGN.md 3). */
import type { MeasureNode, NameNode } from './ast.ts';
import { isNumericField, numericFields } from './fields.ts';
import { nearest, suggest } from './nearest.ts';
import { takeName } from './parse-terminal.ts';
import { takeWhere } from './parse-where.ts';
import { type Scanner, SyntaxFault } from './scanner.ts';

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

function isFunction(name: string): name is FunctionName {
  return (functions as readonly string[]).includes(name);
}

/** The parenthesised names of a group, behind its "(". */
export function takeGroupList(scanner: Scanner): readonly NameNode[] {
  const names = [takeName(scanner, 'the name of a field')];
  while (scanner.take(',')) names.push(takeName(scanner, 'the name of a field'));
  scanner.expect(')', 'or "," behind the fields of the group');
  return names;
}

/** What to write instead of `name`, behind which `scanner` is; `first`: no group stands before it. */
function mendFunction({ name }: NameNode, first: boolean, scanner: Scanner): string {
  const measures = `Measures are ${functions.join(', ')}`;
  const { fields, groups } = scanner.names;
  if (!first || scanner.peek('(')) return `${measures}.`;
  const isTest = /^(?:=|!=|<>|\u2260|in(?!\s+(?:top|bottom)\b)\b)/.exec(scanner.rest);
  if (fields.includes(name) && isTest !== null) {
    return `Fields are tested in a where: count(where ${name} ${isTest[0] === 'in' ? 'in (...)' : `${isTest[0] === '=' ? '=' : '!='} ...`}) > 5, for example.`;
  }
  return groups.includes(name) ? `${measures}, or one of a group: ${name}.count.` : `${measures}.`;
}

function unknownFunction(name: NameNode, first: boolean, scanner: Scanner): SyntaxFault {
  const near = nearest(name.name, functions);
  const mend = hints[name.name.toLowerCase()] ?? (near !== null ? `Did you mean "${near}"?` : mendFunction(name, first, scanner));
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
    if (!isFunction(name.name)) throw unknownFunction(name, false, scanner);
    return takeCall(scanner, name.name, { at, group });
  }
  const first = takeName(scanner, 'a measure (count, sum, avg, distinct)');
  if (scanner.take('.')) {
    const name = takeName(scanner, 'a measure (count, sum, avg, distinct)');
    if (!isFunction(name.name)) throw unknownFunction(name, false, scanner);
    return takeCall(scanner, name.name, { at, group: [first] });
  }
  if (!isFunction(first.name)) throw unknownFunction(first, true, scanner);
  return takeCall(scanner, first.name, { at, group: null });
}
