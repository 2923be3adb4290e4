/** Whether the tests of a `where` contradict each other, so that no row can pass them. */
import type { NumberTestNode, TestNode, TextTestNode } from './ast.ts';
import { compareDecimals } from './decimal.ts';

function contradictsTexts(tests: readonly TextTestNode[]): boolean {
  const refused = new Set(tests.flatMap((test) => (test.op === '!=' ? test.values : [])));
  const lists = tests.filter((test) => test.op !== '!=').map((test) => test.values);
  const [first] = lists;
  if (first === undefined) return false;
  return !first.some((value) => !refused.has(value) && lists.every((list) => list.includes(value)));
}

/** Two tests at a time suffice: a set of half-lines and points on a line is empty only if two of them are disjoint (or a point is refused). */
function contradictsNumbers(a: NumberTestNode, b: NumberTestNode): boolean {
  const order = compareDecimals(a.value, b.value);
  const [x, y] = [a.op, b.op];
  if (x === '=') {
    if (y === '=') return order !== 0;
    if (y === '!=') return order === 0;
    if (y === '<') return order >= 0;
    if (y === '<=') return order > 0;
    if (y === '>') return order <= 0;
    return order < 0;
  }
  const isLower = x === '>' || x === '>=';
  const isUpper = y === '<' || y === '<=';
  if (!isLower || !isUpper) return false;
  return order > 0 || (order === 0 && (x === '>' || y === '<'));
}

export function passesNothing(tests: readonly TestNode[]): boolean {
  const names = new Set(tests.map((test) => test.field.name));
  return [...names].some((name) => {
    const own = tests.filter((test) => test.field.name === name);
    const numbers = own.filter((test) => test.kind === 'number');
    const texts = own.filter((test) => test.kind === 'text');
    return contradictsTexts(texts) || numbers.some((a) => numbers.some((b) => contradictsNumbers(a, b)));
  });
}
