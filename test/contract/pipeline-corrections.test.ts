/** `onChanged: correct` (PROTOCOL 1.4): other bytes of a chunk in force take the place of those that were applied. */
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { csv, failing, type Run, withObjects, withWriter, type World } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const correct: Run = { input: { onChanged: 'correct' } };

const { world, url, expectInForce } = useWorld(correct, {});

async function why(key: string): Promise<(string | null)[]> {
  return (await world.lines()).filter((line) => line.key === key).map(({ detail }) => detail);
}

const one = csv('M1 C1 1', 'M1 C2 1', 'M1  1');
const two = csv('M2 C1 1');
const three = csv('M3 C1 1', 'M3 C2 1');
const bad = csv('M1  1', 'M1 C1 1', 'M1  2');

describe('a chunk in force that comes back with other bytes', () => {
  test('is an entry of its own that refers to the one before, and so on along the chain', async () => {
    world.put('a.csv', one);
    world.put('b.csv', csv('M9 C9 9'));
    await world.run();
    world.put('a.csv', two);
    expect(await world.run()).toMatchObject({ outcomes: { applied: 1 }, rows: 1, lastSequence: 3 });
    world.put('a.csv', three);
    await world.run();
    world.put('a.csv', one);
    await world.run();
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'b.csv applied 2 1',
      'a.csv applied 3 1',
      'a.csv applied 4 2',
      'a.csv applied 5 3',
    ]);
    expect((await world.lines()).map(({ kind, corrects, correctedBy }) => [kind, corrects, correctedBy])).toEqual([
      ['chunk', null, 3],
      ['chunk', null, null],
      ['correction', 1, 4],
      ['correction', 3, 5],
      ['correction', 4, null],
    ]);
    expect(await why('a.csv')).toEqual([
      '1 of its 3 rows is quarantined.',
      'It corrects entry 1: 2 rows are taken out, 1 row put in.',
      'It corrects entry 3: 1 row is taken out, 2 rows put in.',
      'It corrects entry 4: 2 rows are taken out, 2 rows put in. 1 of its 3 rows is quarantined.',
    ]);
    await expectInForce({ 'a.csv': one, 'b.csv': csv('M9 C9 9') });
    // Rejected rows of every version stay with its line.
    const rejected: number[] = [];
    for await (const rows of world.store.rejected({ key: 'a.csv' })) rejected.push(...rows.map(({ line }) => line));
    expect(rejected).toEqual([4, 4]);
    expect(await world.store.counts()).toMatchObject({ outcomes: { applied: 2 }, rows: 4, quarantinedRows: 1 });
  });

  test('and is the same bytes is nothing, touched or read again', async () => {
    world.put('a.csv', one);
    await world.run();
    const past = new Date(Date.now() - 30_000);
    utimesSync(join(world.source, 'a.csv'), past, past);
    expect(await world.run()).toMatchObject({ outcomes: {} });
    expect(await world.ledger()).toEqual(['a.csv applied 1 3']);
  });

  test('is evaluated once, after both changes: what held only in between is no detection', async () => {
    // Without its old rows M1 is rare, and C1 alone at the top of it.
    const patterns: PatternSource[] = [
      { id: 'Rare', action: 'LOOK', entity: ['merchant'], when: ['count < 3'] },
      { id: 'Top', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count in top 10% of merchant', 'merchant.count < 3'] },
      { id: 'Many', action: 'LOOK', entity: ['merchant'], when: ['count >= 5'] },
    ];
    world.put('a.csv', csv('M1 C2 1', 'M1 C2 1', 'M1 C2 1'));
    world.put('b.csv', csv('M1 C1 1'));
    await world.run({ patterns });
    world.put('a.csv', csv('M1 C2 2', 'M1 C2 1', 'M1 C3 1'));
    await world.run({ patterns });
    expect(await world.detections()).toEqual([]);
    world.put('a.csv', csv('M1 C2 2', 'M1 C3 1', 'M1 C3 1', 'M1 C4 1'));
    await world.run({ patterns });
    expect(await world.detections()).toEqual(['4 Many M1']);
    // Fewer rows may make it true as well.
    world.put('a.csv', csv('M1 C5 2'));
    await world.run({ patterns });
    expect((await world.detections()).slice(1)).toEqual(['5 Rare M1', '5 Top M1 C1', '5 Top M1 C5']);
    expect([...world.output().keys()].filter((name) => name.includes('-5/'))).toHaveLength(2);
  });

  test('takes nothing back of what was published, and detects no entity again', async () => {
    const patterns: PatternSource[] = [{ id: 'Any', action: 'LOOK', entity: ['customer'], when: ['count >= 2'] }];
    world.put('a.csv', csv('M1 C1 1', 'M1 C1 1'));
    await world.run({ patterns });
    const before = world.output();
    world.put('a.csv', csv('M1 C2 1'));
    await world.run({ patterns });
    world.put('a.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C2 1', 'M1 C2 1'));
    await world.run({ patterns });
    expect(await world.detections()).toEqual(['1 Any C1', '3 Any C2']);
    expect([...world.output()]).toEqual(expect.arrayContaining([...before]));
  });

  test('without the rows of an entity takes it out of its cohorts, counts and views, and it may come back', async () => {
    const patterns: PatternSource[] = [
      { id: 'Top', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count in top 50% of merchant', 'merchant.count >= 3'] },
      { id: 'Few', action: 'LOOK', entity: ['merchant'], when: ['distinct(customer) <= 2', 'count >= 3'] },
    ];
    world.put('a.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C2 1', 'M1 C3 1', 'M1 C3 1', 'M1 C3 1'));
    world.put('b.csv', csv('M1 C2 1'));
    await world.run({ patterns });
    expect(await world.detections()).toEqual(['1 Top M1 C1', '1 Top M1 C3', '2 Top M1 C2']);
    world.put('a.csv', csv('M1 C4 1', 'M1 C4 1'));
    await world.run({ patterns });
    // Of C2 with 1 and C4 with 2; C1 and C3 are no members.
    expect((await world.detections()).slice(3)).toEqual(['3 Top M1 C4', '3 Few M1']);
    const force = { 'a.csv': csv('M1 C4 1', 'M1 C4 1'), 'b.csv': csv('M1 C2 1') };
    await expectInForce(force, { patterns });
    // Also for a detector that begins with what is in the tables.
    world.put('c.csv', csv('M1 C1 1'));
    await world.run({ patterns });
    await expectInForce({ ...force, 'c.csv': csv('M1 C1 1') }, { patterns });
  });
});

describe('what stays in force', () => {
  test('is what was applied, where the new bytes would be quarantined; repaired, they are a correction', async () => {
    world.put('a.csv', one);
    await world.run();
    for (const text of ['no,such,header\n', bad, `${one}"M1`]) {
      world.put('a.csv', text);
      await world.run();
      await expectInForce({ 'a.csv': one });
    }
    world.put('a.csv', three);
    await world.run();
    expect(await world.ledger()).toEqual([
      'a.csv applied 1 3',
      'a.csv quarantined 0 bad_header',
      'a.csv quarantined 3 too_many_bad_rows',
      'a.csv quarantined 0 bad_quoting',
      'a.csv applied 2 2',
    ]);
    for (const detail of (await why('a.csv')).slice(1, 4)) expect(detail).toMatch(/\. What was applied before stays in force\.$/);
    await expectInForce({ 'a.csv': three });
  });

  test('is told once of bad bytes; other settings may accept them, and what was there before is no news', async () => {
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', bad);
    await world.run();
    world.put('a.csv', one);
    await world.run();
    world.put('a.csv', bad);
    await world.run();
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv quarantined 3 too_many_bad_rows']);
    const lenient: Run = { input: { ...correct.input, maxBadRows: { units: 90n, digits: 0 } } };
    await world.run(lenient);
    await world.run(lenient);
    expect((await world.ledger()).slice(2)).toEqual(['a.csv applied 2 3']);
    await expectInForce({ 'a.csv': bad }, lenient);
  });

  test('with onBadChunk: halt the detector stops, and goes on once the chunk is mended or as it was', async () => {
    const halt: Run = { input: { ...correct.input, onBadChunk: 'halt' } };
    world.put('a.csv', one);
    await world.run(halt);
    world.put('a.csv', bad);
    for (let i = 0; i < 2; i++) await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    world.put('a.csv', one);
    for (let i = 0; i < 2; i++) await world.run(halt);
    world.put('a.csv', bad);
    await expect(world.run(halt)).rejects.toMatchObject({ code: 'HALTED' });
    world.put('a.csv', two);
    await world.run(halt);
    await expectInForce({ 'a.csv': two });
  });

  test('is what was applied, where the chunk is deleted or its folder is not complete', async () => {
    world.put('a.csv', one);
    world.put('f.csv/part-1.csv', two);
    world.put('f.csv/_SUCCESS', '');
    await world.run();
    world.remove('a.csv');
    world.remove('f.csv/_SUCCESS');
    world.put('f.csv/part-2.csv', three);
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'f.csv/ applied 2 1']);
    world.put('f.csv/_SUCCESS', '');
    await world.run();
    expect((await world.ledger()).slice(2)).toEqual(['f.csv/ applied 3 3']);
    expect(await world.statistics()).toMatchObject({ merchant_customer: { length: 5 } });
  });
});

test('a chunk that is emptied counts nothing any more, and may be filled again', async () => {
  world.put('a.csv', one);
  world.put('b.csv', two);
  await world.run();
  world.put('a.csv', csv());
  await world.run();
  await expectInForce({ 'b.csv': two });
  world.put('a.csv', '');
  await world.run();
  world.put('a.csv', three);
  await world.run();
  expect((await world.ledger()).slice(2)).toEqual(['a.csv applied 3 0', 'a.csv applied 4 0', 'a.csv applied 5 2']);
  expect((await why('a.csv')).slice(1)).toEqual([
    'It corrects entry 1: 2 rows are taken out, 0 rows put in. It has no rows.',
    'It corrects entry 3: 0 rows are taken out, 0 rows put in. It has no rows.',
    'It corrects entry 4: 0 rows are taken out, 2 rows put in.',
  ]);
  await expectInForce({ 'a.csv': three, 'b.csv': two });
  // Two that are empty are no duplicates of each other: what was there has to go.
  for (const key of ['a.csv', 'b.csv']) world.put(key, csv());
  await world.run();
  expect((await world.ledger()).slice(5)).toEqual(['a.csv applied 6 0', 'b.csv applied 7 0']);
});

test('one that never counted is no correction', async () => {
  world.put('a.csv', bad);
  world.put('b.csv', '');
  await world.run();
  world.put('a.csv', one);
  world.put('b.csv', two);
  await world.run();
  expect((await world.lines()).map(({ kind }) => kind)).toEqual(['chunk', 'chunk', 'chunk', 'chunk']);
});

describe('the same bytes as another chunk in force', () => {
  test('are a duplicate: what was applied before stays in force', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run();
    world.put('a.csv', two);
    await world.run();
    await world.run();
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv applied 2 1', 'a.csv duplicate 1']);
    expect((await why('a.csv'))[1]).toBe(
      'The same bytes were applied as b.csv; this row is not counted again. What was applied before stays in force.',
    );
    await expectInForce({ 'a.csv': one, 'b.csv': two });
  });

  test('count with onDuplicate: apply', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run();
    world.put('a.csv', two);
    const apply: Run = { input: { ...correct.input, onDuplicate: 'apply' } };
    await world.run(apply);
    expect((await world.ledger())[2]).toBe('a.csv applied 3 1');
    const [row] = (await world.statistics())['merchant'] as { additive: bigint[] }[];
    expect(row?.additive[0]).toBe(2n);
  });

  test('are none once the other is corrected: also those that were told before, in the same run', async () => {
    world.put('a.csv', one);
    world.put('b.csv', one);
    await world.run();
    world.put('a.csv', two);
    world.put('c.csv', one);
    await world.run({ commitChunks: 64 });
    // b comes first in the next look at the source, but c was new in this one.
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv duplicate 3', 'a.csv applied 2 1', 'c.csv applied 3 3']);
    world.put('c.csv', three);
    await world.run();
    expect((await world.ledger()).slice(4)).toEqual(['c.csv applied 4 2', 'b.csv applied 5 3']);
    await expectInForce({ 'a.csv': two, 'b.csv': one, 'c.csv': three });
  });

  test('that all moved on by one name: each counts once in the end', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    world.put('c.csv', three);
    await world.run();
    world.put('a.csv', two);
    world.put('b.csv', three);
    world.put('c.csv', csv('M4 C4 4'));
    await world.run();
    expect((await world.ledger()).slice(3)).toEqual([
      'a.csv duplicate 1',
      'b.csv duplicate 2',
      'c.csv applied 4 1',
      'b.csv applied 5 2',
      'a.csv applied 6 1',
    ]);
    await expectInForce({ 'a.csv': two, 'b.csv': three, 'c.csv': csv('M4 C4 4') });
    let reads = 0;
    await world.run({
      change: ({ source }) => ({
        source: withObjects(source, {
          read: (...args) => {
            reads++;
            return source.read(...args);
          },
        }),
      }),
    });
    expect(reads).toBe(0);
  });

  test('exchanged between two names leave all as it is', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run();
    world.put('a.csv', two);
    world.put('b.csv', one);
    await world.run();
    expect((await world.ledger()).slice(2)).toEqual(['a.csv duplicate 1', 'b.csv duplicate 3']);
    await expectInForce({ 'a.csv': one, 'b.csv': two });
  });
});

test('a name that changes its kind is corrected like any other', async () => {
  world.put('a.csv', one);
  await world.run();
  world.remove('a.csv');
  world.put('a.csv/part-1.csv', two);
  world.put('a.csv/_SUCCESS', '');
  await world.run();
  world.put('a.csv/part-1.csv', three);
  await world.run();
  world.remove('a.csv');
  world.put('a.csv', one);
  await world.run();
  expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv/ applied 2 1', 'a.csv/ applied 3 2', 'a.csv applied 4 3']);
  expect((await world.lines()).map(({ corrects }) => corrects)).toEqual([null, 1, 2, 3]);
  await expectInForce({ 'a.csv': one });
});

test('what was only told of under `report` is corrected once that is asked for, and left alone again', async () => {
  const report: Run = { input: { onChanged: 'report' } };
  world.put('a.csv', one);
  world.put('b.csv', two);
  await world.run(report);
  world.put('a.csv', three);
  world.put('b.csv', csv('M8 C8 8'));
  await world.run(report);
  world.put('b.csv', two);
  await world.run();
  await world.run();
  expect(await world.ledger()).toEqual([
    'a.csv applied 1 3',
    'b.csv applied 2 1',
    'a.csv changed 0',
    'b.csv changed 0',
    'a.csv applied 3 2',
  ]);
  await expectInForce({ 'a.csv': three, 'b.csv': two });
  world.put('a.csv', one);
  await world.run(report);
  expect((await world.ledger()).slice(5)).toEqual(['a.csv changed 0']);
  await expectInForce({ 'a.csv': three, 'b.csv': two });
});

describe('what was applied and is not kept any more (PROTOCOL 3.8)', () => {
  let kept: World['store'];
  beforeEach(async () => {
    kept = await openPostgresStore({ connection: { url: url() }, pipeline: world.name, keepDeltas: 1 });
  });
  afterEach(() => kept.close());
  const forgetting = (): Run => ({ change: () => ({ store: kept }) });

  test('is not corrected: told once, with the mend; a rebuild takes the chunk as it is now', async () => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run(forgetting());
    world.put('a.csv', three);
    world.put('b.csv', csv('M7 C7 7'));
    await world.run(forgetting());
    await world.run(forgetting());
    expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'b.csv applied 2 1', 'a.csv changed 0 not_kept', 'b.csv applied 3 1']);
    expect((await why('a.csv'))[1]).toContain('tallyho rebuild --accept-changed');
    await expectInForce({ 'a.csv': one, 'b.csv': csv('M7 C7 7') });
    await expect(world.rebuild()).rejects.toMatchObject({ code: 'REBUILD_BLOCKED' });
    expect(await world.rebuild({ acceptChanged: true })).toMatchObject({ chunks: 2, rows: 3 });
    await expectInForce({ 'a.csv': three, 'b.csv': csv('M7 C7 7') });
    await world.run(forgetting());
    // By now its delta is kept again.
    world.put('a.csv', one);
    await world.run();
    expect((await world.ledger()).at(-1)).toBe('a.csv applied 5 3');
    await expectInForce({ 'a.csv': one, 'b.csv': csv('M7 C7 7') });
  });

  test.each([
    ['bad bytes', bad],
    ['those of another chunk', two],
  ])('a rebuild accepts no %s', async (_, text) => {
    world.put('a.csv', one);
    world.put('b.csv', two);
    await world.run();
    world.put('a.csv', text);
    await expect(world.rebuild({ acceptChanged: true })).rejects.toMatchObject({ code: 'REBUILD_BLOCKED' });
    await expectInForce({ 'a.csv': one, 'b.csv': two });
  });
});

test('a rebuild reads the contents in force, and the chain goes on behind it', async () => {
  const patterns: PatternSource[] = [{ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 100'] }];
  world.put('a.csv', one);
  world.put('b.csv', two);
  await world.run();
  world.put('a.csv', three);
  await world.run();
  expect(await world.rebuild({ patterns })).toMatchObject({ chunks: 2, rows: 3 });
  await expectInForce({ 'a.csv': three, 'b.csv': two }, { patterns });
  world.put('a.csv', one);
  await world.run({ patterns });
  expect(await world.ledger()).toEqual([
    'a.csv applied 1 3',
    'b.csv applied 2 1',
    'a.csv applied 3 2',
    '(re) applied 4 0',
    'a.csv applied 5 3',
  ]);
  await expectInForce({ 'a.csv': one, 'b.csv': two }, { patterns });
});

test.each(['before', 'after'] as const)('a commit of it that fails %s it took place leaves no trace of a second one', async (when) => {
  world.put('a.csv', one);
  world.put('b.csv', two);
  await world.run();
  world.put('a.csv', three);
  world.put('b.csv', csv('M7 C7 7'));
  world.put('c.csv', csv('M5 C5 5'));
  const lost = (): Error => new TallyhoError(when === 'before' ? 'STORE_UNREACHABLE' : 'STORE_UNKNOWN_COMMIT', 'the line is dead');
  let calls = 0;
  await world.run({
    change: ({ store }) => ({
      store: withWriter(store, (writer) => {
        const commit = failing(writer.commit.bind(writer), ++calls === 1 ? [1] : calls === 2 ? [2] : [], lost, when);
        return { commit };
      }),
    }),
  });
  expect(await world.ledger()).toEqual([
    'a.csv applied 1 3',
    'b.csv applied 2 1',
    'a.csv applied 3 2',
    'b.csv applied 4 1',
    'c.csv applied 5 1',
  ]);
  await expectInForce({ 'a.csv': three, 'b.csv': csv('M7 C7 7'), 'c.csv': csv('M5 C5 5') });
});

test('one that the database refuses for its data is quarantined, and what was applied stays in force', async () => {
  world.put('a.csv', one);
  await world.run();
  world.put('a.csv', three);
  await world.run({
    change: ({ store }) => ({
      store: withWriter(store, (writer) => ({
        async commit(request) {
          if (request.entries.some(({ line }) => line.kind === 'correction'))
            throw new TallyhoError('STORE_FAILED', 'no such data', { cause: Object.assign(new Error('no such data'), { code: '22003' }) });
          await writer.commit(request);
        },
      })),
    }),
  });
  expect(await world.ledger()).toEqual(['a.csv applied 1 3', 'a.csv quarantined 2 uncommittable']);
  await expectInForce({ 'a.csv': one });
});
