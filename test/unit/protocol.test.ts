/** Each rule of the protocol has a test that names it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const tests = resolve(import.meta.dirname, '..');
// biome-ignore format: one section a line
const rules = [
  '1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.7',
  '2.1', '2.2', '2.3', '2.4', '2.5', '2.6', '2.7',
  '3.1', '3.2', '3.3', '3.4', '3.5', '3.6', '3.7', '3.8', '3.9',
  '4.1', '4.2', '4.3', '4.4', '4.5', '4.6',
  '5.1', '5.2', '5.3', '5.4',
  '6', '7',
];

test('each rule of the protocol is named by a test, and no test names one that is not there', () => {
  const named = new Set<string>();
  for (const file of readdirSync(tests, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    // A title or a heading of titles, not a comment.
    for (const [, list = ''] of readFileSync(join(tests, file), 'utf8').matchAll(
      /(?:test|describe)[^\n]*\(\s*['"`][^\n]*?PROTOCOL (\d(?:\.\d)?(?:, \d\.\d)*)/g,
    ))
      for (const rule of list.split(', ')) named.add(rule);
  }
  expect([...named].sort()).toEqual(rules);
});
