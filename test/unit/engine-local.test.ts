import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGzip, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { ReadResult, ReadTask } from '../../src/engine/engine.ts';
import { Blocks } from '../../src/engine/local/blocks.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { literal, ParquetFolder } from '../../src/engine/local/parquet/duckdb.ts';
import type { Objects } from '../../src/objects/objects.ts';
import { plain } from '../helpers/engine-contract-parts.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';
import { MemoryObjects } from '../helpers/engine-memory-objects.ts';
import { parquetOf } from '../helpers/engine-parquet.ts';
import { planOf, taskOf } from '../helpers/engine-world.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const plan = planOf(presetLayout('none'));
const csv = 'merchant,customer,gender,amount\nM,C,F,1\n';
const never = new AbortController().signal;

async function read(source: Objects, tasks: Iterable<ReadTask> | AsyncIterable<ReadTask>, stagingFolder?: string): Promise<ReadResult[]> {
  const engine = makeLocalEngine({ source, ...(stagingFolder === undefined ? {} : { stagingFolder }) });
  const results: ReadResult[] = [];
  try {
    for await (const result of engine.aggregate(tasks, plan, never)) results.push(result);
  } finally {
    await engine.close();
  }
  return results;
}

describe('reading ahead', () => {
  const many = (count: number): MemoryObjects =>
    new MemoryObjects(Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}.csv`, csv] as const)), 16);

  test('opens a few objects at once, in order, and closes them all', async () => {
    const objects = many(20);
    const tasks = Array.from({ length: 20 }, (_, i) => taskOf(objects.chunk(`${i}.csv`)));
    expect(await read(objects, tasks)).toHaveLength(20);
    expect(objects.reads).toEqual(tasks.map(({ chunk }) => chunk.key));
    expect(objects.mostOpen).toBeGreaterThan(1);
    expect(objects.mostOpen).toBeLessThanOrEqual(6);
    expect(objects.open).toBe(0);
  });

  test('ends when the results are not wanted any more', async () => {
    const objects = many(20);
    const engine = makeLocalEngine({ source: objects });
    let told = false;
    function* tasks(): Generator<ReadTask> {
      try {
        for (let i = 0; i < 20; i++) yield taskOf(objects.chunk(`${i}.csv`));
      } finally {
        told = true;
      }
    }
    for await (const { outcome } of engine.aggregate(tasks(), plan, never)) {
      expect(outcome.kind).toBe('rows');
      break;
    }
    await engine.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect({ open: objects.open, told }).toEqual({ open: 0, told: true });
    expect(objects.reads.length).toBeLessThan(20);
  });

  test('gives the results before a failure of the tasks, then the failure', async () => {
    const objects = many(3);
    function* tasks(): Generator<ReadTask> {
      yield taskOf(objects.chunk('0.csv'));
      yield taskOf(objects.chunk('1.csv'));
      throw new Error('no more tasks');
    }
    const results: ReadResult[] = [];
    const run = async (): Promise<void> => {
      for await (const result of makeLocalEngine({ source: objects }).aggregate(tasks(), plan, never)) results.push(result);
    };
    await expect(run()).rejects.toThrow('no more tasks');
    expect(results).toHaveLength(2);
    expect(objects.open).toBe(0);
  });
});

test('PROTOCOL 2.2: an object that changes while it is read has moved', async () => {
  const objects = new MemoryObjects({ '1.csv': csv.repeat(50), '2.csv': csv }, 64);
  const original = objects.read.bind(objects);
  objects.read = async function* (object, signal) {
    let blocks = 0;
    for await (const block of original(object, signal)) {
      yield block;
      if (object.key === '1.csv' && ++blocks === 3) objects.set('1.csv', csv);
    }
  };
  const results = await read(objects, [taskOf(objects.chunk('1.csv')), taskOf(objects.chunk('2.csv'))]);
  expect(results.map(({ outcome }) => outcome)).toMatchObject([
    { kind: 'moved', detail: '1.csv changed' },
    { kind: 'rows', rows: 1 },
  ]);
});

test('a source that cannot be read is a failure, not a fault of the chunk', async () => {
  const objects = new MemoryObjects({ '1.csv': csv });
  objects.read = async function* () {
    yield Buffer.from('merchant,');
    throw new TallyhoError('SOURCE_UNREADABLE', 'the bucket does not answer');
  };
  await expect(read(objects, [taskOf(objects.chunk('1.csv'))])).rejects.toThrow('the bucket does not answer');
});

describe('memory', () => {
  /** An object of rows that are made as they are read. */
  function endless(key: string, blocks: number, block: Buffer, pack: boolean): Objects {
    const objects = new MemoryObjects({ [key]: 'x' });
    objects.read = async function* () {
      const rows = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.from('merchant,customer,gender,amount,x\n');
        for (let i = 0; i < blocks; i++) {
          yield block;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      if (!pack) yield* rows();
      else {
        const gzip = createGzip({ level: 1 });
        void (async () => {
          for await (const rowsBlock of rows()) if (!gzip.write(rowsBlock)) await new Promise((resolve) => gzip.once('drain', resolve));
          gzip.end();
        })();
        yield* gzip as AsyncIterable<Buffer>;
      }
    };
    return objects;
  }

  test.each([
    ['an object of any size', 'x.csv', `M,C,F,1,${'x'.repeat(500)}\n`, 160, false],
    ['a packed one', 'x.csv.gz', `M,C,F,1,${'y'.repeat(500)}\nM,"C${'\n'.repeat(200)}",F,1,\n`, 120, true],
    ['one of a row without end', 'x.csv', 'x', 120, false],
  ])('is bounded for %s', async (_, key, rows, mebibytes, pack) => {
    const block = Buffer.from(rows.repeat(Math.ceil((1 << 20) / rows.length)));
    const objects = endless(key, mebibytes, block, pack);
    const chunk = { ...(objects as MemoryObjects).chunk(key) };
    const before = process.memoryUsage();
    let most = 0;
    const watch = setInterval(() => {
      const now = process.memoryUsage();
      most = Math.max(most, now.external + now.heapUsed);
    }, 20);
    const parts = chunk.parts.map((part) => ({ ...part, size: mebibytes << 20 }));
    const [result] = await read(objects, [taskOf({ ...chunk, parts })]);
    clearInterval(watch);
    expect(result?.outcome.kind).toBe('rows');
    expect(most - before.external - before.heapUsed).toBeLessThan(80 << 20);
  });
});

describe('Parquet', () => {
  test('PROTOCOL 2.4: is staged in a folder of the engine, which is empty between chunks and gone at the end', async () => {
    const staging = makeTempFolder('staging');
    try {
      const objects = new MemoryObjects({
        'evil=1/x*.parquet': await parquetOf("select 'M' as merchant, 'C' as customer, 'F' as gender, 1 as amount"),
        'y.parquet': 'broken',
      });
      const engine = makeLocalEngine({ source: objects, stagingFolder: join(staging, 'deeper') });
      const tasks = ['evil=1/x*.parquet', 'y.parquet'].map((key) => taskOf(objects.chunk(key)));
      const kinds: string[] = [];
      for await (const { outcome } of engine.aggregate(tasks, plan, never)) {
        kinds.push(outcome.kind);
        const [own = ''] = readdirSync(join(staging, 'deeper'));
        expect(readdirSync(join(staging, 'deeper', own))).toEqual([]);
      }
      expect(kinds).toEqual(['rows', 'fault']);
      await engine.close();
      expect(readdirSync(join(staging, 'deeper'))).toEqual([]);
    } finally {
      removeFolder(staging);
    }
  });

  test('that cannot be read is named by its key, not by where it is staged', async () => {
    const whole = await parquetOf("select 'M' as merchant, 'C' as customer, 'F' as gender, i as amount from range(5000) t(i)");
    const cut = Buffer.from(whole);
    cut.fill(0xff, 4, 400);
    const objects = new MemoryObjects({ 'a/cut.parquet': whole.subarray(0, -1), 'a/page.parquet': cut });
    const results = await read(
      objects,
      ['a/cut.parquet', 'a/page.parquet'].map((key) => taskOf(objects.chunk(key))),
    );
    for (const { outcome } of results) {
      const detail = outcome.kind === 'fault' ? outcome.fault.detail : '';
      expect(detail).toMatch(/^The Parquet file cannot be read: /);
      expect(detail).not.toContain('tallyho-parquet-');
    }
    expect(results[0]?.outcome).toMatchObject({ fault: { detail: expect.stringContaining('a/cut.parquet') as unknown } });
  });

  // Written by pyarrow, which has these types.
  test.each([
    ['half-float', 'FLOAT16'],
    ['decimal256', 'DECIMAL(50,2)'],
  ])('has its types told as they are: %s', async (name, type) => {
    const file = readFileSync(new URL(`../fixtures/parquet/${name}.parquet`, import.meta.url));
    const objects = new MemoryObjects({ 'x.parquet': file });
    const engine = makeLocalEngine({ source: objects });
    const bare = planOf(plain(2, 'none'));
    const details: string[] = [];
    for await (const { outcome } of engine.aggregate([taskOf(objects.chunk('x.parquet'))], bare, never)) {
      details.push(outcome.kind === 'fault' ? outcome.fault.detail : outcome.kind);
    }
    await engine.close();
    expect(details).toEqual([`The column "amount" is of type ${type}, which an amount or weight cannot be.`]);
  });

  test('PROTOCOL 2.4: is read by a DuckDB that can reach nothing but that folder', async () => {
    const outside = makeTempFolder('outside');
    const parquet = await ParquetFolder.make(undefined);
    const connection = await parquet.connect();
    try {
      const file = await parquetOf('select 1 as x');
      writeFileSync(join(outside, 'x.parquet'), file);
      const own = await parquet.path();
      writeFileSync(own, file);
      const rows = await connection.runAndReadAll(`select * from read_parquet(${literal(own)})`);
      expect(rows.getRows()).toEqual([[1]]);
      for (const statement of [
        `select * from read_parquet(${literal(join(outside, 'x.parquet'))})`,
        `select * from read_parquet(${literal(join(parquet.folder, '..', '*', 'x.parquet'))})`,
        `copy (select 1) to ${literal(join(outside, 'y.parquet'))}`,
        `attach ${literal(join(outside, 'z.db'))}`,
        'install httpfs',
        'load httpfs',
        'set enable_external_access = true',
        `set allowed_directories = ['/']`,
        'set lock_configuration = false',
      ]) {
        await expect(connection.run(statement), statement).rejects.toThrow();
      }
      expect(readdirSync(outside)).toEqual(['x.parquet']);
    } finally {
      connection.closeSync();
      await parquet.close();
      removeFolder(outside);
    }
    expect(existsSync(parquet.folder)).toBe(false);
  });

  test('staged by a process that was killed is removed a day later', async () => {
    const staging = makeTempFolder('staging');
    try {
      const folders = ['tallyho-parquet-aaaaaa', 'tallyho-parquet-bbbbbb', 'tallyho-parquet-of-somebody', 'other'].map((name) =>
        join(staging, name),
      );
      for (const folder of folders) {
        mkdirSync(folder);
        writeFileSync(join(folder, 'part-1.parquet'), 'x');
        if (!folder.endsWith('bbbbbb')) utimesSync(folder, 1, Date.now() / 1000 - 25 * 3600);
      }
      const parquet = await ParquetFolder.make(staging);
      expect(folders.map((folder) => existsSync(folder))).toEqual([false, true, true, true]);
      removeFolder(parquet.folder);
      writeFileSync(await parquet.path(), 'x');
      await parquet.close();
      expect(existsSync(parquet.folder)).toBe(false);
    } finally {
      removeFolder(staging);
    }
  });

  test('read twice at once is read twice', async () => {
    const objects = new MemoryObjects({
      'x.parquet': await parquetOf("select 'M' as merchant, 'C' || i as customer, 'F' as gender, i as amount from range(20000) t(i)"),
    });
    const engine = makeLocalEngine({ source: objects });
    const one = async (): Promise<unknown> => {
      for await (const { outcome } of engine.aggregate([taskOf(objects.chunk('x.parquet'))], plan, never))
        return outcome.kind === 'rows' && outcome.rows;
      return null;
    };
    expect(await Promise.all([one(), one(), one()])).toEqual([20_000, 20_000, 20_000]);
    await engine.close();
  });
});

test('a packed object that is broken stops nothing behind it', async () => {
  const objects = new MemoryObjects({ '1.csv.gz': gzipSync(csv.repeat(10_000)).subarray(0, 300), '2.csv.gz': gzipSync(csv) }, 10);
  const results = await read(
    objects,
    ['1.csv.gz', '2.csv.gz'].map((key) => taskOf(objects.chunk(key))),
  );
  expect(results.map(({ outcome }) => outcome.kind)).toEqual(['fault', 'rows']);
});

describe('blocks', () => {
  test('are used again once they are parsed', () => {
    const blocks = new Blocks();
    const first = blocks.make(100_000);
    const second = blocks.make(1 << 20);
    expect([first.length, second.length, first.buffer === second.buffer]).toEqual([100_000, 1 << 20, false]);
    blocks.giveBack(first);
    expect(blocks.make(200_000).buffer).toBe(first.buffer);
  });

  test('of others, and small or large ones, are left alone', () => {
    const blocks = new Blocks();
    const others = [new Uint8Array(1 << 20), Buffer.from('x'), blocks.make(1), blocks.make((1 << 20) + 1)];
    for (const block of others) blocks.giveBack(block);
    expect(others.map(({ buffer }) => buffer)).not.toContain(blocks.make(1 << 20).buffer);
  });

  test('in which packed bytes wait are not', async () => {
    const gzip = gzipSync(csv + Array.from({ length: 200_000 }, (_, i) => `M,C${Math.imul(i, 0x9e3779b1) >>> 0},F,1\n`).join(''), {
      level: 1,
    });
    const objects = new MemoryObjects({ '1.csv.gz': gzip, '2.csv.gz': gzip });
    const bytes = objects.read.bind(objects);
    const reading: Objects = objects;
    reading.read = async function* (object, signal, makeBlock) {
      for await (const block of bytes(object, signal)) {
        for (let p = 0; p < block.length; p += 100_000) {
          const piece = block.subarray(p, p + 100_000);
          const own = makeBlock?.(piece.length) ?? new Uint8Array(piece.length);
          own.set(piece);
          yield own;
        }
      }
    };
    const results = await read(
      objects,
      ['1.csv.gz', '2.csv.gz'].map((key) => taskOf(objects.chunk(key))),
    );
    expect(results.map(({ outcome }) => outcome.kind === 'rows' && outcome.rows)).toEqual([200_001, 200_001]);
  });
});
