import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compile } from '../../scripts/wasm.mjs';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';

const reading: Reading = { layout: presetLayout('none'), columns: {}, csv: { delimiter: ',', quote: '"' } };
const header = 'merchant,customer,gender,amount\n';

/** Reads a text as one part of the chunk in hand. */
function push(reader: ChunkReader, text: string): number {
  const part = reader.csv('x.csv');
  part.push(Buffer.from(text));
  expect(part.end()).toBeNull();
  return part.rows;
}

const sums = (reader: ChunkReader, rows: number): (bigint | undefined)[] => {
  const [pairs] = reader.take(rows).delta.grains;
  return Array.from({ length: pairs?.size ?? 0 }, (_, i) => pairs?.additive[1]?.big(i));
};

afterEach(() => vi.unstubAllGlobals());

test('the committed module is what its sources compile to', () => {
  expect(compile()).toBe(readFileSync(new URL('../../src/reader/wasm/binary.ts', import.meta.url), 'utf8'));
});

test('where there is no WebAssembly, rows are read in TypeScript', () => {
  vi.stubGlobal('WebAssembly', undefined);
  const reader = new ChunkReader(reading);
  const rows = push(reader, `${header}M,C,F,1.50\n`);
  expect(reader.aggregator.wasm).toBeNull();
  expect(sums(reader, rows)).toEqual([150n]);
});

describe('the state of a chunk', () => {
  test('is in WebAssembly, also of rows that are not regular', () => {
    const reader = new ChunkReader(reading);
    const rows = push(reader, `${header}M,C,F,1.50\n"M""","C\n",F,90071992547409.93\nM,C,F,2\n`);
    expect(reader.aggregator.wasm?.isEmpty).toBe(false);
    expect(sums(reader, rows)).toEqual([350n, 9007199254740993n]);
    expect(reader.aggregator.wasm?.isEmpty).toBe(true);
  });

  test('holds sums beyond 2^53, and moves before they could leave 64 bits', () => {
    const reader = new ChunkReader(reading);
    const largest = '999999999999999.99';
    const units = 99999999999999999n;
    const rows = push(reader, `${header}${`M,C,F,${largest}\n`.repeat(40)}M,D,F,1\n`);
    expect(reader.aggregator.wasm).not.toBeNull();
    expect(sums(reader, rows)).toEqual([40n * units, 100n]);
    const more = push(reader, `${header}${`M,C,F,${largest}\nM,C,F,-${largest}\n`.repeat(50)}M,C,F,-${largest}\nM,D,F,1\n`);
    expect(reader.aggregator.wasm).toBeNull();
    expect(sums(reader, more)).toEqual([-units, 100n]);
    expect(reader.aggregator.wasm).not.toBeNull();
  });

  test('moves before a row of another format, and is back for the next chunk', () => {
    const reader = new ChunkReader(reading);
    const rows = push(reader, `${header}M,C,F,1\n`);
    reader.aggregator.useColumns([1, 0, 2]);
    reader.aggregator.add(Buffer.from('CMF'), Int32Array.of(0, 1, 2), Int32Array.of(1, 2, 3), 7, 0, false);
    expect(reader.aggregator.wasm).toBeNull();
    const more = push(reader, `${header}M,C,F,1\nM,D,F,1\n`);
    expect(reader.aggregator.wasm).toBeNull();
    expect(sums(reader, rows + 1 + more)).toEqual([207n, 100n]);
    expect(reader.aggregator.wasm).not.toBeNull();
  });

  test('moves when the memory is full', () => {
    // Every instance shows what it exports, so that a test can take all its memory.
    let exports = {} as { readonly room: (bytes: number) => number; readonly memory: { readonly buffer: ArrayBuffer } };
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: Record<string, new (...args: unknown[]) => object> }).WebAssembly;
    function Shown(...args: unknown[]): object {
      const instance = new Instance!(...args) as { readonly exports: typeof exports };
      exports = instance.exports;
      return instance;
    }
    vi.stubGlobal('WebAssembly', { Module, Instance: Shown });
    const reader = new ChunkReader(reading);
    const part = reader.csv('x.csv');
    part.push(Buffer.from(header));
    for (let bytes = 2 ** 31; bytes >= 64; bytes /= 2) while (exports.room(bytes) !== 0);
    expect(exports.memory.buffer.byteLength).toBe(2 ** 32 - 65536);
    for (let i = 0; i < 20_000; i++) part.push(Buffer.from(`M,C${i % 15_000},F,1\n`));
    expect(part.end()).toBeNull();
    expect(reader.aggregator.wasm).toBeNull();
    expect(sums(reader, part.rows)).toEqual(Array.from({ length: 15_000 }, (_, i) => (i < 5000 ? 200n : 100n)));
    push(reader, `${header}M,C,F,1\n`);
    expect(exports.memory.buffer.byteLength).toBeLessThan(64 << 20);
  });

  test('is forgotten with the chunk, wherever it is', () => {
    const reader = new ChunkReader(reading);
    push(reader, `${header}M,C,F,1\n`);
    reader.clear();
    push(reader, `${header}M,C,F,1\n`);
    reader.aggregator.move();
    push(reader, `${header}M,C,F,1\n`);
    reader.clear();
    expect(sums(reader, push(reader, `${header}M,C,F,5\n`))).toEqual([500n]);
  });

  test('gives its memory back after a huge chunk', () => {
    const reader = new ChunkReader(reading);
    const rows = push(reader, header + Array.from({ length: 700_000 }, (_, i) => `M${i % 1000},C${i},F,1\n`).join(''));
    const large = reader.aggregator.wasm;
    expect(large?.isLarge).toBe(true);
    expect(sums(reader, rows)).toHaveLength(700_000);
    expect(sums(reader, push(reader, `${header}M,C,F,1\n`))).toEqual([100n]);
    expect(reader.aggregator.wasm).not.toBe(large);
    expect(reader.aggregator.wasm?.isLarge).toBe(false);
  });
});
