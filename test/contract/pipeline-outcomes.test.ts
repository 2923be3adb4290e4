/** What becomes of each version of a chunk, and what the ledger says of it. */
import { mkdirSync, readFileSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { ObjectInfo } from '../../src/objects/objects.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { realTime, type Time } from '../../src/pipeline/time.ts';
import { csv, type Run, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, expectInForce } = useWorld();

/** Three rows; the last has no customer. */
const one = csv('M1 C1 1', 'M1 C2 1', 'M1  1');
const two = csv('M2 C1 1');
const three = csv('M3 C1 1');

describe('duplicate', () => {
  test('PROTOCOL 2.1: of a chunk of an earlier run, of the same commit, and of a duplicate: the rows of the original, and none listed', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('b.csv', one);
    world.put('c.csv', two);
    world.put('d.csv', two);
    world.put('e.csv', two);
    const summary = await world.run({ commitChunks: 64 });
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'b.csv duplicate 3',
      'c.csv applied 2 1',
      'd.csv duplicate 1',
      'e.csv duplicate 1',
    ]);
    const [, b] = await world.lines();
    expect(b).toMatchObject({ applied: 0, quarantined: 0, notCounted: 3, detail: expect.stringContaining('a.csv') as string });
    const rejected: string[] = [];
    for await (const rows of world.store.rejected()) rejected.push(...rows.map(({ object }) => object));
    expect(rejected).toEqual(['a.csv']);
    expect(summary).toMatchObject({ outcomes: { applied: 1, duplicate: 3 }, rows: 6, quarantinedRows: 0 });
    await expectInForce({ 'a.csv': one, 'c.csv': two });
  });

  test('of what is evaluated and not committed yet, while earlier commits are under way', async () => {
    for (let i = 0; i < 30; i++) {
      world.put(`a${i}.csv`, csv(`M${i} C1 1`));
      world.put(`b${i}.csv`, csv(`M${i} C1 1`));
    }
    await world.run({
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async commit(request) {
            await sleep(15);
            await writer.commit(request);
          },
        })),
      }),
    });
    const outcomes = (await world.lines()).map(({ outcome }) => outcome);
    expect(outcomes).toEqual([...Array.from({ length: 30 }, () => 'applied'), ...Array.from({ length: 30 }, () => 'duplicate')]);
  });

  test('is told by the bytes alone, whatever the kind of the name', async () => {
    world.put('a.csv', one);
    // Broken as what its name says.
    world.put('b.csv.gz', one);
    world.put('c.parquet', one);
    // Other bytes with the same rows.
    world.put('d.csv.gz', gzipSync(one));
    world.put('e.csv', gzipSync(one));
    await world.run();
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'b.csv.gz duplicate 3',
      'c.parquet duplicate 3',
      'd.csv.gz applied 2 3',
      'e.csv duplicate 3',
    ]);
  });

  test('PROTOCOL 2.1: of folders: by the bytes of the parts in their order, names apart; never of an object', async () => {
    for (const [folder, part] of [
      ['a.csv', 'part-1.csv'],
      ['b.csv', 'other.csv'],
    ] as const) {
      world.put(`${folder}/${part}`, one);
      world.put(`${folder}/_SUCCESS`, '');
    }
    world.put('c.csv', one);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 3', 'b.csv/ duplicate 3', 'c.csv applied 2 3']);
  });

  test('is evaluated afresh when its bytes change, and is no original for others', async () => {
    world.put('a.csv', one);
    world.put('b.csv', one);
    await world.run();
    world.put('b.csv', two);
    world.put('c.csv', one);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv duplicate 3', 'b.csv applied 2 1', 'c.csv duplicate 3']);
    expect((await world.lines())[3]?.detail).toContain('a.csv');
  });

  test('stays one though the original is deleted or changed', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', two);
    world.put('b.csv', one);
    await world.run();
    world.remove('a.csv');
    world.put('c.csv', one);
    world.put('d.csv', two);
    await world.run();
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'a.csv changed 0',
      'b.csv duplicate 3',
      'c.csv duplicate 3',
      'd.csv applied 2 1',
    ]);
  });

  test('PROTOCOL 2.1: is applied with onDuplicate: apply', async () => {
    world.put('a.csv', one);
    world.put('b.csv', one);
    await world.run({ input: { onDuplicate: 'apply' } });
    world.put('c.csv', one);
    await world.run({ input: { onDuplicate: 'apply' } });
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv applied 2 3', 'c.csv applied 3 3']);
    world.put('d.csv', one);
    await world.run();
    expect((await world.ledger())[3]).toBe('d.csv duplicate 3');
  });
});

describe('changed', () => {
  test('other bytes under an applied name are told once, and what was applied stays in force', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', two);
    expect(await world.run()).toMatchObject({ outcomes: { changed: 1 }, rows: 0, grew: [] });
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv changed 0']);
    await expectInForce({ 'a.csv': one });
  });

  test('twice is two lines, and back to what was applied is none', async () => {
    world.put('a.csv', one);
    await world.run();
    for (const text of [two, three, one]) {
      world.put('a.csv', text);
      await world.run();
    }
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv changed 0', 'a.csv changed 0']);
    let reads = 0;
    await world.run({ change: ({ source }) => countingReads(source, () => reads++) });
    expect(reads).toBe(0);
    world.put('a.csv', csv('M7 C1 1'));
    await world.run();
    expect((await world.ledger())[3]).toBe('a.csv changed 0');
  });

  test('PROTOCOL 2.1: wins over duplicate, also against a chunk of the same commit', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run();
    world.put('b.csv', one);
    world.put('a.csv', three);
    world.put('0.csv', three);
    await world.run({ commitChunks: 64 });
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'b.csv applied 2 1',
      '0.csv applied 3 1',
      'a.csv changed 0',
      'b.csv changed 0',
    ]);
  });

  test('is not parsed: broken bytes are changed bytes', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', 'no,such,header\n');
    await world.run();
    world.put('a.csv', '');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv changed 0', 'a.csv changed 0']);
  });

  test('a touched file is read once more, and nothing is told', async () => {
    world.put('a.csv', one);
    world.put('b.csv', 'no,such,header\n');
    await world.run();
    const past = new Date(Date.now() - 30_000);
    for (const key of ['a.csv', 'b.csv']) utimesSync(join(world.source, key), past, past);
    const reads: string[] = [];
    const run: Run = { change: ({ source }) => countingReads(source, ({ key }) => reads.push(key)) };
    expect(await world.run(run)).toMatchObject({ outcomes: {} });
    await world.run(run);
    expect(reads).toEqual(['a.csv', 'b.csv']);
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv quarantined 0 bad_header']);
  });

  test('PROTOCOL 2.2: that only gained rows has grown, and the run says so', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', `${one}M1,C9,1,,\n`);
    const summary = await world.run();
    expect(summary.grew).toEqual(['a.csv']);
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv changed 0 grew']);
    // Until it is mended or gone, each run says so.
    expect(await world.run()).toMatchObject({ grew: ['a.csv'], outcomes: {} });
    world.put('a.csv', `${one}M1,C9,1,,\nM1,C9,1,,\n`);
    expect((await world.run()).grew).toEqual(['a.csv']);
    world.remove('a.csv');
    expect((await world.run()).grew).toEqual([]);
    world.put('a.csv', `${one}M1,C9,1,,\nM1,C9,1,,\n`);
    expect((await world.run()).grew).toEqual(['a.csv']);
    world.put('a.csv', one);
    expect((await world.run()).grew).toEqual([]);
    world.put('a.csv', one.slice(0, -3));
    expect((await world.run()).grew).toEqual([]);
    await expectInForce({ 'a.csv': one });
  });
});

describe('waiting', () => {
  test('is replaced in place by what follows, and keeps its place in the ledger', async () => {
    world.put('a.csv/part-1.csv', one);
    world.put('b.csv', two);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ waiting 0', 'b.csv applied 1 1']);
    const [before] = await world.lines();
    expect(before?.detail).toContain('_SUCCESS');
    world.put('a.csv/_SUCCESS', '');
    world.put('c.csv', three);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 2 3', 'b.csv applied 1 1', 'c.csv applied 3 1']);
    expect((await world.lines())[0]?.position).toBe(before?.position);
  });

  test('is told once while nothing changes, and again in place when it does', async () => {
    world.put('a.csv/part-1.csv', one);
    expect(await world.run()).toMatchObject({ outcomes: { waiting: 1 } });
    expect(await world.run()).toMatchObject({ outcomes: {} });
    world.put('a.csv/part-2.csv', two);
    expect(await world.run()).toMatchObject({ outcomes: { waiting: 1 } });
    world.put('a.csv/_committed_1', '{"added":["part-1.csv","part-3.csv"],"removed":[]}');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ waiting 0']);
    expect((await world.lines())[0]?.detail).toContain('part-3.csv');
  });

  test.each([
    ['a duplicate', one, 'duplicate 3'],
    ['empty', '', 'empty 0'],
    ['quarantined', 'x\n1\n', 'quarantined 0 bad_header'],
  ])('becomes %s in place too', async (_, text, outcome) => {
    world.put('0.csv/part-1.csv', one);
    world.put('0.csv/_SUCCESS', '');
    world.put('a.csv/part-1.csv', text);
    await world.run();
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    await world.run();
    expect(await world.ledger()).toEqual(['0.csv/ applied 1 3', `a.csv/ ${outcome}`]);
  });

  test('PROTOCOL 2.3: by what `_committed_` names, `_SUCCESS` or not', async () => {
    world.put('a.csv/part-1.csv', one);
    world.put('a.csv/part-2.csv', two);
    world.put('a.csv/_SUCCESS', '');
    world.put('a.csv/_committed_7', '{"added":["part-2.csv","part-3.csv"],"removed":["part-3.csv"]}');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 1']);
    await expectInForce({ 'x.csv': two });
  });

  test('PROTOCOL 2.3: a started write that is unanswered for longer than `waitFor` is ignored, and told', async () => {
    world.put('a.csv/part-1.csv', one);
    world.put('a.csv/_committed_1', '{"added":["part-1.csv"],"removed":[]}');
    world.put('a.csv/_started_2', '');
    const past = Date.now() / 1000 - 100;
    utimesSync(join(world.source, 'a.csv/_committed_1'), past - 100, past - 100);
    utimesSync(join(world.source, 'a.csv/_started_2'), past, past);
    await world.run({ input: { waitForMs: 3_600_000 } });
    expect(await world.ledger()).toEqual(['a.csv/ waiting 0']);
    await world.run({ input: { waitForMs: 50_000 } });
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 3']);
    const [line] = await world.lines();
    expect(line?.detail).toContain('_started_2 unanswered for too long');
  });

  test('a folder in force that is written anew is left as it stands until it is complete; the same bytes are no news', async () => {
    world.put('a.csv/part-1.csv', one);
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    world.remove('a.csv/_SUCCESS');
    expect(await world.run()).toMatchObject({ outcomes: {} });
    world.put('a.csv/_SUCCESS', 'again');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 3']);
    let reads = 0;
    await world.run({ change: ({ source }) => countingReads(source, () => reads++) });
    expect(reads).toBe(0);
    world.remove('a.csv/_SUCCESS');
    await world.run();
    world.put('a.csv/part-1.csv', two);
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 3', 'a.csv/ changed 0']);
  });

  test('a quarantined folder that is mended waits, and is evaluated afresh', async () => {
    world.put('a.csv/part-1.csv', 'x\n');
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    world.remove('a.csv/_SUCCESS');
    world.put('a.csv/part-1.csv', one);
    await world.run();
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ quarantined 0 bad_header', 'a.csv/ applied 1 3']);
  });
});

describe('quarantined', () => {
  const bad = csv('M1 C1 x', 'M1 C1 y', 'M1 C1 1');

  test('and mended under the same name is a new version', async () => {
    world.put('a.csv', bad);
    world.put('b.csv', 'x\n1\n');
    world.put('c.csv', two);
    const spent: Run = { patterns: [{ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 0'] }] };
    await world.run(spent);
    expect(await world.ledger()).toEqual(['a.csv quarantined 3 too_many_bad_rows', 'b.csv quarantined 0 bad_header', 'c.csv applied 1 1']);
    world.put('a.csv', one);
    world.put('b.csv', three);
    await world.run(spent);
    expect((await world.ledger()).slice(3)).toEqual(['a.csv applied 2 3', 'b.csv applied 3 1']);
  });

  const renamed = (text: string): string => text.replace('merchant', 'shop');

  test('by settings is read afresh when they are mended: a line of its own', async () => {
    world.put('a.csv', renamed(one));
    world.put('b.csv', renamed(two));
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv quarantined 0 bad_header', 'b.csv quarantined 0 bad_header']);
    const mended: Run = { input: { columns: { merchant: 'shop' } } };
    await world.run(mended);
    await world.run(mended);
    expect((await world.ledger()).slice(2)).toEqual(['a.csv applied 1 3', 'b.csv applied 2 1']);
    expect((await world.statistics())['merchant_customer']).toHaveLength(3);
  });

  test('again under other settings says so only if it says something else', async () => {
    world.put('a.csv', bad);
    const spent: Run = { patterns: [{ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 0'] }] };
    await world.run(spent);
    const reads: string[] = [];
    const counting = (run: Run): Run => ({ ...run, change: ({ source }) => countingReads(source, ({ key }) => reads.push(key)) });
    const other: Run = { ...spent, input: { columns: { gender: 'sex' } } };
    await world.run(counting(other));
    await world.run(counting(other));
    expect(reads).toEqual(['a.csv']);
    expect(await world.ledger()).toEqual(['a.csv quarantined 3 too_many_bad_rows']);
    await world.run({ ...spent, input: { csv: { delimiter: ';', quote: 'auto' } } });
    expect((await world.ledger()).slice(1)).toEqual(['a.csv quarantined 0 bad_header']);
    await world.run({ ...spent, input: { maxBadRows: { units: 70n, digits: 0 } } });
    expect((await world.ledger()).slice(2)).toEqual(['a.csv applied 1 3']);
  });

  test('stays out of it for good once its name is applied', async () => {
    world.put('a.csv', bad);
    await world.run({ patterns: [{ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 0'] }] });
    world.put('a.csv', one);
    const spent: Run = { patterns: [{ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 0'] }] };
    await world.run(spent);
    world.put('a.csv', bad);
    await world.run({ ...spent, input: { maxBadRows: { units: 70n, digits: 0 } } });
    await world.run({ ...spent, input: { maxBadRows: { units: 80n, digits: 0 } } });
    expect((await world.ledger()).slice(1)).toEqual(['a.csv applied 1 3', 'a.csv changed 0']);
  });
});

describe('empty', () => {
  test('is a header without rows, no bytes at all, and a folder without parts; later bytes count', async () => {
    world.put('a.csv', csv());
    world.put('b.csv', '');
    world.put('c.csv/_SUCCESS', '');
    world.put('d.csv', '');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv empty 0', 'b.csv empty 0', 'c.csv/ empty 0', 'd.csv empty 0']);
    world.put('b.csv', one);
    await world.run();
    expect((await world.ledger()).slice(4)).toEqual(['b.csv applied 1 3']);
  });
});

describe('a chunk that arrives late', () => {
  test('gets the next number, and its detections are those of its arrival; late ones among themselves keep their order', async () => {
    world.put('chunk_9.csv', csv('M1 C1 1'));
    world.put('chunk_10.csv', csv('M1 C2 1'));
    await world.run();
    world.put('chunk_2.csv', csv('M1 C1 2'));
    world.put('chunk_11.csv', csv('M2 C1 1'));
    world.put('chunk_1.csv', csv('M1 C2 2'));
    await world.run();
    expect(await world.ledger()).toEqual([
      'chunk_9.csv applied 1 1',
      'chunk_10.csv applied 2 1',
      'chunk_1.csv applied 3 1',
      'chunk_2.csv applied 4 1',
      'chunk_11.csv applied 5 1',
    ]);
    expect(await world.detections()).toEqual(['2 Busy M1', '3 Twice M1 C2', '4 Twice M1 C1']);
  });
});

describe('a chunk that cannot be read', () => {
  test.each([
    ['of a gzip that was cut off', 'a.csv.gz', gzipSync(csv('M1 C1 1')).subarray(0, -5), gzipSync(csv('M1 C1 1'))],
    [
      'of a gzip with other bytes behind it',
      'a.csv.gz',
      Buffer.concat([gzipSync(csv('M1 C1 1')), Buffer.from('x')]),
      gzipSync(csv('M1 C1 1')),
    ],
    ['of bytes that are no gzip', 'a.csv.gz', Buffer.from('PK'), gzipSync(csv('M1 C1 1'))],
  ])('%s is quarantined, and counts once it is repaired', async (_, key, broken, repaired) => {
    world.put(key, broken);
    world.put('b.csv', two);
    await world.run();
    await world.run();
    world.put(key, repaired);
    await world.run();
    expect(await world.ledger()).toEqual([`${key} quarantined 0 unreadable`, 'b.csv applied 1 1', `${key} applied 2 1`]);
    await expectInForce({ 'a.csv': csv('M1 C1 1'), 'b.csv': two });
  });
});

describe('a name that changes its kind', () => {
  const folder = (key: string, text: string): void => {
    world.put(`${key}/part-1.csv`, text);
    world.put(`${key}/_SUCCESS`, '');
  };

  test('from an object to a folder and on is changed, however often; only what was applied first counts', async () => {
    world.put('a.csv', one);
    await world.run();
    world.remove('a.csv');
    folder('a.csv', two);
    await world.run();
    world.put('a.csv/part-1.csv', three);
    await world.run();
    world.remove('a.csv');
    world.put('a.csv', one);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv/ changed 0', 'a.csv/ changed 0']);
    await expectInForce({ 'a.csv': one });
  });

  test('from a folder to an object likewise', async () => {
    folder('a.csv', one);
    await world.run();
    world.remove('a.csv');
    world.put('a.csv', two);
    await world.run();
    world.put('a.csv', three);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 3', 'a.csv changed 0', 'a.csv changed 0']);
    await expectInForce({ 'a.csv': one });
  });

  test('while the folder waits: the object is a line of its own', async () => {
    world.put('a.csv/part-1.csv', one);
    await world.run();
    world.remove('a.csv');
    world.put('a.csv', two);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv/ waiting 0', 'a.csv applied 1 1']);
  });

  test('of an applied object into a folder that waits: nothing is told until it is complete', async () => {
    world.put('a.csv', one);
    await world.run();
    world.remove('a.csv');
    world.put('a.csv/part-1.csv', two);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3']);
    world.put('a.csv/_SUCCESS', '');
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv/ changed 0']);
  });
});

describe('onBadChunk: halt', () => {
  const halt: Run = { input: { onBadChunk: 'halt' } };

  test('stops after committing, publishing and folding what came before, and again at each start', async () => {
    world.put('a.csv', csv('M1 C1 1', 'M1 C1 1'));
    world.put('b.csv', 'x\n1\n');
    world.put('c.csv', two);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED', message: expect.stringContaining('b.csv') as string });
    expect(await world.ledger()).toEqual(['a.csv applied 1 2', 'b.csv quarantined 0 bad_header']);
    expect(world.output().size).toBe(2);
    expect(await world.store.pipeline()).toMatchObject({ lastSequence: 1, foldedSequence: 1, held: false });
    world.put('0.csv', three);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED', message: expect.stringContaining('b.csv') as string });
    expect(await world.ledger()).toHaveLength(2);
  });

  test('a touch does not mend it', async () => {
    world.put('b.csv', 'x\n1\n');
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    const past = new Date(Date.now() - 30_000);
    utimesSync(join(world.source, 'b.csv'), past, past);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    expect(await world.ledger()).toHaveLength(1);
  });

  test('nor do other settings under which it is as bad', async () => {
    world.put('b.csv', 'x\n1\n');
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    const other = { input: { onBadChunk: 'halt' as const, maxBadRows: { units: 1n, digits: 0 } } };
    await expect(world.run(other)).rejects.toMatchObject({ code: 'HALTED' });
    await expect(world.run(other)).rejects.toMatchObject({ code: 'HALTED' });
    expect(await world.ledger()).toHaveLength(1);
  });

  test('goes on when it is mended', async () => {
    world.put('b.csv', 'x\n1\n');
    world.put('c.csv', two);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    world.put('b.csv', one);
    await world.run(halt);
    expect((await world.ledger()).slice(1)).toEqual(['b.csv applied 1 3', 'c.csv applied 2 1']);
  });

  test('goes on when it is gone, and with skip', async () => {
    world.put('b.csv', 'x\n1\n');
    world.put('c.csv', two);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    renameSync(join(world.source, 'b.csv'), join(world.folder, 'b.csv'));
    await world.run(halt);
    expect((await world.ledger()).slice(1)).toEqual(['c.csv applied 1 1']);
    renameSync(join(world.folder, 'b.csv'), join(world.source, 'b.csv'));
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    await world.run();
    expect(await world.ledger()).toHaveLength(2);
  });

  test('waiting folders, duplicates and bad rows below the limit do not stop it', async () => {
    world.put('a.csv', one);
    world.put('b.csv', one);
    world.put('c.csv/part-1.csv', two);
    world.put('d.csv', '');
    await world.run(halt);
    await world.run(halt);
    expect(await world.ledger()).toHaveLength(4);
  });
});

describe('a chunk that changes while it is read', () => {
  test('is read again, as it then is', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    let changed = false;
    const change = ({ source }: Parameters<NonNullable<Run['change']>>[0]) => {
      const racing = withObjects(source, {
        async *read(object: ObjectInfo, signal) {
          if (object.key === 'a.csv' && !changed) {
            changed = true;
            world.put('a.csv', three);
          }
          yield* source.read(object, signal);
        },
      });
      return { source: racing, engine: makeLocalEngine({ source: racing }) };
    };
    await world.run({ change });
    expect(await world.ledger()).toEqual(['b.csv applied 1 1', 'a.csv applied 2 1']);
    await expectInForce({ 'a.csv': three, 'b.csv': two });
  });

  test('that goes away is no chunk', async () => {
    world.put('a.csv', one);
    let gone = false;
    await world.run({
      change: ({ source }) => {
        const racing = withObjects(source, {
          async *read(object: ObjectInfo, signal) {
            if (!gone) world.remove('a.csv');
            gone = true;
            yield* source.read(object, signal);
          },
        });
        return { source: racing, engine: makeLocalEngine({ source: racing }) };
      },
    });
    expect(await world.ledger()).toEqual([]);
  });

  test('PROTOCOL 2.3: a folder that gains a part after its own were read is read again', async () => {
    world.put('a.csv/part-1.csv', one);
    world.put('a.csv/_SUCCESS', '');
    let gained = false;
    await world.run({
      change: ({ source }) => {
        const racing = withObjects(source, {
          async *read(object: ObjectInfo, signal) {
            yield* source.read(object, signal);
            if (!gained) world.put('a.csv/part-2.csv', two);
            gained = true;
          },
        });
        return { source: racing, engine: makeLocalEngine({ source: racing }) };
      },
    });
    expect(await world.ledger()).toEqual(['a.csv/ applied 1 4']);
  });
});

describe('PROTOCOL 2.2: young files', () => {
  const settle: Run = { input: { settleMs: 700 } };

  test('are waited for with --once, in their place', async () => {
    world.put('a.csv', one, new Date());
    world.put('b.csv', two);
    const modified = statSync(join(world.source, 'a.csv')).mtimeMs;
    await world.run(settle);
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv applied 2 1']);
    expect(Date.now()).toBeGreaterThanOrEqual(modified + 700);
  });

  test('that are written on meanwhile are read when they have come to rest', async () => {
    world.put('a.csv', one, new Date());
    const writing = (async () => {
      await sleep(300);
      world.put('a.csv', two, new Date());
    })();
    await world.run(settle);
    await writing;
    expect(await world.ledger()).toEqual(['a.csv applied 1 1']);
  });

  test('of a clock that is ahead wait once, together, from when they are first seen', async () => {
    const future = new Date(Date.now() + 3_600_000);
    for (let i = 0; i < 20; i++) world.put(`a${i}.csv`, csv(`M${i} C1 1`), future);
    const waits: number[] = [];
    const time: Time = {
      ...realTime,
      async sleep(ms, signal) {
        waits.push(ms);
        await realTime.sleep(ms, signal);
      },
    };
    await world.run({ input: { settleMs: 1500 }, time });
    expect(await world.ledger()).toHaveLength(20);
    // One after the other would be 20; none where the listing alone took longer than the wait.
    expect(waits.filter((ms) => ms > 100).length).toBeLessThanOrEqual(1);
  });

  test('of a clock that is ahead are read by a watching detector too, and nothing is kept of files that go', async () => {
    const stop = new AbortController();
    world.put('a.csv', one, new Date(Date.now() + 3_600_000));
    const running = world.run({ ...settle, once: false, signal: stop.signal });
    while ((await world.lines()).length === 0) await sleep(20);
    stop.abort();
    await running;
    expect(await world.ledger()).toEqual(['a.csv applied 1 3']);
  });

  test('do not hold up the others of a watching detector', async () => {
    const stop = new AbortController();
    world.put('a.csv', one, new Date(Date.now() + 3_600_000));
    world.put('b.csv', two);
    const running = world.run({ input: { settleMs: 3_600_000 }, once: false, signal: stop.signal });
    await sleep(500);
    stop.abort();
    await running;
    expect(await world.ledger()).toEqual([]);
    // b.csv is a minute old.
    const later = new AbortController();
    const reading = world.run({ input: { settleMs: 30_000 }, once: false, signal: later.signal });
    while ((await world.lines()).length === 0) await sleep(20);
    later.abort();
    await reading;
    expect(await world.ledger()).toEqual(['b.csv applied 1 1']);
  });
});

test('what is no chunk is counted and named, and the reference below the source is none either', async () => {
  world.put('notes.txt', 'x');
  world.put('_temporary/a.csv', one);
  mkdirSync(join(world.source, 'sub'));
  world.put('sub/a.csv', one);
  const summary = await world.run();
  expect(summary.notChunks).toEqual({ count: 2, examples: ['_temporary/a.csv', 'notes.txt'] });
  expect(await world.ledger()).toEqual(['sub/a.csv applied 1 3']);
  expect(readFileSync(join(world.source, 'notes.txt'), 'utf8')).toBe('x');
});

describe('data that the database refuses', () => {
  const refusing =
    (key: string, code = '22003'): NonNullable<Run['change']> =>
    ({ store }) => ({
      store: withWriter(store, (writer) => ({
        async commit(request) {
          if (request.entries.some(({ line }) => line.key === key && line.outcome === 'applied')) {
            throw new TallyhoError('STORE_FAILED', 'bigint out of range', { cause: Object.assign(new Error('x'), { code }) });
          }
          await writer.commit(request);
        },
      })),
    });
  const put = (): void => {
    for (const [i, text] of [one, two, three, csv('M4 C1 1')].entries()) world.put(`${i}.csv`, text);
  };

  test('PROTOCOL 3.4: is quarantined as uncommittable with its words, and the others count (law 4)', async () => {
    put();
    const sizes: number[] = [];
    const summary = await world.run({
      change: (options) => {
        const { store } = refusing('1.csv')(options) as { store: typeof options.store };
        return {
          store: withWriter(store, (writer) => ({
            async commit(request) {
              sizes.push(request.entries.length);
              await writer.commit(request);
            },
          })),
        };
      },
    });
    expect(await world.ledger()).toEqual([
      '0.csv applied 1 3',
      '1.csv quarantined 1 uncommittable',
      '2.csv applied 2 1',
      '3.csv applied 3 1',
    ]);
    expect((await world.lines())[1]).toMatchObject({
      applied: 0,
      quarantined: 1,
      detail: expect.stringContaining('bigint out of range') as string,
    });
    expect(summary).toMatchObject({ outcomes: { applied: 3, quarantined: 1 }, rows: 6, quarantinedRows: 2 });
    await expectInForce({ '0.csv': one, '2.csv': three, '3.csv': csv('M4 C1 1') });
    await world.run();
    expect(await world.ledger()).toHaveLength(4);
  });

  test('PROTOCOL 3.4: is found in a group, and stops nothing but itself; groups are groups again afterwards', async () => {
    put();
    const sizes: number[] = [];
    const stop = new AbortController();
    const running = world.run({
      once: false,
      signal: stop.signal,
      commitChunks: 4,
      change: (options) => {
        const { store } = refusing('1.csv')(options) as { store: typeof options.store };
        return {
          store: withWriter(store, (writer) => ({
            async commit(request) {
              sizes.push(request.entries.length);
              await writer.commit(request);
            },
          })),
        };
      },
    });
    while ((await world.lines()).length < 4) await sleep(20);
    for (let i = 4; i < 8; i++) world.put(`${i}.csv`, csv(`M${i} C5 1`));
    while ((await world.lines()).length < 8) await sleep(20);
    stop.abort();
    await running;
    // The group, then one by one up to the bad one, then without it.
    expect(sizes.slice(0, 3)).toEqual([4, 1, 1]);
    expect(sizes.slice(3, 6)).toEqual([1, 1, 1]);
    expect(Math.max(...sizes.slice(6))).toBeGreaterThan(1);
  });

  test('under halt it stops the run', async () => {
    put();
    await expect(world.run({ input: { onBadChunk: 'halt' }, change: refusing('1.csv') })).rejects.toMatchObject({ code: 'HALTED' });
    expect(await world.ledger()).toEqual(['0.csv applied 1 3', '1.csv quarantined 1 uncommittable']);
  });

  test('PROTOCOL 3.4: other failures of the database quarantine nothing', async () => {
    put();
    await expect(world.run({ change: refusing('1.csv', '53100') })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await world.ledger()).toEqual(['0.csv applied 1 3']);
  });
});

function countingReads(source: Parameters<typeof withObjects>[0], note: (object: ObjectInfo) => void) {
  const counted = withObjects(source, {
    read(object, signal) {
      note(object);
      return source.read(object, signal);
    },
  });
  return { source: counted, engine: makeLocalEngine({ source: counted }) };
}
