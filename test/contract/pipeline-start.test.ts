/** Starts and restarts: what is done once is done, and what was left undone comes first. */
import { readdirSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { csv, failing, type Run, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, url } = useWorld();

const lost = (): TallyhoError => new TallyhoError('STORE_UNREACHABLE', 'the connection ended');
const noRoom = (): TallyhoError => new TallyhoError('SINK_UNWRITABLE', 'no room');

/** Four chunks, three of them with detections. */
function putChunks(): void {
  world.put('chunk_1.csv', csv('M1 C1 1', 'M1 C1 2'));
  world.put('chunk_2.csv', csv('M2 C1 1'));
  world.put('chunk_3.csv', csv('M1 C2 1', 'M2 C2 7'));
  world.put('chunk_10.csv', csv('M1 C2 1', 'M3 C1 7', 'M3 C1 7'));
}

/** A twin that saw no fault, for comparison. */
async function expectAsIfNothingHappened(): Promise<void> {
  const twin = await world.twin();
  await twin.run();
  expect(await world.ledger()).toEqual(await twin.ledger());
  expect(await world.detections()).toEqual(await twin.detections());
  expect(await world.statistics()).toEqual(await twin.statistics());
  expect([...world.output()]).toEqual([...twin.output()]);
  const files = await world.store.files();
  expect(files).toEqual({ planned: files.published, published: world.output().size, incidents: [] });
}

test('chunks are applied in natural order, detect, and are published', async () => {
  putChunks();
  const summary = await world.run();
  expect(await world.ledger()).toEqual([
    'chunk_1.csv applied 1 2',
    'chunk_2.csv applied 2 1',
    'chunk_3.csv applied 3 2',
    'chunk_10.csv applied 4 3',
  ]);
  expect(await world.detections()).toEqual(['1 Twice M1 C1', '3 Busy M1', '3 Busy M2', '4 Twice M1 C2', '4 Twice M3 C1']);
  const folders = [1, 3, 4].flatMap((n) => ['detections-1.csv', 'evidence-1.jsonl'].map((file) => `20261122T073000.123-${n}/${file}`));
  expect([...world.output().keys()]).toEqual(folders);
  expect(summary).toMatchObject({
    outcomes: { applied: 4 },
    rows: 8,
    quarantinedRows: 0,
    files: 6,
    incidents: 0,
    grew: [],
    lastSequence: 4,
  });
  expect(summary.detections).toEqual([
    { patternId: 'Twice', count: 3 },
    { patternId: 'Busy', count: 2 },
  ]);
});

test('PROTOCOL 6: with nothing new a start writes nothing but its lease', async () => {
  putChunks();
  await world.run();
  const sql = postgres(url(), { max: 1 });
  try {
    const state = async () => {
      const [row] = await sql`select last_sequence, folded_sequence, generation, last_detection_time from ${sql(world.name)}.pipeline`;
      const [written] = await sql<{ rows: number }[]>`
        select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del) filter (where relname <> 'pipeline'), 0)::int as rows
        from pg_stat_user_tables where schemaname = ${world.name}`;
      const times = readdirSync(world.sink).map((name) => statSync(join(world.sink, name)).mtimeMs);
      return { row, times, ledger: await world.lines(), written };
    };
    await sql`select pg_stat_force_next_flush()`;
    const before = await state();
    world.events();
    const acts: string[] = [];
    const counted = <A extends unknown[], R>(name: string, act: (...args: A) => R) => {
      return (...args: A): R => {
        acts.push(name);
        return act(...args);
      };
    };
    const summary = await world.run({
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          commit: counted('commit', (request) => writer.commit(request)),
          fold: counted('fold', (rows, to, beside) => writer.fold(rows, to, beside)),
          setBasis: counted('setBasis', (basis) => writer.setBasis(basis)),
          markPublished: counted('markPublished', (keys) => writer.markPublished(keys)),
          known: counted('known', () => writer.known()),
        })),
      }),
    });
    // Once, for what is in force and for the listing.
    expect(acts).toEqual(['known']);
    expect(await state()).toEqual(before);
    expect(summary).toMatchObject({ outcomes: {}, rows: 0, files: 0, lastSequence: 4 });
    expect(world.events().map(({ kind }) => kind)).toEqual(['claimed', 'loaded', 'listed']);
  } finally {
    await sql.end();
  }
});

test('an empty source is a run like any other, and its second start sets up nothing again', async () => {
  expect(await world.run()).toMatchObject({ outcomes: {}, lastSequence: 0 });
  let made = 0;
  await world.run({
    change: ({ store }) => ({
      store: withWriter(store, (writer) => ({
        async setBasis(basis) {
          made++;
          await writer.setBasis(basis);
        },
      })),
    }),
  });
  expect(made).toBe(0);
  expect(await world.lines()).toEqual([]);
});

describe('exactly once: what was committed and not published comes first', () => {
  for (const at of [1, 2, 4]) {
    for (const when of ['before', 'after'] as const) {
      test(`a sink that fails for good ${when} put ${at}`, async () => {
        putChunks();
        const put: { calls: number } = { calls: 0 };
        const broken: Run = {
          change: ({ sink, store }) => ({
            sink: withObjects(sink, {
              async put(key, bytes) {
                const fails = ++put.calls >= at;
                if (fails && when === 'before') throw noRoom();
                const result = await sink.put(key, bytes);
                if (fails) throw noRoom();
                return result;
              },
            }),
            // The first life only: with `--once` the failures after it would take their time.
            store: {
              ...withWriter(store, () => ({})),
              claim: failing(
                (options) => store.claim(options),
                [2],
                () => new Error('enough'),
              ),
            },
          }),
        };
        await expect(world.run(broken)).rejects.toThrow('enough');
        world.events();
        const summary = await world.run();
        await expectAsIfNothingHappened();
        const order = world.events().flatMap((event) => (event.kind === 'published' ? [event.key] : []));
        expect(order).toEqual(order.toSorted((a, b) => sequenceOf(a) - sequenceOf(b)));
        expect(summary.files).toBe(order.length);
      });
    }
  }

  test('files of an earlier run are put before anything new is read', async () => {
    putChunks();
    await expect(
      world.run({
        change: ({ sink, store }) => ({
          sink: withObjects(sink, { put: () => Promise.reject(noRoom()) }),
          store: {
            ...withWriter(store, () => ({})),
            claim: failing(
              (options) => store.claim(options),
              [2],
              () => new Error('enough'),
            ),
          },
        }),
      }),
    ).rejects.toThrow('enough');
    world.put('chunk_11.csv', csv('M9 C1 1', 'M9 C1 1'));
    world.events();
    await world.run();
    const kinds = world.events().map(({ kind }) => kind);
    expect(kinds.lastIndexOf('published')).toBeGreaterThan(kinds.indexOf('listed'));
    expect(kinds.slice(0, kinds.indexOf('listed')).filter((kind) => kind === 'published')).toHaveLength(6);
    await expectAsIfNothingHappened();
  });
});

describe('PROTOCOL 3.4: a failure of the store in the middle', () => {
  const moments = [
    ['commit', 1],
    ['commit', 2],
    ['commit', 4],
    ['markPublished', 1],
    ['fold', 1],
    ['findContent', 1],
  ] as const;
  for (const [act, at] of moments) {
    for (const when of ['before', 'after'] as const) {
      test(`${when} ${act} ${at}: nothing is lost or doubled`, async () => {
        putChunks();
        world.put('chunk_4.csv', csv('M2 C1 1'));
        const counts: Record<string, number> = {};
        let failed = 0;
        const summary = await world.run({
          commitChunks: 1,
          change: ({ store }) => ({
            store: withWriter(store, (writer) => ({
              [act]: async (...args: never[]) => {
                counts[act] = (counts[act] ?? 0) + 1;
                const fails = counts[act] === at;
                if (fails) failed++;
                if (fails && when === 'before') throw lost();
                const result = await (writer[act] as (...args: never[]) => Promise<unknown>)(...args);
                if (fails) throw act === 'commit' || act === 'fold' ? new TallyhoError('STORE_UNKNOWN_COMMIT', 'no answer') : lost();
                return result;
              },
            })),
          }),
        });
        await expectAsIfNothingHappened();
        expect(summary).toMatchObject({ outcomes: { applied: 4, duplicate: 1 }, rows: 9, files: 6, incidents: 0 });
        expect(summary.detections.map(({ count }) => count)).toEqual([3, 2]);
        const retries = world.events().filter(({ kind }) => kind === 'retry');
        expect(retries).toHaveLength(1);
        expect(failed).toBe(1);
      });
    }
  }
});

test('--once gives up on a fold that never works, and on a sink that never works', async () => {
  putChunks();
  let folds = 0;
  await expect(
    world.run({
      change: ({ store }) => ({
        store: withWriter(store, () => ({
          fold: () => {
            folds++;
            return Promise.reject(lost());
          },
        })),
      }),
    }),
  ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  // The second life publishes what the first left, which is progress.
  expect(folds).toBe(7);
  await expect(
    (await world.twin()).run({ change: ({ sink }) => ({ sink: withObjects(sink, { put: () => Promise.reject(noRoom()) }) }) }),
  ).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
  await world.run();
  await expectAsIfNothingHappened();
});

describe('an output that is ahead of the state', () => {
  test('is refused with the mend, and nothing is done', async () => {
    putChunks();
    mkdirSync(join(world.sink, '20261122T073000.123-7'), { recursive: true });
    const error = await world.run().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SINK_AHEAD', mend: expect.stringContaining('another output') as string });
    expect(await world.lines()).toEqual([]);
  });

  test('also where it has a folder of a number that was given and planned nothing', async () => {
    world.put('chunk_1.csv', csv('M1 C1 1'));
    await world.run();
    mkdirSync(join(world.sink, '20200101T000000.000-1'), { recursive: true });
    await expect(world.run()).rejects.toMatchObject({ code: 'SINK_AHEAD' });
  });

  test('folders and files of others are left alone', async () => {
    mkdirSync(join(world.sink, 'reports/2026'), { recursive: true });
    writeFileSync(join(world.sink, 'reports/2026/a.txt'), 'theirs');
    mkdirSync(join(world.sink, '20261122-99'));
    putChunks();
    expect(await world.run()).toMatchObject({ files: 6 });
    expect(Buffer.from(world.output().get('reports/2026/a.txt') ?? '', 'base64').toString()).toBe('theirs');
  });
});

describe('law 6, single writer', () => {
  test('a second detector is refused while the first runs, and waits where it is told to', async () => {
    putChunks();
    const stop = new AbortController();
    const first = world.run({ once: false, signal: stop.signal });
    await until(async () => (await world.lines()).length === 4);
    await expect(world.run()).rejects.toMatchObject({ code: 'HELD' });
    const second = world.run({ change: () => ({ claimWaitMs: 60_000 }) });
    stop.abort();
    await first;
    expect(await second).toMatchObject({ outcomes: {}, lastSequence: 4 });
  });

  test('one that was taken over is refused by its commit, and ends with FENCED', async () => {
    putChunks();
    const sql = postgres(url(), { max: 1 });
    try {
      let commits = 0;
      await expect(
        world.run({
          commitChunks: 1,
          change: ({ store }) => ({
            store: withWriter(store, (writer) => ({
              async commit(request) {
                if (++commits === 3) await sql`update ${sql(world.name)}.pipeline set epoch = epoch + 1`;
                await writer.commit(request);
              },
            })),
          }),
        }),
      ).rejects.toMatchObject({ code: 'FENCED' });
      expect(await world.ledger()).toHaveLength(2);
    } finally {
      await sql.end();
    }
    await world.run();
    await expectAsIfNothingHappened();
  });
});

test('PROTOCOL 4.5, law 6: what another has published since it took over is no output that is ahead, but FENCED', async () => {
  putChunks();
  const rival = world.options();
  const sql = postgres(url(), { max: 1 });
  try {
    await expect(
      world.run({
        change: ({ sink }) => ({
          sink: withObjects(sink, {
            // Paused between its claim and this look at the output, for longer than its lease.
            async folders() {
              await sql`update ${sql(world.name)}.pipeline set lease_until = clock_timestamp() - interval '1 second'`;
              const store = await openPostgresStore({ connection: { url: url() }, pipeline: world.name });
              await runPipeline({ ...rival, store }, { once: true, signal: new AbortController().signal });
              await store.close();
              return await sink.folders();
            },
          }),
        }),
      }),
    ).rejects.toMatchObject({ code: 'FENCED' });
  } finally {
    await sql.end();
  }
  await expectAsIfNothingHappened();
});

test('two pipelines in one database know nothing of each other', async () => {
  putChunks();
  const twin = await world.twin();
  const [a, b] = await Promise.all([world.run(), twin.run()]);
  expect(a.outcomes).toEqual(b.outcomes);
  expect([...world.output()]).toEqual([...twin.output()]);
});

function sequenceOf(key: string): number {
  return Number(/-(\d+)\//.exec(key)?.[1]);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
