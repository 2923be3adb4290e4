import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { HashHere } from '../../src/engine/local/content-id.ts';
import { HashBeside } from '../../src/engine/local/hash-beside.ts';

const blocks = Array.from({ length: 40 }, (_, i) => Buffer.alloc((i % 7) * 10_000 + 1, i));
const expected = createHash('sha256').update(Buffer.concat(blocks)).digest('hex');

test.each([
  ['here', () => new HashHere()],
  ['beside', () => new HashBeside()],
])('%s: the SHA-256 of all blocks, which may be used again once they are taken', async (_, make) => {
  const hash = make();
  const block = new Uint8Array(80_000);
  for (const bytes of blocks) {
    block.set(bytes);
    await hash.update(block.subarray(0, bytes.length));
    block.fill(0xee);
  }
  expect(await hash.digest()).toBe(expected);
  hash.close();
});

test('beside: no bytes at all', async () => {
  const hash = new HashBeside();
  expect(await hash.digest()).toBe(createHash('sha256').digest('hex'));
  hash.close();
});

test('beside: one that is closed too early says so, and waits for nothing', async () => {
  const hash = new HashBeside();
  hash.close();
  await expect(hash.digest()).rejects.toThrow('the hashing thread has ended');
});
