import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import { discoverChunks, discoverWork } from '../../src/objects/discovery/discover.ts';
import type { Known } from '../../src/objects/discovery/merge-known.ts';
import { isSameChunk } from '../../src/objects/discovery/resolve-chunk.ts';
import { settled, settlesAt } from '../../src/objects/discovery/settled.ts';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { MemoryObjects } from '../helpers/objects-memory.ts';

const patience = { waitFor: 3_600_000, now: 5000 };

function place(...keys: string[]): MemoryObjects {
  const objects = new MemoryObjects();
  for (const key of keys) objects.set(key);
  return objects;
}

async function all(objects: MemoryObjects, exclude: readonly string[] = []) {
  const discovery = discoverChunks(objects, { ...patience, exclude });
  const chunks: ChunkVersion[] = [];
  for await (const page of discovery) chunks.push(...page);
  return { chunks, notChunks: discovery.notChunks };
}

async function* known(...lines: Known[]): AsyncGenerator<Known[]> {
  for (const line of lines) yield [line];
}
const asKnown = (chunk: ChunkVersion, outcome = 'applied'): Known => ({
  key: chunk.key,
  folder: chunk.folder,
  version: chunk.version,
  outcome,
});

async function work(objects: MemoryObjects, ...lines: Known[]) {
  return (await discoverWork(objects, known(...lines), patience)).work;
}

describe('discovery', () => {
  test('objects and folders, each once, in byte order, with what is neither counted and named', async () => {
    const objects = place(
      'b.csv',
      'a.csv/_SUCCESS',
      'a.csv/p1.csv',
      'a.csv/p0.csv',
      'a.csv-0.csv',
      'a.csv/sub/x.csv',
      'n.txt',
      '_x.csv',
      'a/.b/c.csv',
      'z.json',
      'y.json',
    );
    const { chunks, notChunks } = await all(objects);
    expect(chunks.map(({ key, folder, parts }) => [key, folder, parts.map((part) => part.key)])).toEqual([
      ['a.csv-0.csv', false, ['a.csv-0.csv']],
      ['a.csv', true, ['a.csv/p0.csv', 'a.csv/p1.csv']],
      ['b.csv', false, ['b.csv']],
    ]);
    expect(notChunks).toEqual({ count: 6, examples: ['_x.csv', 'a.csv/sub/x.csv', 'a/.b/c.csv', 'n.txt', 'y.json'] });
  });

  test('data that no committed marker names is counted and named', async () => {
    const objects = place('a.csv/p0.csv', 'a.csv/p1.csv');
    objects.set('a.csv/_committed_1', JSON.stringify({ added: ['p0.csv'], removed: [] }));
    const expected = { count: 1, examples: ['a.csv/p1.csv (named by no _committed_)'] };
    expect((await all(objects)).notChunks).toEqual(expected);
    expect((await discoverWork(objects, known(), patience)).notChunks).toEqual(expected);
  });

  test('a folder without parts and markers is no chunk', async () => {
    expect((await all(place('x.csv/sub/x.csv', 'x.csv/.p.crc', 'x.csv/_temporary/0/p.csv'))).chunks).toEqual([]);
  });

  test('the modification time is the newest of what a folder is made of', async () => {
    const objects = new MemoryObjects();
    objects.set('x.csv/p0.csv', '', 10);
    objects.set('x.csv/p1.csv', '', 30);
    objects.set('x.csv/_SUCCESS', '', 20);
    expect((await all(objects)).chunks[0]!.modified).toBe(30);
  });

  test('the version of a folder says when a part, its name or a marker is another', async () => {
    const version = async (objects: MemoryObjects): Promise<string> => (await all(objects)).chunks[0]!.version;
    const objects = place('x.csv/p0.csv', 'x.csv/_SUCCESS');
    const versions = [await version(objects)];
    expect(await version(objects)).toBe(versions[0]);
    for (const change of [
      () => objects.set('x.csv/p0.csv', 'other'),
      () => objects.set('x.csv/p1.csv'),
      () => objects.set('x.csv/_committed_1', '{"added":[],"removed":[]}'),
      () => objects.set('x.csv/_SUCCESS', 'again'),
      () => objects.remove('x.csv/_SUCCESS'),
    ]) {
      change();
      versions.push(await version(objects));
    }
    expect(new Set(versions).size).toBe(versions.length);
    objects.set('x.csv/notes.txt');
    objects.set('x.csv/sub/p.csv');
    expect(await version(objects), 'what is no part of it').toBe(versions.at(-1));
  });

  test('the version does not depend on where the folder lies', async () => {
    const objects = new MemoryObjects();
    objects.set('x.csv/_SUCCESS');
    const [chunk] = (await all(objects)).chunks;
    expect(chunk!.version).toMatch(/^[0-9a-f]{64}$/);
  });

  test('PROTOCOL 2.7: the reference is left out, object or folder, and not counted', async () => {
    const objects = place('ref.csv', 'ref2.csv/p.csv', 'ref2.csv/_SUCCESS', 'ref2.csv0.csv', 'ref.csv.csv');
    const { chunks, notChunks } = await all(objects, ['ref.csv', 'ref2.csv']);
    expect(chunks.map(({ key }) => key)).toEqual(['ref.csv.csv', 'ref2.csv0.csv']);
    expect(notChunks.count).toBe(0);
  });

  test('PROTOCOL 2.3: an object and a folder of one name are ambiguous, whatever lies between them', async () => {
    const objects = place('x.csv', 'x.csv-1.csv', 'x.csv-1.csv-2.csv', 'x.csv.gz', 'x.csv/p.csv', 'y.csv');
    const items = await work(objects);
    expect(items.map(({ chunk }) => [chunk.key, chunk.folder, chunk.state.kind])).toEqual([
      ['x.csv', true, 'ambiguous'],
      ['x.csv-1.csv', false, 'ready'],
      ['x.csv-1.csv-2.csv', false, 'ready'],
      ['x.csv.gz', false, 'ready'],
      ['y.csv', false, 'ready'],
    ]);
    expect(items[0]!.chunk.parts).toEqual([]);
    expect(objects.got).toEqual([]);
  });

  test('the version of an ambiguous chunk says when either changes', async () => {
    const objects = place('x.csv', 'x.csv/p.csv');
    const [before] = await work(objects);
    objects.set('x.csv', 'other');
    const [after] = await work(objects);
    expect(after!.chunk.version).not.toBe(before!.chunk.version);
    expect(await work(objects, asKnown(after!.chunk, 'quarantined'))).toEqual([]);
  });

  test('PROTOCOL 2.3: after the marker is seen the folder is listed again: a part that came meanwhile is there', async () => {
    const objects = place('x.csv/B.csv', 'x.csv/_SUCCESS');
    let passed = 0;
    // The page with B is done; its writer adds A, which sorts before it, and then the marker.
    objects.onPage = () => {
      if (++passed === 2) objects.set('x.csv/A.csv');
    };
    const { chunks } = await all(objects);
    expect(chunks[0]!.parts.map(({ key }) => key)).toEqual(['x.csv/A.csv', 'x.csv/B.csv']);
  });

  test('a folder that goes away between its two listings is no chunk', async () => {
    const objects = place('x.csv/B.csv', 'x.csv/_SUCCESS');
    objects.onPage = (under) => {
      if (under === '') return;
      objects.remove('x.csv/B.csv');
      objects.remove('x.csv/_SUCCESS');
    };
    expect((await all(objects)).chunks).toEqual([]);
  });

  test('committed markers are read', async () => {
    const objects = place('x.csv/p0.csv', 'x.csv/p1.csv');
    objects.set('x.csv/_committed_1', '{"added":["p1.csv"],"removed":[]}');
    const { chunks } = await all(objects);
    expect(chunks[0]!.parts.map(({ key }) => key)).toEqual(['x.csv/p1.csv']);
    expect(await isSameChunk(objects, chunks[0]!)).toBe(true);
    objects.set('x.csv/_started_2');
    expect(await isSameChunk(objects, chunks[0]!)).toBe(false);
  });

  test('a folder that is gone is no longer the same; an object answers for itself', async () => {
    const objects = place('x.csv/_SUCCESS', 'y.csv');
    const { chunks } = await all(objects);
    objects.remove('x.csv/_SUCCESS');
    expect(await Promise.all(chunks.map((chunk) => isSameChunk(objects, chunk)))).toEqual([false, true]);
  });
});

describe('what there is to do', () => {
  test('what is new, changed or waiting, in natural order, with what is known of it', async () => {
    const objects = place('c10.csv', 'c2.csv', 'new.csv', 'same.csv', 'w.csv/p.csv', 'done.csv/p.csv', 'done.csv/_SUCCESS');
    const before = (await all(objects)).chunks;
    const line = (key: string, outcome?: string): Known => asKnown(before.find((chunk) => chunk.key === key)!, outcome);
    objects.set('c10.csv', 'changed');
    objects.set('c2.csv', 'changed');
    objects.lists = 0;
    const lines = [
      line('c10.csv'),
      line('c2.csv', 'quarantined'),
      line('done.csv'),
      { ...line('same.csv'), key: 'gone.csv' },
      line('same.csv'),
      line('w.csv', 'waiting'),
    ];
    const items = await work(objects, ...lines);
    expect(items.map(({ chunk, known }) => [chunk.key, chunk.state.kind, known])).toEqual([
      ['c2.csv', 'ready', lines[1]],
      ['c10.csv', 'ready', lines[0]],
      ['new.csv', 'ready', null],
      ['w.csv', 'waiting', lines[5]],
    ]);
    expect(objects.lists, 'the folder that is known is not listed again').toBe(1);
  });

  test('a name that was an object and is a folder now, and the other way round, is the same key', async () => {
    const objects = place('x.csv/p.csv', 'x.csv/_SUCCESS', 'x.csv-1.csv', 'y.csv', 'y.csv-1.csv');
    const x: Known = { key: 'x.csv', folder: false, version: '1', outcome: 'applied' };
    const y: Known = { key: 'y.csv', folder: true, version: '1', outcome: 'applied' };
    const items = await work(objects, x, y);
    expect(items.map(({ chunk, known }) => [chunk.key, known])).toEqual([
      ['x.csv', x],
      ['x.csv-1.csv', null],
      ['y.csv', y],
      ['y.csv-1.csv', null],
    ]);
  });

  test('a folder beside an object that was applied is ambiguous, and knows of the object', async () => {
    const objects = place('x.csv');
    const [before] = await work(objects);
    const x = asKnown(before!.chunk);
    objects.set('x.csv/p.csv');
    expect((await work(objects, x)).map(({ chunk, known }) => [chunk.state.kind, known])).toEqual([['ambiguous', x]]);
  });

  test('known chunks that are not in byte order are a bug, not silently read again', async () => {
    const line = (key: string): Known => ({ key, folder: false, version: '1', outcome: 'applied' });
    await expect(work(place('a.csv'), line('b.csv'), line('a.csv'))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('both streams are closed when one fails', async () => {
    let closed = false;
    async function* lines(): AsyncGenerator<Known[]> {
      try {
        yield [{ key: 'a.csv', folder: false, version: '1', outcome: 'applied' }];
        yield [];
      } finally {
        closed = true;
      }
    }
    const objects = place('a.csv', 'b.csv');
    objects.onPage = () => {
      throw new Error('no network');
    };
    await expect(discoverWork(objects, lines(), patience)).rejects.toThrow('no network');
    expect(closed).toBe(true);
  });
});

describe('settling', () => {
  const rows: [string, modified: number, now: number, firstSeen: number, expected: boolean][] = [
    ['younger than settle', 9500, 10_000, 9600, false],
    ['just as old', 9000, 10_000, 10_000, true],
    ['in the future, just seen', 99_000, 10_000, 10_000, false],
    ['in the future, seen for as long as settle', 99_000, 10_000, 9000, true],
    ['in the future until a moment ago', 9900, 10_000, 5000, false],
    ['seen "later" than now (the clock went back)', 99_000, 10_000, 12_000, false],
  ];
  test.each(rows)('%s', (_, modified, now, firstSeen, expected) => expect(settled({ modified }, now, 1000, firstSeen)).toBe(expected));

  test('says when', () => {
    expect(settlesAt(9500, 10_000, 1000, 10_000)).toBe(10_500);
    expect(settlesAt(99_000, 10_000, 1000, 9800)).toBe(10_800);
  });

  test('settle 0 waits for nothing', () => {
    expect(settled({ modified: 10_000 }, 10_000, 0, 10_000)).toBe(true);
    expect(settled({ modified: 99_000 }, 10_000, 0, 10_000)).toBe(true);
  });
});

test('a folder on disk, as Spark and Databricks write it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tallyho-discovery-'));
  const write = (key: string, text: string, time: number): void => {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), text);
    utimesSync(join(root, key), time, time);
  };
  write('spark.csv/part-00000-a.csv', 'x', 100);
  write('spark.csv/.part-00000-a.csv.crc', 'x', 100);
  write('spark.csv/_SUCCESS', '', 101);
  write('bricks.csv/part-00000-tid-1.csv', 'x', 100);
  write('bricks.csv/_started_1', '', 99);
  write('bricks.csv/_committed_1', '{"added":["part-00000-tid-1.csv"],"removed":[]}', 101);
  write('bricks.csv/_started_2', '', 101.5);
  const objects = makeFileObjects({ root });
  const states = async (now: number) =>
    (await discoverWork(objects, known(), { waitFor: 3_600_000, now })).work.map(({ chunk }) => [
      chunk.key,
      chunk.state.kind,
      chunk.parts.length,
    ]);
  expect(await states(200_000)).toEqual([
    ['bricks.csv', 'waiting', 0],
    ['spark.csv', 'ready', 1],
  ]);
  expect(await states(3_701_500)).toEqual([
    ['bricks.csv', 'ready', 1],
    ['spark.csv', 'ready', 1],
  ]);
  rmSync(root, { recursive: true });
});
