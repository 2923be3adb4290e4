/** PROTOCOL 3.9: `rebuild --without KEY`, for a chunk of which nothing is left that the new patterns could read. */
import { describe, expect, test } from 'vitest';
import { csv, type Run } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, expectInForce } = useWorld();

const pair = ['merchant', 'customer'];
const counted: Run = { patterns: [{ id: 'Twice', action: 'LOOK', entity: pair, when: ['count >= 2'] }] };
/** Needs what is not kept. */
const spent: Run = { patterns: [...(counted.patterns ?? []), { id: 'Spent', action: 'LOOK', entity: pair, when: ['sum(amount) >= 5'] }] };

const a = csv('M1 C1 5', 'M1 C1 1', 'M1  1');
const b = csv('M2 C2 2', 'M2 C2 2', 'M3 C3 9');

/** One chunk is gone, and what is kept of it does not do. */
async function loseOne(): Promise<void> {
  world.put('a.csv', a);
  world.put('b.csv', b);
  await world.run(counted);
  world.remove('a.csv');
}

const reasons = async (key: string): Promise<(string | null)[]> =>
  (await world.lines()).filter((line) => line.key === key).map(({ reason }) => reason);

test('what is gone is left out, the rest counts by the new patterns, and what was detected stays', async () => {
  await loseOne();
  await expect(world.rebuild(spent)).rejects.toMatchObject({
    code: 'REBUILD_BLOCKED',
    mend: expect.stringContaining('--without KEY') as string,
  });
  expect(await world.rebuild({ ...spent, without: ['a.csv'] })).toMatchObject({ chunks: 2, fromKept: 0, leftOut: 1, rows: 3 });
  await expectInForce({ 'b.csv': b }, spent);
  expect(await world.ledger()).toEqual(['a.csv applied 1 0 left_out', 'b.csv applied 2 3', '(re) applied 3 0']);
  expect((await world.lines())[0]?.detail).toContain('its 3 rows are not counted any more');
  expect(await world.store.counts()).toMatchObject({ rows: 3, quarantinedRows: 0 });
  expect(await world.detections()).toEqual(['1 Twice M1 C1', '2 Twice M2 C2', '3 Spent M3 C3']);
  // It stays out, without a word, and the pipeline goes on.
  world.put('c.csv', csv('M1 C1 4', 'M1 C1 4'));
  expect(await world.run(spent)).toMatchObject({ outcomes: { applied: 1 }, incidents: 0 });
  expect((await world.detections()).at(-1)).toBe('4 Spent M1 C1');
  expect(await world.rebuild(spent)).toMatchObject({ chunks: 3, leftOut: 1, rows: 5 });
  expect((await world.lines())[0]?.detail).toContain('its 3 rows');
  await expectInForce({ 'b.csv': b, 'c.csv': csv('M1 C1 4', 'M1 C1 4') }, spent);
});

describe('refused, and nothing has changed', () => {
  test.each([
    ['a chunk that lies in the source', 'b.csv', 'it lies in the source'],
    ['a chunk that never counted', 'a.csw', 'Did you mean a.csv?'],
  ])('%s', async (_, key, why) => {
    await loseOne();
    const before = await world.lines();
    const error = await world.rebuild({ ...spent, without: [key] }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'USAGE' });
    expect(JSON.stringify([(error as Error).message, (error as { mend?: string }).mend])).toContain(why);
    expect(await world.lines()).toEqual(before);
  });
});

describe('one that comes back', () => {
  test('has changed, and counts again by a correction', async () => {
    await loseOne();
    await world.rebuild({ ...spent, without: ['a.csv'] });
    world.put('a.csv', a);
    expect(await world.run(spent)).toMatchObject({ outcomes: { changed: 1 } });
    await expectInForce({ 'b.csv': b }, spent);
    expect(await world.run({ ...spent, input: { onChanged: 'correct' } })).toMatchObject({ outcomes: { applied: 1 } });
    await expectInForce({ 'a.csv': a, 'b.csv': b }, spent);
  });

  test('is left out of a rebuild, unless that takes it as it is now', async () => {
    await loseOne();
    await world.rebuild({ ...spent, without: ['a.csv/'] });
    world.put('a.csv', a);
    expect(await world.rebuild(spent)).toMatchObject({ leftOut: 1, rows: 3 });
    expect(await reasons('a.csv')).toEqual(['left_out']);
    expect(await world.rebuild({ ...spent, acceptChanged: true })).toMatchObject({ leftOut: 0, rows: 6 });
    expect(await reasons('a.csv')).toEqual([null]);
    await expectInForce({ 'a.csv': a, 'b.csv': b }, spent);
  });
});

test('a duplicate of it counts from then on', async () => {
  world.put('a.csv', a);
  world.put('twin.csv', a);
  await world.run(counted);
  world.remove('a.csv');
  expect(await world.rebuild({ ...spent, without: ['a.csv'] })).toMatchObject({ leftOut: 1, rows: 0 });
  expect(await world.run(spent)).toMatchObject({ outcomes: { applied: 1 }, rows: 3 });
  await expectInForce({ 'twin.csv': a }, spent);
});
