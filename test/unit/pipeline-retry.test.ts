import { expect, test } from 'vitest';
import { retryPause } from '../../src/pipeline/run.ts';

const pauses = (name: string): number[] => Array.from({ length: 20 }, (_, i) => retryPause(name, i + 1));

test('a pause before a new life doubles up to 30 s, and is never less than half of that', () => {
  for (const [i, pause] of pauses('banksim').entries()) {
    const longest = Math.min(30_000, 200 * 2 ** i);
    expect(pause).toBeGreaterThanOrEqual(longest / 2);
    expect(pause).toBeLessThanOrEqual(longest);
  }
});

test('it is the same each time for one pipeline, and spread over the pipelines of one server', () => {
  expect(pauses('banksim')).toEqual(pauses('banksim'));
  const eighth = Array.from({ length: 100 }, (_, i) => retryPause(`pipeline ${i}`, 8));
  expect(new Set(eighth.map((pause) => Math.floor(pause / 1000))).size).toBeGreaterThan(8);
});
