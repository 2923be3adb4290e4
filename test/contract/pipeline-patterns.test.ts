/** A changed set of patterns: what is evaluated again, what is refused, and what asks for a rebuild or a word. */
import postgres from 'postgres';
import { beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { csv, type Run, withWriter, type World } from '../helpers/pipeline-world.ts';
import { somePatterns } from '../helpers/pipeline-patterns.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, url } = useWorld();

beforeEach(async () => {
  world.put('chunk_1.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C1 1', 'M1 C2 2'));
  world.put('chunk_2.csv', csv('M1 C2 2', 'M2 C1 5'));
});

const [twice, busy] = somePatterns as readonly [PatternSource, PatternSource];
const often = (n: number): PatternSource => ({ ...twice, when: [`count >= ${n}`] });
const fresh = (): Promise<World> => world.twin();

/** All that a refused start must leave as it was: everything but the lease. */
async function state(): Promise<unknown> {
  const { epoch: _, ...row } = (await world.store.pipeline()) ?? expect.unreachable('no pipeline');
  return { row, lines: await world.lines(), detections: await world.detections(), output: [...world.output()] };
}

async function expectRefused(run: Run, code: string, words = ''): Promise<void> {
  const before = await state();
  const error = await world.run(run).catch((error: unknown) => error);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words) as string });
  expect(await state()).toEqual(before);
}

describe('another threshold', () => {
  test('PROTOCOL 1.3: is evaluated once, as an entry of its own with what is newly true', async () => {
    await world.run({ patterns: [often(3), busy] });
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1']);
    world.events();
    const summary = await world.run();
    expect(await world.ledger()).toEqual(['chunk_1.csv applied 1 4', 'chunk_2.csv applied 2 2', '(re) applied 3 0']);
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '3 Twice M1 C2']);
    expect(summary).toMatchObject({ outcomes: {}, rows: 0, files: 2, lastSequence: 3 });
    expect(summary.detections[0]).toEqual({ patternId: 'Twice', count: 1 });
    expect(world.events().filter(({ kind }) => kind === 'reevaluated')).toEqual([{ kind: 'reevaluated', detections: 1 }]);

    const evidence = Buffer.from(world.output().get('20261122T073000.123-3/evidence-1.jsonl') ?? '', 'base64').toString();
    expect(JSON.parse(evidence)).toMatchObject({ sequence: 3, chunk: null, entity: { merchant: 'M1', customer: 'C2' } });
    expect(world.output().has('20261122T073000.123-3/detections-1.csv')).toBe(true);

    await world.run();
    expect(await world.ledger()).toHaveLength(3);
  });

  test('PROTOCOL 1.3: that detects nothing is an entry all the same', async () => {
    await world.run();
    const summary = await world.run({ patterns: [often(3), busy] });
    expect(await world.ledger()).toEqual(['chunk_1.csv applied 1 4', 'chunk_2.csv applied 2 2', '(re) applied 3 0']);
    expect(summary.files).toBe(0);
    expect((await world.store.pipeline())?.patternSet?.fingerprint).toBe(
      world.options({ patterns: [often(3), busy] }).patterns.set.fingerprint,
    );
  });

  test('holds for the chunks after it, and what was detected before stays detected', async () => {
    await world.run({ patterns: [often(3), busy] });
    world.put('chunk_3.csv', csv('M1 C1 9', 'M2 C1 9', 'M3 C3 1'));
    await world.run();
    expect(await world.ledger()).toEqual(expect.arrayContaining(['(re) applied 3 0', 'chunk_3.csv applied 4 3']));
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '3 Twice M1 C2', '4 Twice M2 C1']);
    expect(await world.statistics()).toEqual(await (await freshRun()).statistics());
  });

  test('whose commit is not answered is evaluated once, whether it took place or not', async () => {
    for (const tookPlace of [true, false]) {
      const twin = await fresh();
      await twin.run({ patterns: [often(3), busy] });
      let commits = 0;
      const summary = await twin.run({
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            async commit(request) {
              if (tookPlace || ++commits > 1) await writer.commit(request);
              if (tookPlace ? ++commits === 1 : commits === 1) throw new TallyhoError('STORE_UNKNOWN_COMMIT', 'no answer');
            },
          })),
        }),
      });
      expect(await twin.ledger()).toHaveLength(3);
      expect(await twin.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '3 Twice M1 C2']);
      expect(summary).toMatchObject({ files: 2, lastSequence: 3, outcomes: {} });
      expect(summary.detections[0]).toEqual({ patternId: 'Twice', count: 1 });
    }
  });

  test('written otherwise is none', async () => {
    await world.run();
    await world.run({ patterns: [{ ...twice, when: ['  count>=2.0 '] }, busy] });
    expect(await world.ledger()).toHaveLength(2);
  });
});

async function freshRun(run: Run = {}): Promise<World> {
  const twin = await fresh();
  await twin.run(run);
  return twin;
}

test('another order of the patterns is another set; nothing is reported again', async () => {
  await world.run();
  const before = await world.detections();
  await world.run({ patterns: [busy, twice] });
  expect((await world.ledger()).at(-1)).toBe('(re) applied 3 0');
  expect(await world.detections()).toEqual(before);
});

describe('a pattern that is removed', () => {
  test('keeps its detections, and added again goes on from them', async () => {
    await world.run();
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '2 Twice M1 C2']);
    await world.run({ patterns: [busy] });
    world.put('chunk_3.csv', csv('M2 C1 5', 'M1 C1 1'));
    await world.run({ patterns: [busy] });
    expect(await world.detections()).toHaveLength(3);
    await world.run();
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '2 Twice M1 C2', '5 Twice M2 C1']);
    expect(await world.ledger()).toEqual([
      'chunk_1.csv applied 1 4',
      'chunk_2.csv applied 2 2',
      '(re) applied 3 0',
      'chunk_3.csv applied 4 2',
      '(re) applied 5 0',
    ]);
  });
});

describe('what the statistics do not hold', () => {
  const spent: PatternSource = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 3'] };

  test('asks for a rebuild, by name', async () => {
    await world.run();
    await expectRefused({ patterns: [twice, busy, spent] }, 'REBUILD_NEEDED', 'sum(amount)');
  });

  test('is no question while nothing is applied', async () => {
    world.remove('chunk_1.csv');
    world.remove('chunk_2.csv');
    world.put('bad.csv', 'no,such,header\n1,2,3\n');
    await world.run();
    expect(await world.ledger()).toEqual(['bad.csv quarantined 0 bad_header']);
    expect((await world.store.pipeline())?.patternSet).toBeNull();
    world.put('chunk_1.csv', csv('M1 C1 5'));
    await world.run({ patterns: [spent], input: { columns: { customer: 'customer' } } });
    expect(await world.detections()).toEqual(['1 Spent M1 C1']);
  });
});

describe('settings that give the numbers another meaning ask for a rebuild', () => {
  const spent: PatternSource = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) > 3'] };
  const weighty: PatternSource = { id: 'Weighty', action: 'LOOK', entity: ['merchant', 'customer'], when: ['avg(weight) > 3'] };

  test('columns that are used', async () => {
    await world.run({ patterns: [spent] });
    await expectRefused({ patterns: [spent], input: { columns: { amount: 'weight' } } }, 'REBUILD_NEEDED', 'columns');
    await world.run({ patterns: [spent], input: { columns: { gender: 'sex' } } });
    expect(await world.ledger()).toHaveLength(2);
  });

  test('the scale', async () => {
    await world.run({ patterns: [spent], scale: 2 });
    await expectRefused({ patterns: [spent], scale: 3 }, 'REBUILD_NEEDED', 'scale was 2, is 3');
  });

  test('where weights come from', async () => {
    world.put('chunk_1.csv', csv('M1 C1 1 7'));
    world.put('chunk_2.csv', csv('M1 C1 1 7'));
    await world.run({ patterns: [weighty], weight: 'none' });
    await expectRefused({ patterns: [weighty], weight: 'amount' }, 'REBUILD_NEEDED', 'weight was "column", is "amount"');
    // Nobody speaks of weights: nothing to ask for.
    await world.run({ patterns: [{ ...spent, when: ['count > 3'] }], weight: 'amount' });
    expect((await world.ledger()).at(-1)).toMatch(/^\(re\)/);
    await expectRefused({ patterns: [weighty], weight: 'amount' }, 'REBUILD_NEEDED', 'weight was "column", is "amount"');
    await world.run({ patterns: [weighty], weight: 'none' });
  });
});

describe('an id that has detected something', () => {
  test('with another action or other dimensions is refused', async () => {
    await world.run();
    await expectRefused({ patterns: [{ ...twice, action: 'CHILD' }, busy] }, 'PATTERN_ID_REUSED', 'stood for UPGRADE');
    await expectRefused({ patterns: [twice, { ...busy, entity: ['customer'], when: ['count > 3'] }] }, 'PATTERN_ID_REUSED', 'Busy');
  });

  test('is refused however long ago that was', async () => {
    await world.run();
    await world.run({ patterns: [busy] });
    await expectRefused({ patterns: [{ ...twice, action: 'CHILD' }, busy] }, 'PATTERN_ID_REUSED', 'Twice');
  });

  test('with its dimensions in another order speaks of the same, and reports nothing again', async () => {
    await world.run();
    await world.run({ patterns: [{ ...twice, entity: ['customer', 'merchant'] }, busy] });
    world.put('chunk_3.csv', csv('M1 C1 1', 'M2 C1 1'));
    await world.run({ patterns: [{ ...twice, entity: ['customer', 'merchant'] }, busy] });
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '2 Twice M1 C2', '4 Twice C1 M2']);
  });
});

test('an id that has detected nothing may stand for something else', async () => {
  await world.run({ patterns: [often(9), busy] });
  await world.run({ patterns: [{ ...twice, action: 'CHILD', when: ['count >= 3'] }, busy] });
  expect(await world.detections()).toEqual(['1 Busy M1', '3 Twice M1 C1']);
});

describe('a reset', () => {
  async function reset(id: string): Promise<void> {
    const writer = await world.store.claim({ waitMs: 0 });
    try {
      await writer.resetPattern(id);
    } finally {
      await writer.release();
    }
  }

  test('lets the next start detect afresh, once, under the same set of patterns', async () => {
    await world.run();
    const before = world.output();
    await reset('Twice');
    await world.run();
    expect((await world.ledger()).at(-1)).toBe('(re) applied 3 0');
    expect(await world.detections()).toEqual(['1 Twice M1 C1', '1 Busy M1', '2 Twice M1 C2', '3 Twice M1 C1', '3 Twice M1 C2']);
    const after = world.output();
    for (const [key, bytes] of before) expect(after.get(key)).toBe(bytes);
    expect(after.size).toBe(before.size + 2);
    await world.run();
    world.put('chunk_3.csv', csv('M1 C1 1', 'M2 C1 5'));
    await world.run();
    expect((await world.detections()).slice(5)).toEqual(['4 Twice M2 C1']);
    expect(await world.ledger()).toHaveLength(4);
  });

  test('twice before a start is one start afresh, and again later one more', async () => {
    await world.run();
    await reset('Busy');
    await reset('Busy');
    await world.run();
    await reset('Busy');
    await world.run();
    expect((await world.detections()).filter((text) => text.includes('Busy'))).toEqual(['1 Busy M1', '3 Busy M1', '4 Busy M1']);
  });

  test('together with another threshold is one reevaluation', async () => {
    await world.run();
    await reset('Twice');
    await world.run({ patterns: [often(3), busy] });
    expect(await world.ledger()).toHaveLength(3);
    expect((await world.detections()).at(-1)).toBe('3 Twice M1 C1');
    await world.run({ patterns: [often(3), busy] });
    expect(await world.ledger()).toHaveLength(3);
  });

  test('of a removed pattern shows when it is added again', async () => {
    await world.run();
    await world.run({ patterns: [busy] });
    await reset('Twice');
    await world.run({ patterns: [busy] });
    expect(await world.ledger()).toHaveLength(3);
    await world.run();
    expect((await world.detections()).slice(3)).toEqual(['4 Twice M1 C1', '4 Twice M1 C2']);
  });

  test('frees the id for another action, until that has detected something', async () => {
    await world.run();
    await reset('Twice');
    await world.run({ patterns: [{ ...twice, action: 'CHILD' }, busy] });
    expect((await world.detections()).slice(3)).toEqual(['3 Twice M1 C1', '3 Twice M1 C2']);
    await expectRefused({ patterns: [{ ...twice, action: 'THIRD' }, busy] }, 'PATTERN_ID_REUSED', 'Twice');
    await world.run({ patterns: [{ ...twice, action: 'CHILD' }, busy] });
    expect(await world.ledger()).toHaveLength(3);
  });
});

describe('a set that adds many detections', () => {
  const manyRows = (pairs: number): string => csv(...Array.from({ length: pairs }, (_, i) => `M1 C${i} 1`));

  test('PROTOCOL 1.3: above 1,000 wants a word; without it nothing is changed', async () => {
    world.put('chunk_3.csv', manyRows(1001));
    await world.run({ patterns: [often(5)] });
    const asked: number[] = [];
    const ask = (answer: boolean) => async (detections: number) => {
      asked.push(detections);
      return answer;
    };
    await expectRefused({ patterns: [often(1)], confirm: ask(false) }, 'CONFIRM_NEEDED', '1002 detections');
    await world.run({ patterns: [often(1)], confirm: ask(true) });
    expect(asked).toEqual([1002, 1002]);
    expect(await world.detections()).toHaveLength(1002);
    expect([...world.output().keys()].filter((key) => key.includes('detections-'))).toHaveLength(21);
  });

  test('of 1,000 does not ask, nor does a chunk', async () => {
    world.put('chunk_1.csv', manyRows(1000));
    world.remove('chunk_2.csv');
    const never = { confirm: () => Promise.reject(new Error('asked')) };
    await world.run({ patterns: [often(5)], ...never });
    await world.run({ patterns: [often(1)], ...never });
    expect(await world.detections()).toHaveLength(1000);
    world.put('chunk_2.csv', csv(...Array.from({ length: 1500 }, (_, i) => `M2 C${i} 1`)));
    await world.run({ patterns: [often(1)], ...never });
    expect(await world.detections()).toHaveLength(2500);
  });

  test('is asked about once, though the connection is lost in between', async () => {
    world.put('chunk_3.csv', manyRows(1001));
    await world.run({ patterns: [often(5)] });
    let asked = 0;
    let commits = 0;
    await world.run({
      patterns: [often(1)],
      confirm: async () => ++asked > 0,
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async commit(request) {
            if (++commits === 1) throw new TallyhoError('STORE_UNREACHABLE', 'gone');
            await writer.commit(request);
          },
        })),
      }),
    });
    expect(asked).toBe(1);
    expect(await world.detections()).toHaveLength(1002);
  });
});

test('PROTOCOL 1.3: the sets of patterns are kept, each with the entry from which it held', async () => {
  await world.run();
  await world.run({ patterns: [busy] });
  world.put('chunk_3.csv', csv('M3 C1 1'));
  await world.run({ patterns: [busy] });
  const sql = postgres(url(), { max: 1 });
  try {
    const rows = await sql<{ from: number; ids: string[] }[]>`
      select from_sequence::int as from, (select array_agg(p->>'id') from json_array_elements(patterns) p) as ids
      from ${sql(world.name)}.pattern_set order by 1`;
    expect([...rows]).toEqual([
      { from: 1, ids: ['Twice', 'Busy'] },
      { from: 3, ids: ['Busy'] },
    ]);
  } finally {
    await sql.end();
  }
});
