/** A pattern for people and as JSON. */
import { printable } from '../objects/key.ts';
import type { Pattern } from '../patterns/pattern.ts';

export function patternLines({ id, action, entity, conditions }: Pattern): string[] {
  return [`${printable(id)}: ${printable(action)} of ${entity.join(', ')}, when`, ...conditions.map(({ text }) => `  ${text}`)];
}

export function patternJson({ id, action, entity, conditions }: Pattern): string {
  return JSON.stringify({ id, action, entity, when: conditions.map(({ text }) => text) });
}
