/** A pattern's conditions in their one spelling: what `parsePatterns` reads back to the same meaning, and prints the same again. */
import type { ConditionNode, MeasureNode, NameNode, TestNode } from './ast.ts';
import { canonicalCondition } from './canonical.ts';
import { printDecimal } from './decimal.ts';
import type { Pattern, PatternSource } from './pattern.ts';
import { isNameWord, isTextWord } from './scanner.ts';

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function printName(name: string): string {
  return isNameWord(name) ? name : quote(name);
}

export function printText(text: string): string {
  return isTextWord(text) ? text : quote(text);
}

function printGroup(group: readonly NameNode[]): string {
  const names = group.map((node) => printName(node.name)).join(', ');
  // A field named `all` in a rank would read as the word.
  return group.length === 1 && names !== 'all' ? names : `(${names})`;
}

export function printTest(test: TestNode): string {
  const name = printName(test.field.name);
  if (test.kind === 'number') return `${name} ${test.op} ${printDecimal(test.value)}`;
  const values = test.values.map(printText).join(', ');
  return test.op === 'in' ? `${name} in (${values})` : `${name} ${test.op} ${values}`;
}

function printWhere(tests: readonly TestNode[]): string {
  return tests.length === 0 ? '' : `where ${tests.map(printTest).join(' and ')}`;
}

/** A measure as it stands, group included. */
export function printMeasure(measure: MeasureNode): string {
  const prefix = measure.group === null ? '' : `${printGroup(measure.group)}.`;
  const where = printWhere(measure.where);
  if (measure.kind === 'count') return where === '' ? `${prefix}count` : `${prefix}count(${where})`;
  const of = measure.kind === 'distinct' ? printName(measure.of.name) : measure.of;
  return `${prefix}${measure.kind}(${where === '' ? of : `${of} ${where}`})`;
}

/** A condition as it stands. */
export function printCondition(node: ConditionNode): string {
  if (node.kind === 'rank') {
    const cohort = node.cohort.length === 0 ? 'all' : printGroup(node.cohort);
    return `${printMeasure(node.measure)} in ${node.direction} ${printDecimal(node.percent.value)}% of ${cohort}`;
  }
  const { right } = node;
  const value =
    right.kind === 'number'
      ? printDecimal(right.value)
      : right.kind === 'measure'
        ? printMeasure(right.measure)
        : `${printDecimal(right.percent.value)}% of ${printMeasure(right.measure)}`;
  return `${printMeasure(node.left)} ${node.op} ${value}`;
}

/** The pattern with every condition in its canonical spelling. */
export function print(pattern: Pattern): PatternSource {
  const { id, action, entity } = pattern;
  return { id, action, entity, when: pattern.conditions.map(({ node }) => printCondition(canonicalCondition(node, entity))) };
}
