/** Weights from a reference file: entry 0 of the ledger (PROTOCOL.md 1.2). */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { csv, type Run, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world } = useWorld();
let file: string;
let run: Run;

const weighty: PatternSource = { id: 'Weighty', action: 'LOOK', entity: ['merchant', 'customer'], when: ['avg(weight) > 3'] };
const counted: PatternSource = { id: 'Counted', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count >= 2'] };

beforeEach(async () => {
  file = join(world.folder, 'weights.csv');
  run = { patterns: [weighty], weight: 'reference', reference: file };
  writeReference('C1,M1,5', 'C2,M1,1', 'C1,M9,9', 'C1,M1,x');
  world.put('a.csv', csv('M1 C1 1', 'M1 C2 1', 'M2 C1 1'));
});

function writeReference(...rows: readonly string[]): void {
  writeFileSync(file, `Source,Target,Weight\n${rows.map((row) => `${row}\n`).join('')}`);
}

test('PROTOCOL 1.2: is entry 0, with rows, rejects and conservation; it detects nothing by itself', async () => {
  await world.run(run);
  expect(await world.ledger()).toEqual(['weights.csv applied 0 4', 'a.csv applied 1 3']);
  const [line] = await world.lines();
  expect(line).toMatchObject({ kind: 'reference', applied: 3, quarantined: 1, notCounted: 0, detections: 0 });
  const rejected: unknown[] = [];
  for await (const rows of world.store.rejected({ key: 'weights.csv' }))
    rejected.push(...rows.map(({ object, line: at, reason }) => [object, at, reason]));
  expect(rejected).toEqual([['weights.csv', 5, 'bad_weight']]);
  expect(await world.detections()).toEqual(['1 Weighty M1 C1']);
});

test('a run tells of chunks, not of the reference', async () => {
  expect(await world.run(run)).toMatchObject({ outcomes: { applied: 1 }, rows: 3, quarantinedRows: 0 });
});

test('is read once: a second start reads only its id', async () => {
  await world.run(run);
  const wants: string[] = [];
  await world.run({
    ...run,
    change: ({ reference }) => ({
      reference:
        reference === null
          ? null
          : {
              ...reference,
              engine: {
                ...reference.engine,
                aggregate(tasks, plan, signal) {
                  for (const { want } of tasks as Iterable<{ want: string }>) wants.push(want);
                  return reference.engine.aggregate(tasks, plan, signal);
                },
              },
            },
    }),
  });
  expect(wants).toEqual(['id']);
  expect(await world.ledger()).toHaveLength(2);
});

test('a changed one is refused, and taken by a rebuild', async () => {
  await world.run(run);
  writeReference('C1,M1,1', 'C2,M1,7');
  await expect(world.run(run)).rejects.toMatchObject({ code: 'REBUILD_NEEDED', message: expect.stringContaining('reference') as string });
  await world.rebuild(run);
  expect(await world.ledger()).toEqual(['weights.csv applied 0 2', 'a.csv applied 1 3', '(re) applied 2 0']);
  expect(await world.detections()).toEqual(['1 Weighty M1 C1', '2 Weighty M1 C2']);
  await world.run(run);
  const twin = await world.twin();
  await twin.run(run);
  expect(await world.statistics(run)).toEqual(await twin.statistics(run));
  expect(await world.ledger()).toHaveLength(3);
});

test('so are other columns of it', async () => {
  await world.run(run);
  const other: Run = {
    ...run,
    change: ({ reference }) => ({ reference: reference === null ? null : { ...reference, columns: { weight: 'Target' } } }),
  };
  await expect(world.run(other)).rejects.toMatchObject({ code: 'REBUILD_NEEDED', message: expect.stringContaining('reference') as string });
});

test('one that was not there before is taken by a rebuild as entry 0', async () => {
  await world.run({ patterns: [counted] });
  await expect(world.run(run)).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
  await world.rebuild(run);
  expect((await world.ledger()).toSorted()).toEqual(['(re) applied 2 0', 'a.csv applied 1 3', 'weights.csv applied 0 4']);
  expect(await world.detections()).toEqual(['2 Weighty M1 C1']);
  await world.run(run);
});

describe('a crash around its commit', () => {
  test.each([
    ['before its commit, after the layout was set', 'before'],
    ['with its commit unanswered', 'after'],
  ] as const)('%s: it is read all the same, once', async (_, when) => {
    let commits = 0;
    const broken: Run = {
      ...run,
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async commit(request) {
            if (++commits > 1) throw new Error('enough');
            if (when === 'after') await writer.commit(request);
            throw new TallyhoError('STORE_UNKNOWN_COMMIT', 'no answer');
          },
        })),
      }),
    };
    await expect(world.run(broken)).rejects.toThrow('enough');
    await world.run(run);
    expect(await world.ledger()).toEqual(['weights.csv applied 0 4', 'a.csv applied 1 3']);
    expect(await world.detections()).toEqual(['1 Weighty M1 C1']);
  });
});

test('before anything counts another reference is no question', async () => {
  world.remove('a.csv');
  await expect(
    world.run({
      ...run,
      change: ({ store }) => ({ store: withWriter(store, () => ({ commit: () => Promise.reject(new Error('enough')) })) }),
    }),
  ).rejects.toThrow('enough');
  writeReference('C1,M1,4');
  await world.run(run);
  expect(await world.ledger()).toEqual(['weights.csv applied 0 1']);
  writeReference('C1,M1,5');
  await expect(world.run(run)).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
});

test('inside of the source it is no chunk', async () => {
  writeFileSync(join(world.source, 'weights.csv'), 'Source,Target,Weight\nC1,M1,5\n');
  const inside: Run = {
    ...run,
    reference: join(world.source, 'weights.csv'),
    change: ({ reference }) => ({ reference: reference === null ? null : { ...reference, keyInSource: 'weights.csv' } }),
  };
  await world.run(inside);
  await world.run({ ...inside, input: { onBadChunk: 'halt' } });
  expect(await world.ledger()).toEqual(['weights.csv applied 0 1', 'a.csv applied 1 3']);
  expect(await world.rebuild(inside)).toMatchObject({ chunks: 1, rows: 4 });
});

describe('one that cannot be had is refused, and nothing is counted', () => {
  const refused = async (words: string, code = 'REFERENCE_UNREADABLE'): Promise<void> => {
    const error = await world.run(run).catch((error: unknown) => error);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) as string });
    expect(await world.lines()).toEqual([]);
  };

  test('missing', async () => {
    rmSync(file);
    await refused('is not there');
  });

  test('without its columns', async () => {
    writeFileSync(file, 'a,b,c\n1,2,3\n');
    await refused('Source');
  });

  test('mostly bad rows', async () => {
    writeReference('C1,M1,x', 'C1,M1,y', 'C1,M1,1');
    await refused('2 of its 3 rows are bad');
  });

  test('changed while it is read', async () => {
    let reads = 0;
    const racing: Run = {
      ...run,
      change: ({ reference }) => {
        if (reference === null) return {};
        const objects = withObjects(reference.objects, {
          read(object, signal) {
            if (++reads === 2) writeReference('C1,M1,9');
            return reference.objects.read(object, signal);
          },
        });
        return { reference: { ...reference, objects, engine: makeLocalEngine({ source: objects }) } };
      },
    };
    await expect(world.run(racing)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE' });
    await world.run(run);
    expect(await world.ledger()).toEqual(['weights.csv applied 0 1', 'a.csv applied 1 3']);
  });
});

test('that no pattern needs is not read, and may be missing', async () => {
  rmSync(file);
  await world.run({ ...run, patterns: [counted] });
  expect(await world.ledger()).toEqual(['a.csv applied 1 3']);
});

test('that no pattern needs any more may go; when it is needed again it must be the same', async () => {
  await world.run({ ...run, patterns: [weighty, counted] });
  rmSync(file);
  await world.run({ patterns: [counted] });
  expect((await world.ledger()).at(-1)).toBe('(re) applied 2 0');
  world.put('b.csv', csv('M1 C2 1'));
  await world.run({ patterns: [counted] });
  writeReference('C1,M1,6');
  await expect(world.run({ ...run, patterns: [weighty, counted] })).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
  writeReference('C1,M1,5', 'C2,M1,1', 'C1,M9,9', 'C1,M1,x');
  await world.run({ ...run, patterns: [weighty, counted] });
  const twin = await world.twin();
  await twin.run({ ...run, patterns: [weighty, counted] });
  expect(await world.statistics({ ...run, patterns: [weighty, counted] })).toEqual(
    await twin.statistics({ ...run, patterns: [weighty, counted] }),
  );
});
