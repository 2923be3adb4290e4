/** A pattern for people and as JSON: its conditions as written, each in plain words beside. */
import { printable } from '../objects/key.ts';
import type { Pattern } from '../patterns/pattern.ts';
import { describePattern } from '../patterns/words/words.ts';
import { pairs } from './table.ts';

export function patternLines(pattern: Pattern): string[] {
  const { id, action, entity, conditions } = pattern;
  const words = describePattern(pattern);
  const what = printable(`${id}: ${action} for ${words.entity} [${entity.join(', ')}], when`);
  // A long condition would push the words of all others out of sight.
  const isNarrow = conditions.every(({ text }) => text.length <= 60 && !text.includes('\n'));
  if (isNarrow) return [what, ...pairs(conditions.map(({ text }, i) => [printable(text), words.conditions[i] ?? ''] as const))];
  return [
    what,
    ...conditions.flatMap(({ text }, i) => [`  ${printable(text.replaceAll(/\s+/g, ' '))}`, `    ${words.conditions[i] ?? ''}`]),
  ];
}

export function patternJson(pattern: Pattern): string {
  const { id, action, entity, conditions } = pattern;
  return JSON.stringify({ id, action, entity, when: conditions.map(({ text }) => text), words: describePattern(pattern).text });
}
