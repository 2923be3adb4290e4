import { expect, test } from 'vitest';
import { makeKnownLines } from '../../src/pipeline/known-lines.ts';
import type { KnownChunk } from '../../src/store/store.ts';

function line(key: string): KnownChunk {
  return {
    key,
    folder: false,
    position: 1,
    version: 'v',
    outcome: 'applied',
    contentId: null,
    inForce: null,
    inForceBytes: null,
    isFreed: false,
    reason: null,
  };
}

function world(keys: string[], most?: number) {
  let reads = 0;
  const lines = makeKnownLines(
    {
      async *known() {
        reads++;
        for (const key of keys) yield [line(key)];
      },
    },
    most,
  );
  const all = async (): Promise<string> => {
    const found: string[] = [];
    for await (const batch of lines.read()) found.push(...batch.map(({ key }) => key));
    return found.join('');
  };
  return { lines, all, reads: () => reads };
}

test('the ledger is read once, until it may have changed', async () => {
  const keys = ['a', 'b'];
  const { lines, all, reads } = world(keys);
  expect([await all(), await all(), reads()]).toEqual(['ab', 'ab', 1]);
  keys.push('c');
  lines.changed();
  expect([await all(), await all(), reads()]).toEqual(['abc', 'abc', 2]);
});

test('what was read while it changed is not kept, nor what was not read to its end', async () => {
  const { lines, all, reads } = world(['a', 'b']);
  for await (const _ of lines.read()) lines.changed();
  expect([await all(), reads()]).toEqual(['ab', 2]);
  lines.changed();
  for await (const _ of lines.read()) break;
  expect([await all(), reads()]).toEqual(['ab', 4]);
});

test('of too many lines none is kept', async () => {
  const { all, reads } = world(['a', 'b', 'c'], 2);
  expect([await all(), await all(), reads()]).toEqual(['abc', 'abc', 2]);
});
