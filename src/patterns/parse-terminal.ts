/** The terminals that both halves of the parser read: comparisons, decimals, names of fields. */
import type { Comparison, Decimal } from '../core/layout.ts';
import type { NameNode } from './ast.ts';
import { maxDigits, parseDecimal, wholeDigits } from './decimal.ts';
import { type Scanner, SyntaxFault } from './scanner.ts';

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

/** One of the six comparisons; null (nothing taken) if no sign of that kind is next. */
export function takeComparison(scanner: Scanner): Comparison | null {
  const at = scanner.at;
  const signs = scanner.takeOperator();
  if (signs === null || isComparison(signs)) return signs;
  const meant = otherOperators[signs];
  throw new SyntaxFault(`"${signs}" is no comparison.`, at, meant === undefined ? 'There are < <= > >= = !=.' : `Write ${meant}.`);
}

/** A plain decimal of at most `most` digits before the point; white space behind it is left. */
export function takeDecimal(scanner: Scanner, most = maxDigits): { readonly value: Decimal; readonly text: string } | null {
  const at = scanner.at;
  const text = scanner.takeNumber();
  if (text === null) return null;
  const value = parseDecimal(text);
  if (value === null) {
    const plain = text.replaceAll('_', '');
    const mend = parseDecimal(plain) === null ? 'Write a plain decimal, as -12.50.' : `Write ${plain}.`;
    throw new SyntaxFault(`"${text}" is no number.`, at, mend);
  }
  if (wholeDigits(value) > most || value.digits > maxDigits) {
    throw new SyntaxFault(
      `The number ${text} has too many digits.`,
      at,
      `At most ${most} are possible before the point, and ${maxDigits} behind it.`,
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
