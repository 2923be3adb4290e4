/** Being told to stop, the fold, incidents, and time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { describe, expect, test, vi } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { csv, type Run, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, url } = useWorld();

const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_122);

/** Chunks that all touch the same few entities, so that their order shows. */
function putChunks(count: number): void {
  for (let i = 0; i < count; i++) world.put(`chunk_${i}.csv`, csv(`M${i % 7} C${i % 11} 1`, `M${i % 5} C${i % 3} 2`));
}

async function expectAsIfNothingHappened(): Promise<void> {
  const twin = await world.twin();
  await twin.run();
  expect(await world.ledger()).toEqual(await twin.ledger());
  expect(await world.detections()).toEqual(await twin.detections());
  expect(await world.statistics()).toEqual(await twin.statistics());
  expect([...world.output()]).toEqual([...twin.output()]);
}

/** All that the ledger has is in the tables and in the output, and nothing else is. */
async function expectWhole(): Promise<void> {
  const row = await world.store.pipeline();
  const lines = await world.lines();
  const last = Math.max(0, ...lines.map(({ sequence }) => sequence ?? 0));
  expect(row).toMatchObject({ lastSequence: last, held: false });
  expect(Math.max(0, row?.foldedSequence ?? -1)).toBe(last);
  const files = await world.store.files();
  expect(files.published).toBe(files.planned);
  expect(world.output().size).toBe(files.planned);
}

describe('told to stop', () => {
  test('PROTOCOL 4.2: with files of an earlier life still to publish, a start commits nothing that would be published before them', async () => {
    putChunks(12);
    const noRoom = (): TallyhoError => new TallyhoError('SINK_UNWRITABLE', 'no room');
    await expect(
      world.run({ change: ({ sink }) => ({ sink: withObjects(sink, { put: () => Promise.reject(noRoom()) }) }) }),
    ).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    expect(world.output().size).toBe(0);
    const before = await world.lines();
    const changed: Run = { patterns: [{ id: 'Once', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count >= 1'] }] };
    const stop = new AbortController();
    await world.run({
      ...changed,
      signal: stop.signal,
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async load(detector) {
            await writer.load(detector);
            stop.abort();
          },
        })),
      }),
    });
    expect(await world.lines()).toEqual(before);
    expect(world.output().size).toBe(0);
    const put: number[] = [];
    await world.run({
      ...changed,
      on(event) {
        if (event.kind === 'published') put.push(Number(/-(\d+)\//.exec(event.key)?.[1]));
      },
    });
    expect(put.length).toBeGreaterThan(3);
    expect(put).toEqual(put.toSorted((a, b) => a - b));
    await expectWhole();
  });

  test(`at random moments: what was evaluated is committed, published and folded, and a later run completes (seed ${seed})`, async () => {
    const random = makeRandom(seed);
    putChunks(40);
    for (let round = 0; round < 12; round++) {
      const stop = new AbortController();
      const evaluated: string[] = [];
      const at = random.below(5);
      const kinds = ['claimed', 'loaded', 'listed', 'evaluated', 'committed', 'published', 'folded'] as const;
      const kind = random.pick(kinds);
      let seen = 0;
      const summary = await world.run({
        once: random.chance(0.5),
        signal: stop.signal,
        commitChunks: random.pick([null, 1, 3]),
        on(event) {
          if (event.kind === 'evaluated') evaluated.push(event.line.key);
          if (event.kind === kind && seen++ >= at) stop.abort();
          if (event.kind === 'idle') stop.abort();
        },
      });
      expect(summary.outcomes.applied ?? 0).toBe(evaluated.length);
      await expectWhole();
    }
    await world.run();
    await expectAsIfNothingHappened();
  });

  test('before it begins: it ends at once, without an error', async () => {
    putChunks(3);
    expect(await world.run({ signal: AbortSignal.abort() })).toMatchObject({ outcomes: {} });
    expect(await world.store.pipeline()).toSatisfy((row: { held: boolean } | null) => row === null || !row.held);
  });

  test('while it waits for another detector', async () => {
    putChunks(3);
    const writer = await world.store.claim({ waitMs: 0 });
    try {
      expect(await world.run({ signal: AbortSignal.timeout(300), change: () => ({ claimWaitMs: 60_000 }) })).toMatchObject({
        outcomes: {},
      });
    } finally {
      await writer.release();
    }
  });

  test('while it waits for a young file, and while it is idle', async () => {
    world.put('a.csv', csv('M1 C1 1'), new Date());
    const summary = await world.run({ input: { settleMs: 3_600_000 }, signal: AbortSignal.timeout(500) });
    expect(summary.outcomes).toEqual({});
    const stop = new AbortController();
    await world.run({
      once: false,
      signal: stop.signal,
      input: { pollMs: 3_600_000 },
      on(event) {
        if (event.kind === 'idle') stop.abort();
      },
    });
    expect(await world.ledger()).toEqual(['a.csv applied 1 1']);
  });

  test('while it waits after a failure: it ends without an error, nothing is in hand', async () => {
    putChunks(2);
    const stop = new AbortController();
    await world.run({
      once: false,
      signal: stop.signal,
      on(event) {
        if (event.kind === 'retry') stop.abort();
      },
      change: ({ sink }) => ({ sink: withObjects(sink, { folders: () => Promise.reject(new TallyhoError('SINK_UNWRITABLE', 'gone')) }) }),
    });
    expect(await world.lines()).toEqual([]);
  });

  test('and unable to commit what it has: the error is told', async () => {
    putChunks(2);
    const stop = new AbortController();
    await expect(
      world.run({
        signal: stop.signal,
        change: ({ store }) => ({
          store: withWriter(store, () => ({
            commit() {
              stop.abort();
              return Promise.reject(new TallyhoError('STORE_UNREACHABLE', 'gone'));
            },
          })),
        }),
      }),
    ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await world.run();
    await expectAsIfNothingHappened();
  });
});

describe('the end of a run', () => {
  test('leaves nothing under way, however it ended', async () => {
    putChunks(20);
    let underWay = 0;
    const watched: Run = {
      change: ({ sink, store }) => ({
        sink: withObjects(sink, {
          async put(key, bytes) {
            underWay++;
            await sleep(30);
            try {
              if (key.includes('-9/')) throw new TallyhoError('SINK_UNWRITABLE', 'no room');
              return await sink.put(key, bytes);
            } finally {
              underWay--;
            }
          },
        }),
        store: withWriter(store, (writer) => ({
          async commit(request) {
            underWay++;
            try {
              await writer.commit(request);
              if (request.to > 15) throw new Error('enough');
            } finally {
              underWay--;
            }
          },
        })),
      }),
    };
    await expect(world.run({ ...watched, commitChunks: 5 })).rejects.toThrow();
    expect(underWay).toBe(0);
    expect((await world.store.pipeline())?.held).toBe(false);
    await world.run();
    await expectAsIfNothingHappened();
  });
});

describe('the fold', () => {
  test('makes the tables equal to memory: what is loaded from them alone is the aggregate of all rows', async () => {
    putChunks(30);
    await world.run();
    expect(await world.store.pipeline()).toMatchObject({ lastSequence: 30, foldedSequence: 30 });
    const sql = postgres(url(), { max: 1 });
    try {
      const views = await sql<{ merchant: string; customer: string; count: number }[]>`
        select merchant, customer, count::int from ${sql(world.name)}.stats_merchant_customer order by merchant, customer`;
      const expected = new Map<string, number>();
      for (let i = 0; i < 30; i++) {
        for (const pair of [`M${i % 7} C${i % 11}`, `M${i % 5} C${i % 3}`]) expected.set(pair, (expected.get(pair) ?? 0) + 1);
      }
      expect(views.map(({ merchant, customer, count }) => [`${merchant} ${customer}`, count])).toEqual(
        [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    } finally {
      await sql.end();
    }
  });

  test.each(['before', 'after', 'never answered'] as const)(
    'that fails (%s it took place) is made up for, and adds nothing twice',
    async (when) => {
      putChunks(10);
      let folds = 0;
      const failing: Run = {
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            async fold(...fold) {
              const fails = ++folds % 2 === 1 && folds < 6;
              if (fails && when === 'before')
                throw new TallyhoError('STORE_FAILED', 'no room', { cause: Object.assign(new Error(), { code: '53100' }) });
              await writer.fold(...fold);
              if (fails && when === 'after') throw new TallyhoError('STORE_UNREACHABLE', 'gone');
              if (fails) throw new TallyhoError('STORE_UNKNOWN_COMMIT', 'no answer');
            },
          })),
        }),
      };
      await world.run(failing);
      putChunks(15);
      await world.run(failing);
      await expectWhole();
      await expectAsIfNothingHappened();
    },
  );

  test('comes in the middle of a long backlog too, and is not asked for where there is nothing to fold', async () => {
    putChunks(24);
    const clock = performance.now.bind(performance);
    let ahead = 0;
    let folding: Promise<void> = Promise.resolve();
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => clock() + ahead);
    try {
      await world.run({
        commitChunks: 1,
        on(event) {
          // As if each chunk took 4 seconds.
          if (event.kind === 'evaluated') ahead += 4_000;
        },
        // As if a fold took no longer than a chunk.
        change: ({ store }) => ({
          store: withWriter(store, (writer) => ({
            fold: (...fold) => (folding = writer.fold(...fold)),
            async commit(request) {
              await folding;
              await writer.commit(request);
            },
          })),
        }),
      });
    } finally {
      spy.mockRestore();
    }
    const folded = world.events().flatMap((event) => (event.kind === 'folded' ? [event.to] : []));
    expect(folded.length).toBeGreaterThanOrEqual(4);
    expect(folded.at(-1)).toBe(24);
    await expectAsIfNothingHappened();
  });

  test('of a watching detector comes when it is idle', async () => {
    const stop = new AbortController();
    const running = world.run({ once: false, signal: stop.signal });
    try {
      for (let i = 0; i < 3; i++) {
        world.put(`chunk_${i}.csv`, csv(`M${i} C1 1`));
        while ((await world.store.pipeline())?.foldedSequence !== i + 1) await sleep(20);
      }
    } finally {
      stop.abort();
      await running;
    }
    const folds = world.events().filter(({ kind }) => kind === 'folded');
    expect(folds.length).toBeLessThanOrEqual(4);
  });
});

describe('other bytes under a name of ours', () => {
  const folder = '20261122T073000.123-1';
  const put = (): void => {
    world.put(
      'chunk_1.csv',
      csv(...Array.from({ length: 120 }, (_, i) => `M${i} C1 1`), ...Array.from({ length: 120 }, (_, i) => `M${i} C1 1`)),
    );
    world.put('chunk_2.csv', csv('M1 C2 1'));
  };
  const plant = (file: string, text = 'theirs'): void => {
    mkdirSync(join(world.sink, folder), { recursive: true });
    writeFileSync(join(world.sink, folder, file), text);
  };
  /** The output's folder is there before the pipeline planned it, which a start refuses: so it comes up meanwhile. */
  const planting = (file: string): Run => ({
    on(event) {
      if (event.kind === 'evaluated' && event.line.sequence === 1) plant(file);
    },
  });

  test('holds up that file and detections-1.csv, and nothing else; mended, the next start publishes', async () => {
    put();
    const summary = await world.run(planting('evidence-2.jsonl'));
    expect(summary).toMatchObject({ incidents: 1, files: 6 });
    const names = [...world.output().keys()].map((key) => key.replace(/^.*-(\d+\/)/, '$1'));
    expect(names).toEqual([
      '1/detections-2.csv',
      '1/detections-3.csv',
      '1/evidence-1.jsonl',
      '1/evidence-2.jsonl',
      '1/evidence-3.jsonl',
      '2/detections-1.csv',
      '2/evidence-1.jsonl',
    ]);
    expect(readFileSync(join(world.sink, folder, 'evidence-2.jsonl'), 'utf8')).toBe('theirs');
    expect((await world.store.files()).incidents).toEqual([
      { key: `${folder}/evidence-2.jsonl`, detail: expect.stringContaining('Other bytes') as string },
    ]);
    const told = world.events().filter(({ kind }) => kind === 'incident');
    expect(told).toHaveLength(1);

    expect(await world.run()).toMatchObject({ incidents: 1, files: 0 });
    rmSync(join(world.sink, folder, 'evidence-2.jsonl'));
    expect(await world.run()).toMatchObject({ incidents: 0, files: 2 });
    expect(await world.store.files()).toEqual({ planned: 8, published: 8, incidents: [] });
    await expectAsIfNothingHappened();
  });

  test('on detections-1.csv itself', async () => {
    put();
    expect(await world.run(planting('detections-1.csv'))).toMatchObject({ incidents: 1, files: 7 });
    rmSync(join(world.sink, folder, 'detections-1.csv'));
    expect(await world.run()).toMatchObject({ incidents: 0, files: 1 });
    await expectAsIfNothingHappened();
  });

  test('is counted once, though a connection is lost in between', async () => {
    put();
    let folds = 0;
    const summary = await world.run({
      ...planting('evidence-2.jsonl'),
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async fold(...fold) {
            // Until the incident is known.
            while ((await world.store.files()).incidents.length === 0) await sleep(10);
            if (++folds === 1) throw new TallyhoError('STORE_UNREACHABLE', 'gone');
            await writer.fold(...fold);
          },
        })),
      }),
    });
    expect(summary).toMatchObject({ incidents: 1, files: 6 });
  });

  test('equal bytes are no incident', async () => {
    put();
    const twin = await world.twin();
    await twin.run();
    const bytes = Buffer.from(twin.output().get(`${folder}/evidence-2.jsonl`) ?? '', 'base64').toString();
    const summary = await world.run({
      on(event) {
        if (event.kind === 'evaluated' && event.line.sequence === 1) plant('evidence-2.jsonl', bytes);
      },
    });
    expect(summary).toMatchObject({ incidents: 0, files: 8 });
  });

  test('found by more files than are marked at once', async () => {
    world.put(
      'chunk_1.csv',
      csv(...Array.from({ length: 13_000 }, (_, i) => `M${i} C1 1`), ...Array.from({ length: 13_000 }, (_, i) => `M${i} C1 1`)),
    );
    const summary = await world.run(planting('detections-200.csv'));
    expect(summary).toMatchObject({ incidents: 1, files: 518 });
    expect(await world.store.files()).toMatchObject({ planned: 520, published: 518 });
    rmSync(join(world.sink, folder, 'detections-200.csv'));
    expect(await world.run()).toMatchObject({ incidents: 0, files: 2 });
  });
});

describe('time', () => {
  const clockOf = (...times: readonly string[]) => {
    let next = 0;
    return () => new Date(times[Math.min(next++, times.length - 1)] ?? 0);
  };
  const first = (text: string | undefined): string[] =>
    (
      Buffer.from(text ?? '', 'base64')
        .toString()
        .split('\n')[1] ?? ''
    )
      .split(',')
      .slice(0, 2);

  test('PROTOCOL 4.6: detectionTime never goes back, within a run and over runs; YStartTime is that of the run', async () => {
    world.put('1.csv', csv('M1 C1 1', 'M1 C1 1'));
    world.put('2.csv', csv('M2 C1 1', 'M2 C1 1'));
    await world.run({ clock: clockOf('2026-11-22T07:00:00.000Z', '2026-11-22T07:30:00.500Z', '2026-11-22T07:10:00.000Z') });
    world.put('3.csv', csv('M3 C1 1', 'M3 C1 1'));
    await world.run({ clock: clockOf('2026-11-21T00:00:00.000Z', '2026-11-21T00:00:01.000Z') });
    world.put('4.csv', csv('M4 C1 1', 'M4 C1 1'));
    await world.run({ clock: clockOf('2026-11-23T00:00:00.000Z', '2026-11-23T00:00:00.001Z') });
    const output = world.output();
    expect([...output.keys()].filter((key) => key.endsWith('.csv'))).toEqual([
      '20261122T073000.500-1/detections-1.csv',
      '20261122T073000.500-2/detections-1.csv',
      '20261122T073000.500-3/detections-1.csv',
      '20261123T000000.001-4/detections-1.csv',
    ]);
    const times = [...output].flatMap(([key, text]) => (key.endsWith('.csv') ? [first(text)] : []));
    expect(times).toEqual([
      ['2026-11-22 07:00:00.000', '2026-11-22 07:30:00.500'],
      ['2026-11-22 07:00:00.000', '2026-11-22 07:30:00.500'],
      ['2026-11-21 00:00:00.000', '2026-11-22 07:30:00.500'],
      ['2026-11-23 00:00:00.000', '2026-11-23 00:00:00.001'],
    ]);
    const lines = await world.lines();
    const moments = lines.map(({ detectionTime }) => detectionTime.getTime());
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  });

  test('a line that detects nothing moves it too', async () => {
    world.put('1.csv', '');
    await world.run({ clock: clockOf('2026-11-22T07:30:00.000Z') });
    world.put('2.csv', csv('M1 C1 1', 'M1 C1 1'));
    await world.run({ clock: clockOf('2020-01-01T00:00:00.000Z') });
    expect([...world.output().keys()][0]).toMatch(/^20261122T073000\.000-1/);
  });

  test('PROTOCOL 4.1, 4.6: another time zone holds for later commits only: what was planned keeps its name and bytes', async () => {
    world.put('1.csv', csv('M1 C1 1', 'M1 C1 1'));
    let claims = 0;
    await expect(
      world.run({
        change: ({ sink, store }) => ({
          sink: withObjects(sink, { put: () => Promise.reject(new TallyhoError('SINK_UNWRITABLE', 'no room')) }),
          store: {
            ...withWriter(store, () => ({})),
            claim: (options) => (++claims > 1 ? Promise.reject(new Error('enough')) : store.claim(options)),
          },
        }),
      }),
    ).rejects.toThrow('enough');
    world.put('2.csv', csv('M2 C1 1', 'M2 C1 1'));
    await world.run({ change: () => ({ timeZone: 'Asia/Kolkata' }) });
    const output = world.output();
    expect([...output.keys()].filter((key) => key.endsWith('.csv'))).toEqual([
      '20261122T073000.123-1/detections-1.csv',
      '20261122T130000.123-2/detections-1.csv',
    ]);
    expect(first(output.get('20261122T130000.123-2/detections-1.csv'))[1]).toBe('2026-11-22 13:00:00.123');
  });
});
