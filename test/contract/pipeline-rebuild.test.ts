/** `rebuild`: everything that was computed from the chunks anew, beside the old, and in one go (PROTOCOL.md 3.9). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { csv, makeWorld, type Run, withObjects, withWriter, type World } from '../helpers/pipeline-world.ts';
import { somePatterns } from '../helpers/pipeline-patterns.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';
import { withMethods } from '../helpers/with-methods.ts';

let server: TestServer;
let url: string;
let world: World;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
});
afterAll(() => server.close());
beforeEach(async () => {
  world = await makeWorld(url);
});
afterEach(() => world.close());

const spent: PatternSource = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) >= 5'] };
const more: Run = { patterns: [...somePatterns, spent] };

function putChunks(): void {
  world.put('chunk_1.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C2 5'));
  world.put('chunk_2.csv', csv('M2 C1 5', 'M2 C1 x'));
  world.put('chunk_3.csv', csv('M1 C2 1', 'M3 C3 1'));
}

async function state(): Promise<unknown> {
  const { epoch: _, ...row } = (await world.store.pipeline()) ?? expect.unreachable('no pipeline');
  return { row, lines: await world.lines(), detections: await world.detections(), output: [...world.output()] };
}

/** Statistics, and what each later chunk makes of them, are those of a pipeline that had these patterns from the start. */
async function expectAsFromScratch(run: Run): Promise<void> {
  const twin = await world.twin();
  await twin.run(run);
  expect(await world.statistics(run)).toEqual(await twin.statistics(run));
  const entities = async (of: World): Promise<string[]> => (await of.detections()).map((text) => text.replace(/^\d+ /, '')).sort();
  expect(await entities(world)).toEqual(await entities(twin));
}

describe('after a measure that is not kept', () => {
  test('YStartTime is when the rebuild started, however long it waits and reads', async () => {
    putChunks();
    await world.run();
    let hour = 8;
    const clock = (): Date => new Date(Date.UTC(2026, 10, 22, hour));
    const before = world.output();
    const change: Run['change'] = ({ store }) => ({
      clock,
      store: withMethods(store, {
        async claim(options) {
          hour++;
          return await store.claim(options);
        },
      }),
    });
    expect(await world.rebuild({ ...more, change })).toMatchObject({ detections: 2 });
    const made = [...world.output()].filter(([key]) => !before.has(key) && key.includes('/detections-'));
    expect(made.length).toBe(1);
    const rows = Buffer.from(made[0]?.[1] ?? '', 'base64')
      .toString()
      .split('\n')
      .slice(1, -1);
    const times = ['2026-11-22 08:00:00.000', '2026-11-22 09:00:00.000'];
    expect(rows.map((row) => row.split(',').slice(0, 2))).toEqual([times, times]);
  });

  test('PROTOCOL 3.9: a start is refused until the rebuild; detections are kept, and what is newly true is one reevaluation', async () => {
    putChunks();
    await world.run();
    const before = world.output();
    await expect(world.run(more)).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
    expect(await world.rebuild(more)).toEqual({ chunks: 3, fromKept: 0, leftOut: 0, rows: 7, detections: 2 });
    // The row with a bad amount is one now that amounts are read.
    expect(await world.ledger()).toEqual([
      'chunk_1.csv applied 1 3',
      'chunk_2.csv applied 2 2',
      'chunk_3.csv applied 3 2',
      '(re) applied 4 0',
    ]);
    expect((await world.lines())[1]).toMatchObject({ applied: 1, quarantined: 1 });
    expect((await world.detections()).slice(-2)).toEqual(['4 Spent M1 C2', '4 Spent M2 C1']);
    for (const [key, bytes] of before) expect(world.output().get(key)).toBe(bytes);
    expect(await world.store.files()).toMatchObject({ planned: before.size + 2, published: before.size + 2 });
    expect(await world.store.pipeline()).toMatchObject({ lastSequence: 4, foldedSequence: 4 });
    expect(await world.run(more)).toMatchObject({ outcomes: {}, files: 0, lastSequence: 4 });
    expect(await world.ledger()).toHaveLength(4);
  });

  test('PROTOCOL 3.9: statistics are those of a pipeline from scratch, and going on keeps them so', async () => {
    putChunks();
    world.put('chunk_2.csv', csv('M2 C1 5'));
    await world.run();
    await world.rebuild(more);
    await expectAsFromScratch(more);
    world.put('chunk_4.csv', csv('M3 C3 9', 'M9 C9 1', 'M2 C1 1'));
    world.put('chunk_5.csv', csv('M9 C9 1'));
    await world.run(more);
    expect((await world.detections()).slice(-4)).toEqual(['5 Twice M2 C1', '5 Twice M3 C3', '5 Spent M3 C3', '6 Twice M9 C9']);
    await expectAsFromScratch(more);
    await world.run(more);
    await expectAsFromScratch(more);
  });

  test('other dimensions keep the names that were known, and find new ones', async () => {
    putChunks();
    await world.run();
    const byGender: Run = { patterns: [{ id: 'G', action: 'LOOK', entity: ['gender', 'customer'], when: ['count >= 2'] }] };
    await world.rebuild(byGender);
    await expectAsFromScratchStatistics(byGender);
    await world.rebuild();
    await expectAsFromScratchStatistics({});
    world.put('chunk_4.csv', csv('M4 C4 1', 'M4 C4 1'));
    await world.run();
    await expectAsFromScratchStatistics({});
    expect((await world.detections()).at(-1)).toBe('6 Twice M4 C4');
  });
});

async function expectAsFromScratchStatistics(run: Run): Promise<void> {
  const twin = await world.twin();
  await twin.run(run);
  expect(await world.statistics(run)).toEqual(await twin.statistics(run));
}

test('a clock that went back does not: the reevaluation is no earlier than the entry before it', async () => {
  putChunks();
  await world.run();
  await world.rebuild({ ...more, clock: () => new Date('2020-01-01T00:00:00.000Z') });
  expect([...world.output().keys()].at(-1)).toBe('20261122T073000.123-4/evidence-1.jsonl');
});

test('duplicates, changed and quarantined chunks stay what they are', async () => {
  putChunks();
  world.put('copy.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C2 5'));
  world.put('bad.csv', 'x\n');
  world.put('e.csv', '');
  await world.run();
  const before = await world.ledger();
  await world.rebuild(more);
  expect((await world.ledger()).slice(0, -1)).toEqual(before);
});

test('a changed mapping of columns is taken', async () => {
  world.put('a.csv', 'merchant,customer,amount,seller\nM1,C1,1,S1\nM1,C1,1,S2\n');
  await world.run();
  const mapped: Run = { input: { columns: { merchant: 'seller' } } };
  await expect(world.run(mapped)).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
  await world.rebuild(mapped);
  await expectAsFromScratchStatistics(mapped);
  await world.run(mapped);
});

describe('PROTOCOL 3.9: a chunk whose applied content is not to be had stops it by name, and the state is as it was', () => {
  beforeEach(async () => {
    putChunks();
    await world.run();
  });
  let mend: string | undefined;
  const expectBlocked = async (key: string, run: Run = more): Promise<void> => {
    const before = await state();
    const blocked = await world.rebuild(run).catch((error: unknown) => error);
    expect(blocked).toMatchObject({ code: 'REBUILD_BLOCKED', message: expect.stringContaining(key) as string });
    mend = (blocked as TallyhoError).mend;
    expect(await state()).toEqual(before);
    await world.run();
    expect(await state()).toEqual(before);
  };

  test('deleted', async () => {
    world.remove('chunk_2.csv');
    await expectBlocked('chunk_2.csv');
    // There is nothing to take as it is now.
    expect(mend).not.toContain('--accept-changed');
  });

  test('other bytes', async () => {
    world.put('chunk_2.csv', csv('M2 C1 6'));
    await world.run();
    await expectBlocked('chunk_2.csv');
    expect(mend).toContain('--accept-changed');
  });

  test('a folder of its name', async () => {
    world.remove('chunk_2.csv');
    world.put('chunk_2.csv/part.csv', csv('M2 C1 5'));
    world.put('chunk_2.csv/_SUCCESS', '');
    await world.run();
    await expectBlocked('chunk_2.csv');
  });

  test('not readable by the new settings', async () => {
    await expectBlocked('chunk_1.csv', { ...more, input: { columns: { amount: 'price' } } });
  });

  test('put back, it goes through', async () => {
    world.remove('chunk_2.csv');
    await expectBlocked('chunk_2.csv');
    putChunks();
    await world.rebuild(more);
  });
});

test('an object and a folder of one name that were both applied are two', async () => {
  world.put('a.csv/part.csv', csv('M1 C1 5'));
  world.put('b.csv', csv('M1 C2 5'));
  world.put('a.csv/_SUCCESS', '');
  await world.run();
  expect(await world.rebuild(more)).toEqual({ chunks: 2, fromKept: 0, leftOut: 0, rows: 2, detections: 2 });
});

describe('PROTOCOL 3.9: a failure in the middle leaves the old state in force', () => {
  beforeEach(async () => {
    putChunks();
    await world.run();
  });
  const stillRuns = async (before: unknown): Promise<void> => {
    expect(await state()).toEqual(before);
    await world.run();
    expect(await state()).toEqual(before);
    await world.rebuild(more);
    expect((await world.detections()).slice(-2)).toEqual(['4 Spent M1 C2', '4 Spent M2 C1']);
  };

  test('the connection is lost in the transaction', async () => {
    const before = await state();
    await expect(
      world.rebuild({
        ...more,
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            async rebuild(request) {
              const rebuilding = writer.rebuild(request);
              rebuilding.catch(() => undefined);
              await server.disconnectAll();
              await rebuilding;
            },
          })),
        }),
      }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) as string });
    // The reader of this test was cut off as well; that is mended by the next call.
    await world.store.pipeline().catch(() => undefined);
    await stillRuns(before);
  });

  test('told to stop while it reads', async () => {
    const before = await state();
    const stop = new AbortController();
    await expect(
      world.rebuild({
        ...more,
        signal: stop.signal,
        on(event) {
          if (event.kind === 'rebuilt') stop.abort();
        },
      }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await stillRuns(before);
  });

  test('a sink that fails after the switch: the next start publishes', async () => {
    const broken: Run = {
      ...more,
      change: ({ sink }) => ({ sink: withObjects(sink, { put: () => Promise.reject(new TallyhoError('SINK_UNWRITABLE', 'no room')) }) }),
    };
    await expect(world.rebuild(broken)).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    expect(await world.run(more)).toMatchObject({ files: 2 });
    expect(await world.store.files()).toMatchObject({ planned: 8, published: 8 });
  });
});

test('files of before that were not published come first', async () => {
  putChunks();
  const broken: Run = {
    change: ({ sink, store }) => {
      let claims = 0;
      return {
        sink: withObjects(sink, { put: () => Promise.reject(new TallyhoError('SINK_UNWRITABLE', 'no room')) }),
        store: {
          ...withWriter(store, () => ({})),
          claim: (options) => (++claims > 1 ? Promise.reject(new Error('enough')) : store.claim(options)),
        },
      };
    },
  };
  await expect(world.run(broken)).rejects.toThrow('enough');
  world.events();
  await world.rebuild(more);
  const published = world.events().flatMap((event) => (event.kind === 'published' ? [Number(/-(\d+)\//.exec(event.key)?.[1])] : []));
  expect(published).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
});

test('more than 1,000 new detections want a word', async () => {
  world.put('a.csv', csv(...Array.from({ length: 1001 }, (_, i) => `M1 C${i} 5`)));
  await world.run();
  const before = await state();
  await expect(world.rebuild({ ...more, confirm: async () => false })).rejects.toMatchObject({ code: 'CONFIRM_NEEDED' });
  expect(await state()).toEqual(before);
  expect(await world.rebuild({ ...more, confirm: async () => true })).toMatchObject({ detections: 1001 });
});

test('an output that is ahead of the state is refused', async () => {
  putChunks();
  await world.run();
  mkdirSync(join(world.sink, '20270101T000000.000-9'));
  await expect(world.rebuild(more)).rejects.toMatchObject({ code: 'SINK_AHEAD' });
});

test('of nothing is nothing', async () => {
  expect(await world.rebuild(more)).toEqual({ chunks: 0, fromKept: 0, leftOut: 0, rows: 0, detections: 0 });
  await world.run();
  expect(await world.rebuild(more)).toEqual({ chunks: 0, fromKept: 0, leftOut: 0, rows: 0, detections: 0 });
  expect(await world.ledger()).toEqual([]);
  putChunks();
  await world.run(more);
  expect(await world.ledger()).toHaveLength(3);
});

test('an id that has detected something keeps its meaning', async () => {
  putChunks();
  await world.run();
  const [twice, busy] = somePatterns as readonly [PatternSource, PatternSource];
  await expect(world.rebuild({ patterns: [{ ...twice, action: 'CHILD' }, busy, spent] })).rejects.toMatchObject({
    code: 'PATTERN_ID_REUSED',
  });
});

test('a quarantined chunk that the new settings can read is read by the next start', async () => {
  world.put('a.csv', csv('M1 C1 5'));
  world.put('b.csv', 'merchant,customer,price\nM1,C1,5\n');
  await world.run(more);
  expect(await world.ledger()).toEqual(['a.csv applied 1 1', 'b.csv quarantined 0 bad_header']);
  await world.rebuild();
  await world.run();
  expect((await world.ledger()).slice(2)).toEqual(['(re) applied 2 0', 'b.csv applied 3 1']);
  expect(await world.detections()).toEqual(['1 Spent M1 C1', '3 Twice M1 C1']);
});
