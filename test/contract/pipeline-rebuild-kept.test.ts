/** `rebuild` where the source no longer has what was applied: the kept deltas stand for it, or it is named (PROTOCOL.md 3.9). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import type { RebuildSummary } from '../../src/pipeline/rebuild.ts';
import { makeRandom, type Random } from '../helpers/dataset/random.ts';
import { testPatterns } from '../helpers/pipeline.ts';
import { csv, failing, type Run, withWriter } from '../helpers/pipeline-world.ts';
import { chunk, makeDesk } from '../helpers/quarantine-desk.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world } = useWorld({ weight: 'column' });
const { quarantined, conservation, exported } = makeDesk(world);

const pair = ['merchant', 'customer'];
const pool: readonly PatternSource[] = [
  { id: 'Twice', action: 'UP', entity: pair, when: ['count >= 2'] },
  { id: 'Spent', action: 'UP', entity: pair, when: ['sum(amount) >= 5'] },
  { id: 'Women', action: 'UP', entity: ['merchant'], when: ['distinct(customer where gender = F) >= 2'] },
  { id: 'Dear', action: 'UP', entity: pair, when: ['sum(amount where gender in (F, M)) > 3', 'count(where amount > 2) >= 1'] },
  { id: 'Seller', action: 'UP', entity: ['merchant'], when: ['sum(amount) >= 9'] },
  { id: 'Heavy', action: 'UP', entity: ['customer'], when: ['avg(weight) > 2'] },
  { id: 'Triple', action: 'UP', entity: [...pair, 'gender'], when: ['count >= 1', 'sum(amount) >= 2'] },
  { id: 'Sex', action: 'UP', entity: ['gender'], when: ['sum(amount) in top 50% of all'] },
];

const someOf = (random: Random): Run => ({
  weight: 'column',
  patterns: random.shuffle([...pool]).slice(0, 1 + random.below(5)),
});

const rowsOf = (random: Random): string =>
  csv(
    ...Array.from({ length: 1 + random.below(6) }, () => {
      const amount = random.chance(0.1) ? '999999999999999.99' : `${random.below(9)}.${random.below(10)}`;
      return `M${random.below(3)} C${random.below(5)} ${amount} ${random.below(5)} ${random.pick(['F', 'M', 'X'])}`;
    }),
  );

const keys = ['a.csv', 'b.csv', 'c.csv', 'd.csv'];

async function tryRebuild(run: Run): Promise<RebuildSummary | string> {
  try {
    return await world.rebuild(run);
  } catch (error) {
    if (error instanceof TallyhoError) return error.code;
    throw error;
  }
}

describe('PROTOCOL 3.9: from kept deltas is as from the source', () => {
  let kept = 0;
  let blocked = 0;

  test.each(Array.from({ length: 24 }, (_, i) => 4000 + i))('random layouts, seed %i', async (seed) => {
    const random = makeRandom(seed);
    const before = someOf(random);
    const after = someOf(random);
    for (const key of keys) world.put(key, rowsOf(random));
    await world.run(before);
    // Some are corrections by now.
    world.put('a.csv', rowsOf(random));
    await world.run({ ...before, input: { onChanged: 'correct' } });
    const twin = await world.twin();
    await twin.run(after);

    const gone = random.shuffle([...keys]).slice(0, 1 + random.below(keys.length));
    for (const [i, key] of gone.entries()) {
      if (i % 2 === 0) world.remove(key);
      else world.put(key, rowsOf(random));
    }
    const numbers = await conservation();
    const { layout } = (await world.store.pipeline())?.basis ?? expect.unreachable('nothing is kept');
    const result = await tryRebuild(after);
    if (result === 'REBUILD_BLOCKED') {
      blocked++;
      // What the kept statistics can evaluate, their deltas can be made from.
      expect(bindPatterns(testPatterns({ patterns: after.patterns ?? [], weight: 'column' }), layout).kind).toBe('missing');
      expect(await conservation()).toEqual(numbers);
      return;
    }
    kept++;
    expect(result).toMatchObject({ chunks: keys.length, fromKept: gone.length });
    expect(await world.statistics(after)).toEqual(await twin.statistics(after));
    expect((await conservation()).slice(0, numbers.length)).toEqual(numbers);
    // Once more: the deltas that were written stand for the contents by the new layout.
    const statistics = await world.statistics(after);
    for (const key of keys) if (existsSync(join(world.source, key))) world.remove(key);
    expect(await world.rebuild(after)).toMatchObject({ fromKept: keys.length });
    expect(await world.statistics(after)).toEqual(statistics);
    // And a correction still knows what to take out.
    for (const key of keys) world.put(key, rowsOf(random));
    await world.run({ ...after, input: { onChanged: 'correct' } });
    const last = await world.twin();
    await last.run(after);
    expect(await world.statistics(after)).toEqual(await last.statistics(after));
  });

  test('some of these were kept, some were not', () => {
    expect(Math.min(kept, blocked)).toBeGreaterThan(2);
  });
});

const spent: Run = { patterns: [{ id: 'Spent', action: 'LOOK', entity: pair, when: ['sum(amount) >= 10'] }] };
const counted: Run = { patterns: [{ id: 'Twice', action: 'LOOK', entity: pair, when: ['count >= 2'] }] };

describe('PROTOCOL 3.9: what stands beside the rows', () => {
  test('rejected rows, their numbers and what was replayed of them stay', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x', 'M1,C2,y', 'M1,C2,1'));
    await world.run(spent);
    const { text } = await exported();
    await world.replay(text.replace('M1,C1,x', 'M1,C1,6'), spent);
    const before = [await world.statistics(spent), await quarantined(), await conservation()];
    world.remove('a.csv');
    expect(await world.rebuild(spent)).toMatchObject({ chunks: 1, fromKept: 1, detections: 0 });
    expect([await world.statistics(spent), await quarantined(), (await conservation()).slice(0, -1)]).toEqual(before);
    // What is still open can be mended as before.
    expect(await world.replay(text.replace('M1,C2,y', 'M1,C2,9'), spent)).toMatchObject({ applied: 1 });
    expect(await world.detections()).toEqual(['2 Spent M1 C1', '4 Spent M1 C2']);
  });

  test('rejected rows of the contents in force, not of those that they took the place of', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x', 'M1,C1,6'));
    await world.run(spent);
    world.put('a.csv', chunk('M1,C1,7', 'M1,C1,8', 'M1,C1,y'));
    await world.run({ ...spent, input: { onChanged: 'correct' } });
    const before = [await quarantined(), await conservation(), await world.statistics(spent)];
    expect(before[0]).toHaveLength(2);
    world.remove('a.csv');
    expect(await world.rebuild(spent)).toMatchObject({ chunks: 1, fromKept: 1, rows: 3 });
    expect([await quarantined(), (await conservation()).slice(0, -1), await world.statistics(spent)]).toEqual(before);
  });

  test('a chunk that changed stays counted as it was, and its change stays told', async () => {
    world.put('a.csv', csv('M1 C1 5', 'M1 C1 6'));
    await world.run(spent);
    world.put('a.csv', csv('M2 C2 50'));
    await world.run(spent);
    expect(await world.rebuild(counted)).toEqual({ chunks: 1, fromKept: 1, leftOut: 0, rows: 2, detections: 1 });
    expect(await world.ledger()).toEqual(['a.csv applied 1 2', 'a.csv changed 0', '(re) applied 2 0']);
    expect(await world.run(counted)).toMatchObject({ outcomes: {} });
    expect(await world.rebuild({ ...counted, acceptChanged: true })).toMatchObject({ fromKept: 0, rows: 1 });
  });

  test('a rebuild whose answer is lost has taken place once', async () => {
    world.put('a.csv', csv('M1 C1 5', 'M1 C1 6'));
    await world.run(spent);
    world.remove('a.csv');
    for (const when of ['before', 'after'] as const) {
      const lost = world.rebuild({
        ...counted,
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            rebuild: failing(
              (request) => writer.rebuild(request),
              [1],
              () => new Error('lost'),
              when,
            ),
          })),
        }),
      });
      await expect(lost).rejects.toThrow('lost');
      if (when === 'before') expect(await world.ledger()).toHaveLength(1);
    }
    expect(await world.rebuild(counted)).toMatchObject({ fromKept: 1, rows: 2, detections: 0 });
    expect(await world.detections()).toEqual(['1 Spent M1 C1', '2 Twice M1 C1']);
    world.put('b.csv', csv('M1 C2 1', 'M1 C2 1'));
    await world.run(counted);
    expect((await world.detections()).at(-1)).toBe('4 Twice M1 C2');
  });
});

describe('PROTOCOL 3.9: what was read by other settings is not used', () => {
  const weighed: Run = { patterns: [{ id: 'Heavy', action: 'LOOK', entity: ['customer'], when: ['sum(weight) >= 2'] }] };
  const cases: readonly (readonly [string, Run, Run])[] = [
    ['another scale', spent, { ...spent, scale: 3 }],
    ['another column', spent, { ...spent, input: { columns: { customer: 'gender' } } }],
    ['weights from amounts', weighed, { ...weighed, weight: 'amount' }],
    ['weights no longer from amounts', { ...weighed, weight: 'amount' }, weighed],
    ['a measure that is not kept', counted, spent],
    ['a key that is not kept', { patterns: [{ id: 'M', action: 'LOOK', entity: ['merchant'], when: ['count >= 2'] }] }, counted],
  ];
  test.each(cases)('%s', async (_, before, after) => {
    for (let i = 0; i < 8; i++) world.put(`a${i}.csv`, csv(`M1 C1 ${i} 2 F`, `M1 C1 ${i} 6 F`));
    await world.run(before);
    for (let i = 0; i < 7; i++) world.remove(`a${i}.csv`);
    const ledger = await world.ledger();
    await expect(world.rebuild(after)).rejects.toMatchObject({
      code: 'REBUILD_BLOCKED',
      message: expect.stringContaining('a0.csv, a1.csv, a2.csv, a3.csv, a4.csv and 2 more') as string,
      mend: expect.not.stringContaining('--accept-changed') as string,
    });
    expect(await world.ledger()).toEqual(ledger);
    expect(await world.rebuild(before)).toMatchObject({ chunks: 8, fromKept: 7 });
  });

  test('a delta that is deleted', async () => {
    world.put('a.csv', csv('M1 C1 5'));
    await world.run(spent);
    world.remove('a.csv');
    await expect(
      world.rebuild({
        ...spent,
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            async inForce(key) {
              const force = await writer.inForce(key);
              return force === null ? null : { ...force, contents: null };
            },
          })),
        }),
      }),
    ).rejects.toMatchObject({ code: 'REBUILD_BLOCKED' });
  });
});
