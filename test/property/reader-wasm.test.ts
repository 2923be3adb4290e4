import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { files, longFiles, readings, runs } from '../helpers/engine-arbitrary.ts';
import { grain, presetLayout } from '../helpers/engine-layouts.ts';
import { told } from '../helpers/told-delta.ts';

// Both readers against the slow parser: reader.test.ts. Here one against the other, to the order of ids.

/** Reads pieces of a file; before piece number `moveAt` the state is moved, as if there was no room for more. */
function read(reader: ChunkReader, bytes: Uint8Array, blockBytes: number, moveAt = -1): unknown {
  const part = reader.csv('x.csv');
  for (let p = 0, piece = 0; p < bytes.length; p += blockBytes, piece++) {
    if (piece === moveAt) reader.aggregator.move();
    part.push(bytes.subarray(p, p + blockBytes));
  }
  const fault = part.end();
  if (fault !== null) {
    reader.clear();
    return fault;
  }
  const { rows, rejectedRows, rejected, delta } = reader.take(part.rows);
  return { rows, rejectedRows, rejected, delta: told(delta) };
}

const blocks = fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constantFrom(4096, 1 << 16, 1 << 20));

test('WebAssembly gives the delta that TypeScript gives, wherever the state moves', () => {
  const cases = readings.chain((reading) =>
    fc.tuple(fc.constant(reading), fc.array(files(reading), { minLength: 1, maxLength: 3 }), blocks, fc.integer({ min: -1, max: 9 })),
  );
  fc.assert(
    fc.property(cases, ([reading, chunks, blockBytes, moveAt]) => {
      const wasm = new ChunkReader(reading);
      const typescript = new ChunkReader(reading, 'typescript');
      for (const bytes of chunks) expect(read(wasm, bytes, blockBytes, moveAt)).toEqual(read(typescript, bytes, blockBytes));
    }),
    runs(1500),
  );
});

test('the same of long files', () => {
  const reading: Reading = { layout: presetLayout('column'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
  fc.assert(
    fc.property(longFiles, fc.integer({ min: 3000, max: 1 << 20 }), fc.integer({ min: -1, max: 40 }), (bytes, blockBytes, moveAt) => {
      const expected = read(new ChunkReader(reading, 'typescript'), bytes, blockBytes);
      expect(read(new ChunkReader(reading), bytes, blockBytes, moveAt)).toEqual(expected);
    }),
    runs(20),
  );
});

test('the same of many values of any length, in keys of any number of dimensions', () => {
  const dimensions = ['merchant', 'customer', 'category'].map((name) => ({ name, key: true }));
  const sums = [{ kind: 'sum' as const, of: 'amount' as const, filter: null }];
  const grains = [[0, 1], [2, 0, 1], [1], []].map((key, base) => grain(`g${base}`, key, sums, base));
  const layout = { ...presetLayout('none'), dimensions, filters: [], grains };
  const reading: Reading = { layout, columns: {}, csv: { delimiter: ',', quote: 'auto' } };
  const wasm = new ChunkReader(reading);
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 60_000 }),
      fc.constantFrom(2, 20, 260),
      fc.integer({ min: -1, max: 30 }),
      (seed, rows, longest, moveAt) => {
        let x = seed | 0;
        const random = (below: number): number => {
          x = (Math.imul(x, 1664525) + 1013904223) | 0;
          return Math.floor(((x >>> 0) / 2 ** 32) * below);
        };
        const value = (): string => String(random(1 << 20)).padStart(random(longest), 'ab');
        const lines = Array.from({ length: rows }, () => `${value()},${random(3000)},'${value()}',${random(100)}.5\n`);
        const bytes = Buffer.from(`merchant,customer,category,amount\n,',',1\n${lines.join('')}`);
        expect(read(wasm, bytes, 1 << 17, moveAt)).toEqual(read(new ChunkReader(reading, 'typescript'), bytes, 1 << 20));
      },
    ),
    runs(6),
  );
});

test('the same where most pairs of two dimensions occur, and then do not any more', () => {
  const dimensions = ['merchant', 'customer'].map((name) => ({ name, key: true }));
  const sums = [{ kind: 'sum' as const, of: 'amount' as const, filter: null }];
  const grains = [[0, 1], [1, 0], [1]].map((key, base) => grain(`g${base}`, key, sums, base));
  const layout = { ...presetLayout('none'), dimensions, filters: [], grains };
  const reading: Reading = { layout, columns: {}, csv: { delimiter: ',', quote: 'auto' } };
  const wasm = new ChunkReader(reading);
  // Merchants, customers and rows of each stretch: pairs are in a grid from the first on, which grows in either direction; then out of it, and in again.
  const stretches = [
    [
      [8, 1500, 40_000],
      [8, 4000, 40_000],
      [900, 50, 30_000],
    ],
    [
      [20, 1000, 30_000],
      [20_000, 20_000, 20_000],
      [4, 9, 1000],
    ],
    [[3, 700, 9000]],
    [
      [1, 20_000, 20_000],
      [12_000, 1, 12_000],
      [60, 600, 60_000],
    ],
  ];
  for (const [index, chunk] of [...stretches, ...stretches].entries()) {
    let x = index;
    const random = (below: number): number => {
      x = (Math.imul(x, 1664525) + 1013904223) | 0;
      return Math.floor(((x >>> 0) / 2 ** 32) * below);
    };
    const lines = chunk.flatMap(([merchants, customers, rows]) =>
      Array.from({ length: rows! }, () => `M${random(merchants!)},C${random(customers!)},${random(100)}.5\n`),
    );
    const bytes = Buffer.from(`merchant,customer,amount\n${lines.join('')}`);
    expect(read(wasm, bytes, 1 << 17)).toEqual(read(new ChunkReader(reading, 'typescript'), bytes, 1 << 20));
  }
});
