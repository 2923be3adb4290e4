/** `where`: tests of fields, all of which must hold. */
import type { TestNode } from './ast.ts';
import { isNumericField, numericFields } from './fields.ts';
import { takeComparison, takeDecimal, takeName } from './parse-terminal.ts';
import { type Scanner, SyntaxFault } from './scanner.ts';
import { isStorable } from './storable.ts';

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
export function takeWhere(scanner: Scanner): readonly TestNode[] {
  if (!scanner.takeKeyword('where')) return [];
  const tests = [takeTest(scanner)];
  while (scanner.takeKeyword('and')) tests.push(takeTest(scanner));
  if (scanner.peekName() === 'or') {
    throw new SyntaxFault('There is no "or".', scanner.at, 'Use in (a, b) for one field, or write two patterns.');
  }
  return tests;
}
