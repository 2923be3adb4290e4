/** Condition text -> syntax tree, or the first fault in it: the upper half of the grammar (DESIGN.md 3). */
import type { ConditionNode, MeasureNode, PercentNode, ValueNode } from './ast.ts';
import { compareDecimals, maxBoundDigits } from './decimal.ts';
import { nearest } from './nearest.ts';
import { takeGroupList, takeMeasure } from './parse-measure.ts';
import { takeComparison, takeDecimal, takeName } from './parse-terminal.ts';
import type { Fault } from './problem.ts';
import { type Names, Scanner, SyntaxFault } from './scanner.ts';

/** More decimals would not fit the integers in which ranks are compared. */
const maxPercentDigits = 6;
const zero = { units: '0', digits: 0 };
const hundred = { units: '100', digits: 0 };

/** A number, or a number with its sign (`10%`); null if no number is next. */
function takeNumberOrPercent(
  scanner: Scanner,
): (ValueNode & { readonly kind: 'number' }) | (PercentNode & { readonly kind: 'share' }) | null {
  const { at } = scanner;
  const number = takeDecimal(scanner, maxBoundDigits);
  if (number === null) return null;
  if (scanner.take('%')) {
    const percent = { at, value: number.value, text: number.text };
    checkPercent(percent);
    return { kind: 'share', ...percent };
  }
  if (scanner.skip() && scanner.peek('%')) {
    throw new SyntaxFault('The percent sign stands right behind its number.', scanner.at, `Write ${number.text}%.`);
  }
  return { kind: 'number', at, ...number };
}

function checkPercent({ value, text, at }: PercentNode): void {
  if (compareDecimals(value, zero) <= 0 || compareDecimals(value, hundred) > 0) {
    throw new SyntaxFault(`${text}% is out of range.`, at, 'A percentage is more than 0% and at most 100%.');
  }
  if (value.digits > maxPercentDigits) {
    throw new SyntaxFault(`${text}% has too many decimals.`, at, `At most ${maxPercentDigits} are possible.`);
  }
}

function takeValue(scanner: Scanner): ValueNode {
  const { at } = scanner;
  if (scanner.atEnd) throw new SyntaxFault('Expected a number, a measure or a percentage of one, not the end.', at);
  if (scanner.peek("'")) {
    const text = scanner.takeText() ?? '';
    const mend = /^[+-]?[0-9.]+$/.test(text) ? `Write ${text} without quotes.` : 'Texts are compared in a where: count(where gender = F).';
    throw new SyntaxFault('A measure is compared with a number or a measure, not with a text.', at, mend);
  }
  const number = takeNumberOrPercent(scanner);
  if (number === null) return { kind: 'measure', measure: takeMeasure(scanner) };
  if (number.kind === 'number') return number;
  const percent: PercentNode = { at: number.at, value: number.value, text: number.text };
  if (!scanner.takeKeyword('of')) {
    throw new SyntaxFault(
      `Expected "of" and a measure behind ${percent.text}%, not ${scanner.shown}.`,
      scanner.at,
      `Write ${percent.text}% of count, for example.`,
    );
  }
  const { at: measureAt, shown } = scanner;
  if (takeDecimal(scanner) !== null) {
    throw new SyntaxFault(
      `Expected a measure behind "of", not ${shown}.`,
      measureAt,
      `Write ${percent.text}% of count, for example, or the number alone.`,
    );
  }
  return { kind: 'percent', percent, measure: takeMeasure(scanner) };
}

function takeRank(scanner: Scanner, measure: MeasureNode): ConditionNode {
  const direction = takeName(scanner, '"top" or "bottom" behind "in"');
  if (direction.name !== 'top' && direction.name !== 'bottom') {
    const mend = `Did you mean "${nearest(direction.name, ['top', 'bottom']) ?? 'top'}"?`;
    throw new SyntaxFault(`Expected "top" or "bottom" behind "in", not "${direction.name}".`, direction.at, mend);
  }
  const { at } = scanner;
  const percent = takeNumberOrPercent(scanner);
  if (percent === null)
    throw new SyntaxFault(`Expected a percentage behind "${direction.name}", not ${scanner.shown}.`, at, 'Write 10%, for example.');
  if (percent.kind === 'number') {
    throw new SyntaxFault(`Expected a percentage behind "${direction.name}", not ${percent.text}.`, at, `Write ${percent.text}%.`);
  }
  if (!scanner.takeKeyword('of')) {
    throw new SyntaxFault(`Expected "of" and a group (or "all") behind ${percent.text}%, not ${scanner.shown}.`, scanner.at);
  }
  const cohortAt = scanner.at;
  const cohort = scanner.takeKeyword('all')
    ? []
    : scanner.take('(')
      ? takeGroupList(scanner)
      : [takeName(scanner, 'a group or "all" behind "of"')];
  const { value, text } = percent;
  return { kind: 'rank', measure, direction: direction.name, percent: { at: percent.at, value, text }, cohortAt, cohort };
}

function takeCondition(scanner: Scanner): ConditionNode {
  if (scanner.atEnd) throw new SyntaxFault('The condition is empty.', scanner.at, 'Write count > 5, for example.');
  const left = takeMeasure(scanner);
  if (scanner.takeKeyword('in')) return takeRank(scanner, left);
  const opAt = scanner.at;
  const op = takeComparison(scanner);
  if (op === null) {
    throw new SyntaxFault(
      `Expected a comparison (< <= > >= = !=) or "in top" or "in bottom" behind the measure, not ${scanner.shown}.`,
      opAt,
    );
  }
  return { kind: 'compare', left, op, opAt, right: takeValue(scanner) };
}

function assertEnd(scanner: Scanner): void {
  if (scanner.atEnd) return;
  const word = scanner.peekName();
  if (word === 'and')
    throw new SyntaxFault(
      'A condition says one thing.',
      scanner.at,
      'Make what follows "and" a condition of its own: all of them must hold.',
    );
  if (word === 'or') throw new SyntaxFault('There is no "or".', scanner.at, 'Write a second pattern.');
  throw new SyntaxFault(`Expected the end of the condition, not ${scanner.shown}.`, scanner.at);
}

export type ParsedCondition = { readonly node: ConditionNode; readonly fault: null } | { readonly node: null; readonly fault: Fault };

/** `names`: for better suggestions. */
export function parseCondition(text: string, names?: Names): ParsedCondition {
  const scanner = new Scanner(text, names);
  try {
    const node = takeCondition(scanner);
    assertEnd(scanner);
    return { node, fault: null };
  } catch (error) {
    if (error instanceof SyntaxFault) return { node: null, fault: error };
    throw error;
  }
}
