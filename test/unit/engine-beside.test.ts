import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Beside } from '../../src/engine/local/beside.ts';
import { Blocks } from '../../src/engine/local/blocks.ts';
import { HashHere } from '../../src/engine/local/content-id.ts';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';
import { told } from '../helpers/told-delta.ts';

const reading: Reading = { layout: presetLayout('column'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
const some = Array.from({ length: 40 }, (_, i) => Buffer.alloc((i % 7) * 10_000 + 1, i));
const expected = createHash('sha256').update(Buffer.concat(some)).digest('hex');

function makeBeside(): { readonly blocks: Blocks; readonly beside: Beside } {
  const blocks = new Blocks();
  return { blocks, beside: new Beside('x.csv', reading, blocks) };
}

test('here: the SHA-256 of all blocks, which may be used again once they are taken', () => {
  const hash = new HashHere();
  const block = new Uint8Array(80_000);
  for (const bytes of some) {
    block.set(bytes);
    hash.update(block.subarray(0, bytes.length));
    block.fill(0xee);
  }
  expect(hash.digest()).toBe(expected);
});

test('beside: the SHA-256 of all blocks, of which those that are given back are used again', async () => {
  const { blocks, beside } = makeBeside();
  const used = new Set<ArrayBufferLike>();
  for (let round = 0; round < 3; round++) {
    for (const bytes of some) {
      const block = beside.share(bytes);
      used.add(block.buffer);
      await beside.update(block);
      beside.giveBack(block);
    }
  }
  expect(await beside.digest()).toBe(
    createHash('sha256')
      .update(Buffer.concat([...some, ...some, ...some]))
      .digest('hex'),
  );
  expect(await beside.pieces()).toBeNull();
  expect(used.size).toBeLessThan(120);
  expect(blocks.isShared(beside.share(some[0]!))).toBe(true);
  beside.close();
});

test('beside: no bytes at all', async () => {
  const { beside } = makeBeside();
  expect(await beside.digest()).toBe(createHash('sha256').digest('hex'));
  beside.close();
});

test('beside: one that is closed too early says so, and waits for nothing', async () => {
  const { beside } = makeBeside();
  beside.close();
  await expect(beside.digest()).rejects.toThrow('the thread beside has ended');
});

test('beside: pieces of blocks, of which some start behind what came before the header', async () => {
  const rows = Array.from({ length: 6000 }, (_, i) => `C${i % 97},M${i % 13},${i % 2 === 0 ? 'F' : 'M'},food,${i % 50}.${i % 10},1.5\n`);
  rows[4000] = 'C1,M1,F,food,none,1\n';
  const bytes = Buffer.from(`\ufeff\n\ncustomer,merchant,gender,category,amount,weight\n${rows.join('')}`);
  const alone = new ChunkReader(reading);
  const whole = alone.csv('x.csv');
  whole.push(bytes);
  expect(whole.end()).toBeNull();
  const all = alone.take(whole.rows);

  const { blocks, beside } = makeBeside();
  const reader = new ChunkReader(reading);
  const part = reader.csv('x.csv', beside);
  const size = 20_000;
  for (let p = 0; p < bytes.length; p += size) {
    const block = blocks.makeShared(Math.min(size, bytes.length - p));
    block.set(bytes.subarray(p, p + block.length));
    await beside.update(block);
    part.push(block);
    beside.giveBack(block);
  }
  expect(part.end()).toBeNull();
  const pieces = await beside.pieces();
  expect(pieces?.rows).toBeGreaterThan(100);
  reader.addPieces(part, pieces!);
  const joined = reader.take(part.rows + pieces!.rows);
  expect(joined.rows).toBe(6000);
  expect({ ...joined, delta: told(joined.delta) }).toEqual({ ...all, delta: told(all.delta) });
  expect(await beside.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
  beside.close();
});
