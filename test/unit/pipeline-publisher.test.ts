import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PreparedPut, PutResult } from '../../src/objects/objects.ts';
import { makePublisher, pendingOf } from '../../src/pipeline/publisher.ts';
import type { PendingFile } from '../../src/store/store.ts';
import { makeEntry, makeFiles } from '../helpers/store-samples.ts';
import { memoryObjects } from '../helpers/pipeline-memory-sink.ts';

function file(sequence: number, name: string, ordinal: number, size = 10): PendingFile {
  const folder = `20261122T073000.123-${sequence}`;
  const bytes = Buffer.alloc(size, `${sequence} ${name} `);
  return {
    key: `${folder}/${name}`,
    folder,
    sequence,
    ordinal,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    incident: null,
  };
}

/** Evidence and detections of one entry, `n` files of each. */
function entryFiles(sequence: number, n = 1, size?: number): PendingFile[] {
  const numbers = Array.from({ length: n }, (_, i) => i + 1);
  const names = [...numbers.map((i) => `evidence-${i}.jsonl`), ...numbers.slice(1).map((i) => `detections-${i}.csv`), 'detections-1.csv'];
  return names.map((name, ordinal) => file(sequence, name, ordinal, size));
}

const short = (key: string): string => key.replace(/^.*-(\d+)\//, '$1/');
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function world(put: (key: string) => Promise<PutResult> = () => Promise.resolve('put')) {
  const puts: string[] = [];
  const marks: string[][] = [];
  const incidents: string[] = [];
  let underWay = 0;
  let most = 0;
  const publisher = makePublisher({
    sink: memoryObjects({
      async put(key) {
        puts.push(short(key));
        most = Math.max(most, ++underWay);
        try {
          await settled();
          return await put(key);
        } finally {
          underWay--;
        }
      },
    }),
    onPut: () => undefined,
    mark: async (keys) => void marks.push(keys.map(short)),
    markIncident: async (key) => void incidents.push(key),
    on: () => undefined,
  });
  return { publisher, puts, marks, incidents, underWay: () => underWay, most: () => most };
}

test('the files of an entry are pending by its sequence number, in its folder', () => {
  const pending = pendingOf(makeEntry({ sequence: 7, outcome: 'applied' }, { files: makeFiles(7, 1) }));
  expect(pending.map(({ sequence, folder, incident }) => [sequence, folder, incident])).toEqual([
    [7, '20261122T073000.123-7', null],
    [7, '20261122T073000.123-7', null],
  ]);
});

test('evidence, detections, and the first detections last; folder by folder', async () => {
  const { publisher, puts, marks } = world();
  publisher.add(entryFiles(1, 2));
  publisher.add([...entryFiles(2), ...entryFiles(5)]);
  await publisher.drain();
  expect(puts).toEqual([
    '1/evidence-1.jsonl',
    '1/evidence-2.jsonl',
    '1/detections-2.csv',
    '1/detections-1.csv',
    '2/evidence-1.jsonl',
    '2/detections-1.csv',
    '5/evidence-1.jsonl',
    '5/detections-1.csv',
  ]);
  expect(marks.flat()).toEqual(puts);
});

test('while evidence is put, what follows it is prepared; it is put with that, and what is left over is dropped', async () => {
  const log: string[] = [];
  const names = new Map<PreparedPut, string>();
  let isBad = false;
  const publisher = makePublisher({
    sink: memoryObjects({
      prepare(key) {
        const prepared: PreparedPut = { drop: async () => void (names.delete(prepared) && log.push(`drop ${short(key)}`)) };
        names.set(prepared, key);
        log.push(`prepare ${short(key)}`);
        return prepared;
      },
      async put(key, _bytes, _signal, prepared) {
        log.push(`put ${short(key)}`);
        await settled();
        if (isBad) return 'other';
        if (prepared !== undefined) {
          expect(names.get(prepared)).toBe(key);
          names.delete(prepared);
        }
        log.push(`has ${short(key)}${prepared === undefined ? '' : ', prepared'}`);
        return 'put';
      },
    }),
    onPut: () => undefined,
    mark: () => Promise.resolve(),
    markIncident: () => Promise.resolve(),
    on: () => undefined,
  });
  publisher.add(entryFiles(1));
  await publisher.drain();
  const [evidence, detections] = ['1/evidence-1.jsonl', '1/detections-1.csv'];
  expect(log).toEqual([`prepare ${detections}`, `put ${evidence}`, `has ${evidence}`, `put ${detections}`, `has ${detections}, prepared`]);
  log.length = 0;
  isBad = true;
  publisher.add(entryFiles(2));
  await publisher.drain();
  expect(log).toEqual(['prepare 2/detections-1.csv', 'put 2/evidence-1.jsonl', 'drop 2/detections-1.csv']);
  expect(names.size).toBe(0);
});

test('no more than 8 at one time, and no more than 500 are marked in one statement', async () => {
  const { publisher, puts, marks, most } = world();
  publisher.add(entryFiles(1, 800));
  await publisher.drain();
  expect(puts).toHaveLength(1600);
  expect(most()).toBe(8);
  expect(Math.max(...marks.map((keys) => keys.length))).toBeLessThanOrEqual(508);
  expect(new Set(marks.flat()).size).toBe(1600);
});

test('the rest of a folder may come later (a page of the store)', async () => {
  const { publisher, puts } = world();
  const files = entryFiles(1, 3);
  publisher.add(files.slice(0, 2));
  await publisher.drain();
  publisher.add(files.slice(2));
  await publisher.drain();
  expect(puts.at(-1)).toBe('1/detections-1.csv');
  expect(puts).toHaveLength(6);
});

describe('an incident', () => {
  test('holds up its file and the first detections of its folder, and nothing else', async () => {
    const { publisher, puts, marks, incidents } = world(async (key) => (key.endsWith('-1/evidence-2.jsonl') ? 'other' : 'put'));
    publisher.add([...entryFiles(1, 2), ...entryFiles(2)]);
    await publisher.drain();
    expect(puts).toEqual(['1/evidence-1.jsonl', '1/evidence-2.jsonl', '1/detections-2.csv', '2/evidence-1.jsonl', '2/detections-1.csv']);
    expect(marks.flat()).toEqual(puts.filter((key) => key !== '1/evidence-2.jsonl'));
    expect(incidents).toEqual(publisher.incidents);
    expect(publisher.incidents).toHaveLength(1);
  });

  test('of an earlier page holds up the first detections of a later one', async () => {
    const { publisher, puts } = world(async (key) => (key.endsWith('evidence-1.jsonl') ? 'other' : 'put'));
    const files = entryFiles(1, 2);
    publisher.add(files.slice(0, 2));
    await publisher.drain();
    publisher.add(files.slice(2));
    await publisher.drain();
    expect(puts).not.toContain('1/detections-1.csv');
  });

  test('of an earlier life is tried again', async () => {
    const { publisher, puts } = world(async () => 'same');
    publisher.add(entryFiles(1).map((pending) => ({ ...pending, incident: 'other bytes' })));
    await publisher.drain();
    expect(puts).toHaveLength(2);
  });
});

describe('a failure', () => {
  test('ends it: no further put begins, none stays under way, and everybody is told', async () => {
    const full = new Error('no room');
    const { publisher, puts, underWay, marks } = world((key) =>
      key.endsWith('evidence-5.jsonl') ? Promise.reject(full) : Promise.resolve('put'),
    );
    publisher.add(entryFiles(1, 100));
    await expect(publisher.drain()).rejects.toBe(full);
    expect(underWay()).toBe(0);
    const before = puts.length;
    expect(before).toBeLessThan(20);
    publisher.add(entryFiles(2));
    await expect(publisher.drain()).rejects.toBe(full);
    await expect(publisher.room()).rejects.toBe(full);
    await publisher.stop();
    expect(puts).toHaveLength(before);
    expect(marks).toEqual([]);
  });

  test('seen by nobody is no unhandled rejection', async () => {
    const { publisher } = world(() => Promise.reject(new Error('no room')));
    publisher.add(entryFiles(1));
    await publisher.stop();
  });
});

test('stopped, it begins no further put, waits for those under way, and marks them', async () => {
  const { publisher, puts, marks, underWay } = world();
  publisher.add(entryFiles(1, 100));
  await settled();
  await publisher.stop();
  expect(underWay()).toBe(0);
  expect(puts.length).toBeLessThan(100);
  expect(marks.flat().sort()).toEqual(puts.toSorted());
  publisher.add(entryFiles(2));
  await settled();
  expect(puts.some((key) => key.startsWith('2/'))).toBe(false);
});

test('who adds more than 64 MiB to a slow sink waits for it', async () => {
  let go = (): void => undefined;
  const blocked = new Promise<void>((resolve) => (go = resolve));
  const { publisher } = world(async () => {
    await blocked;
    return 'put';
  });
  publisher.add(entryFiles(1, 1, 20 << 20));
  await publisher.room();
  publisher.add(entryFiles(2, 1, 20 << 20));
  let hasRoom = false;
  const waiting = publisher.room().then(() => (hasRoom = true));
  await settled();
  expect(hasRoom).toBe(false);
  go();
  await waiting;
  await publisher.drain();
});
