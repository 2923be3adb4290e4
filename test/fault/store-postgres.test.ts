/** Faults at the wire, of backends and of writers, on real servers. */
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginFold } from '../../src/store/postgres/fold-lock.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { Session } from '../../src/store/postgres/session.ts';
import type { Store, Writer } from '../../src/store/store.ts';
import { all, everything, someRows } from '../helpers/store-contract.ts';
import { makeStoreProxy, type StoreProxy } from '../helpers/store-proxy.ts';
import { aggregateOf, commitRows, freshDetector, makeApplied, makeEntry, makeSample, totalsOf } from '../helpers/store-samples.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

for (const major of [18, 14] as const) {
  const missing = missingServer(major);

  describe(`faults of PostgreSQL ${major}`, () => {
    let server: TestServer;
    let url: string;
    let admin: Sql;
    let pipeline: string;
    let made = 0;
    const opened: { close(): Promise<void> }[] = [];
    const sample = makeSample();

    beforeAll(async () => {
      if (missing !== undefined) return;
      server = await startTestServer({ major });
      url = await server.createDatabase();
      admin = postgres(url, { max: 3, onnotice: () => {} });
    });
    afterAll(async () => {
      if (missing !== undefined) return;
      await admin.end();
      await server.close();
    });
    beforeEach((context) => {
      if (missing !== undefined) context.skip(missing);
      pipeline = `p${++made}`;
    });
    afterEach(async () => {
      for (const store of opened.splice(0).reverse()) await store.close();
    });

    const open = async (through = url): Promise<Store> => {
      const store = await openPostgresStore({ connection: { url: through }, pipeline });
      opened.push(store);
      return store;
    };
    const makeProxy = async (): Promise<StoreProxy> => {
      const proxy = await makeStoreProxy(url);
      opened.push(proxy);
      return proxy;
    };
    const claim = (store: Store): Promise<Writer> => store.claim({ waitMs: 0 });
    const start = async (store: Store): Promise<Writer> => {
      const writer = await claim(store);
      await writer.setBasis({ layout: sample.layout, input: sample.input });
      return writer;
    };
    const holderOf = async (): Promise<number> => {
      const [row] = await admin<{ pid: number }[]>`select holder_pid as pid from ${admin(pipeline)}.pipeline`;
      return row?.pid ?? 0;
    };
    const isAlive = async (pid: number): Promise<boolean> => (await admin`select from pg_stat_activity where pid = ${pid}`).length > 0;

    describe('an unanswered COMMIT', () => {
      test.each(['lose-commit', 'lose-answer'] as const)(
        '(%s) is told as such, and the next writer reads what became of it',
        async (mode) => {
          const proxy = await makeProxy();
          const store = await open(proxy.url);
          const writer = await start(store);
          const detector = freshDetector(sample);
          await commitRows(sample, writer, detector, [someRows(20, 1)]);
          const old = await holderOf();
          const entry = makeApplied(sample, detector, 2, someRows(20, 2));
          const request = { from: 1, to: 2, entries: [entry], sameContent: [] };
          proxy.mode = mode;
          await expect(writer.commit(request)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
          expect(proxy.lost).toBe(1);
          await expect(writer.commit(request)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });

          // Its own backend may hold the row for ever: it is ended, not waited for.
          const again = await claim(store);
          expect(await isAlive(old)).toBe(mode === 'lose-answer');
          expect(again.pipeline).toMatchObject({ epoch: 2, lastSequence: mode === 'lose-answer' ? 2 : 1 });
          if (again.pipeline.lastSequence === 1) await again.commit(request);
          const rows = [...someRows(20, 1), ...someRows(20, 2)];
          const loaded = freshDetector(sample);
          await again.load(loaded);
          expect(totalsOf(loaded, 0)).toEqual(aggregateOf(sample.layout, 0, rows));
          expect((await all(store.chunks())).map(({ sequence }) => sequence)).toEqual([1, 2]);
        },
      );

      test('(lose-answer) of a claim does not keep the next one out', async () => {
        const proxy = await makeProxy();
        const store = await open(proxy.url);
        await (await start(store)).release();
        proxy.mode = 'lose-answer';
        await expect(claim(store)).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) as string });
        expect(proxy.lost).toBe(1);
        // The server may not have noticed: the row then names a process that lives, and is ours.
        const again = await claim(store);
        expect(again.pipeline.epoch).toBe(3);
        await expect(claim(await open(url))).rejects.toMatchObject({ code: 'HELD' });
      });

      test('of a fold changes nothing twice either', async () => {
        const proxy = await makeProxy();
        const store = await open(proxy.url);
        const writer = await start(store);
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(50, 1)]);
        proxy.mode = 'lose-answer';
        await expect(writer.fold(detector.takeFold(), 1)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
        const again = await claim(store);
        expect(again.pipeline.foldedSequence).toBe(1);
        const loaded = freshDetector(sample);
        await again.load(loaded);
        expect(totalsOf(loaded, 0)).toEqual(aggregateOf(sample.layout, 0, someRows(50, 1)));
        await again.fold(loaded.takeFold(), 1);
        expect(totalsOf(loaded, 0)).toEqual(aggregateOf(sample.layout, 0, someRows(50, 1)));
      });
    });

    describe('a writer that is paused inside of its transaction', () => {
      test('is ended once its lease is over, and commits nothing', async () => {
        const store = await open();
        const writer = await start(store);
        const old = await holderOf();
        await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
        // A lock of ours stops its commit after the fence.
        const free = deferred();
        const locked = deferred();
        const locking = admin.begin(async (sql) => {
          await sql`lock table ${sql(pipeline)}.chunk in exclusive mode`;
          locked.resolve();
          await free.promise;
        });
        await locked.promise;
        const paused = writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
        paused.catch(() => {});
        await until(async () => (await admin`select from pg_stat_activity where pid = ${old} and wait_event_type = 'Lock'`).length > 0);
        const waiting = (await open()).claim({ waitMs: 0 });
        // Its COMMIT had left with the statements: only the ledger says that it did not take place.
        await expect(paused).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
        free.resolve();
        await locking;
        const other = await waiting;
        expect(other.pipeline).toMatchObject({ epoch: 2, lastSequence: 0 });
        expect(await all(store.chunks())).toEqual([]);
      });

      test('and resumed after another took over is refused by its commit', async () => {
        const store = await open();
        const writer = await start(store);
        await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
        const other = await claim(await open());
        const before = await everything(store);
        await expect(writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] })).rejects.toMatchObject({ code: 'FENCED' });
        expect(await everything(store)).toEqual(before);
        await other.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
      });
    });

    describe('a fold beside', () => {
      const beside = new AbortController().signal;
      const rows = [...someRows(50, 1), ...someRows(50, 2)];
      const statistics = `statistics_1_${sample.layout.grains[0]?.name ?? ''}`;

      /** What others have locked, until `free`. */
      const lock = async (table: string, mode: 'share' | 'exclusive'): Promise<() => Promise<void>> => {
        const free = deferred();
        const locked = deferred();
        const locking = admin.begin(async (sql) => {
          await sql.unsafe(`lock table "${pipeline}"."${table}" in ${mode} mode`);
          locked.resolve();
          await free.promise;
        });
        await locked.promise;
        return async () => {
          free.resolve();
          await locking;
        };
      };
      const waiting = async (): Promise<number> => {
        let pid = 0;
        await until(async () => {
          const found = await admin<{ pid: number }[]>`
            select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = ${`tallyho ${pipeline}`}`;
          pid = found[0]?.pid ?? 0;
          return pid !== 0;
        });
        return pid;
      };
      /** Two chunks committed; the first is folded if its table is to have rows. */
      const committed = async (store: Store, isFirstFolded: boolean) => {
        const writer = await start(store);
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(50, 1)]);
        if (isFirstFolded) await writer.fold(detector.takeFold(), 1, beside);
        await commitRows(sample, writer, detector, [someRows(50, 2)], 1);
        return { writer, detector };
      };
      /** Begins a fold of the second chunk that knows nothing of another. */
      const beginAgain = async (): Promise<{ readonly session: Session; readonly begun: Promise<boolean> }> => {
        const { session } = await Session.open({ url }, { search_path: pipeline }, 'test', 'select 1 as one');
        opened.push(session);
        await session.query('begin');
        return { session, begun: beginFold(session, { name: pipeline, epoch: 1, from: 1, to: 2 }) };
      };
      const expectLoaded = async (from: Pick<Writer, 'load'>, expected = rows): Promise<void> => {
        const loaded = freshDetector(sample);
        await from.load(loaded);
        for (const grain of sample.layout.grains.keys())
          expect(totalsOf(loaded, grain)).toEqual(aggregateOf(sample.layout, grain, expected));
      };

      test('that is held up holds up no commit', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, true);
        const free = await lock(statistics, 'share');
        const folding = writer.fold(detector.takeFold(), 2, beside);
        await waiting();
        await commitRows(sample, writer, detector, [someRows(50, 3)], 2);
        await writer.markPublished([]);
        expect(await store.pipeline()).toMatchObject({ lastSequence: 3, foldedSequence: 1 });
        await free();
        await folding;
        await writer.fold(detector.takeFold(), 3, beside);
        expect(await store.pipeline()).toMatchObject({ lastSequence: 3, foldedSequence: 3 });
        await expectLoaded(store, [...rows, ...someRows(50, 3)]);
      });

      test('is refused as a whole by its last act, when the epoch was raised after it began', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, true);
        const free = await lock(statistics, 'share');
        const folding = writer.fold(detector.takeFold(), 2, beside);
        folding.catch(() => {});
        await waiting();
        // A takeover that cannot end the fold.
        await admin`update ${admin(pipeline)}.pipeline set epoch = epoch + 1, holder_pid = null`;
        await free();
        await expect(folding).rejects.toMatchObject({ code: 'FENCED' });
        expect((await store.pipeline())?.foldedSequence).toBe(1);
        await expectLoaded(store);
        const other = await claim(await open());
        const loaded = freshDetector(sample);
        await other.load(loaded);
        await other.fold(loaded.takeFold(), 2, beside);
        await expectLoaded(other);
      });

      test('and one of a newer epoch over the same rows count once', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, true);
        const free = await lock(statistics, 'share');
        const old = writer.fold(detector.takeFold(), 2, beside);
        old.catch(() => {});
        const backend = await waiting();
        await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
        const other = await claim(await open());
        expect(other.pipeline).toMatchObject({ epoch: 2, foldedSequence: 1 });
        await expect(old).rejects.toMatchObject({ code: 'FENCED' });
        expect(await isAlive(backend)).toBe(false);
        const loaded = freshDetector(sample);
        await other.load(loaded);
        const folding = other.fold(loaded.takeFold(), 2, beside);
        await waiting();
        await free();
        await folding;
        expect((await store.pipeline())?.foldedSequence).toBe(2);
        await expectLoaded(store);
      });

      test('of two over the same rows at once, by one epoch, the second is refused', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, true);
        const folds = detector.takeFold();
        const free = await lock(statistics, 'share');
        const first = writer.fold(folds, 2, beside);
        await waiting();
        const { begun } = await beginAgain();
        await until(async () => (await admin`select from pg_locks where locktype = 'advisory' and not granted`).length > 0);
        await free();
        await first;
        expect(await begun).toBe(false);
        await expectLoaded(store);
      });

      test.each(['lose-commit', 'lose-answer'] as const)(
        'whose COMMIT is not answered (%s) counts once, and nothing waits',
        async (mode) => {
          const proxy = await makeProxy();
          const store = await open(proxy.url);
          const { writer, detector } = await committed(store, true);
          const folds = detector.takeFold();
          proxy.mode = mode;
          await expect(writer.fold(folds, 2, beside)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
          // With the row locked by what is left of it, this would wait for as long as a transaction may idle.
          const started = performance.now();
          await commitRows(sample, writer, detector, [someRows(50, 3)], 2);
          expect(performance.now() - started).toBeLessThan(5_000);
          const again = writer.fold(folds, 2, beside);
          if (mode === 'lose-answer') await expect(again).rejects.toMatchObject({ code: 'FENCED' });
          else await again;
          expect((await store.pipeline())?.foldedSequence).toBe(2);
          await expectLoaded(store, [...rows, ...someRows(50, 3)]);
        },
      );

      test('that is paused with its tables locked is ended by a takeover', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, false);
        // Behind the first rows of the tables, which nobody else may read by then.
        const free = await lock('delta', 'share');
        const old = writer.fold(detector.takeFold(), 2, beside);
        old.catch(() => {});
        await until(
          async () =>
            (
              await admin`select from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = ${`${pipeline}.${statistics}`}::regclass`
            ).length > 0,
        );
        await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
        const other = await claim(await open());
        await expectLoaded(other);
        await expect(old).rejects.toMatchObject({ code: 'FENCED' });
        await free();
        const loaded = freshDetector(sample);
        await other.load(loaded);
        await other.fold(loaded.takeFold(), 2);
        await expectLoaded(other);
      });

      test('that stops in its last act, with the row of the pipeline locked, is ended by a takeover', async () => {
        const store = await open();
        await committed(store, true);
        const { session, begun } = await beginAgain();
        expect(await begun).toBe(true);
        await session.query('update pipeline set folded_sequence = 2');
        await admin`select pg_terminate_backend(${await holderOf()})`;
        const other = await claim(await open());
        expect(other.pipeline).toMatchObject({ epoch: 2, foldedSequence: 1 });
        await expect(session.query('commit')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await expectLoaded(other);
      });

      test('ends when it is told to, and with the release of its writer', async () => {
        const store = await open();
        const { writer, detector } = await committed(store, true);
        const folds = detector.takeFold();
        const free = await lock(statistics, 'share');
        const stop = new AbortController();
        const folding = writer.fold(folds, 2, stop.signal);
        folding.catch(() => {});
        const backend = await waiting();
        stop.abort();
        await expect(folding).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await until(async () => !(await isAlive(backend)));
        await expect(writer.fold(folds, 2, stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
        const again = writer.fold(folds, 2, beside);
        again.catch(() => {});
        await waiting();
        await writer.release();
        await expect(again).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await free();
        expect(await store.pipeline()).toMatchObject({ foldedSequence: 1, held: false });
        await expectLoaded(store);
      });
    });

    describe('a lost connection', () => {
      test('while idle is STORE_UNREACHABLE, in a commit STORE_UNKNOWN_COMMIT, and the pipeline is free at once', async () => {
        const store = await open();
        for (const moment of ['idle', 'statement'] as const) {
          const writer = await claim(store);
          if (writer.pipeline.basis === null) await writer.setBasis({ layout: sample.layout, input: sample.input });
          const pid = await holderOf();
          if (moment === 'idle') {
            await admin`select pg_terminate_backend(${pid})`;
            await until(async () => !(await isAlive(pid)));
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          const commit = (): Promise<void> => writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
          if (moment === 'statement') {
            const free = deferred();
            const locked = deferred();
            const locking = admin.begin(async (sql) => {
              await sql`lock table ${sql(pipeline)}.chunk in exclusive mode`;
              locked.resolve();
              await free.promise;
            });
            await locked.promise;
            const waiting = commit();
            waiting.catch(() => {});
            await until(async () => (await admin`select from pg_stat_activity where pid = ${pid} and wait_event_type = 'Lock'`).length > 0);
            await admin`select pg_terminate_backend(${pid})`;
            await expect(waiting).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
            free.resolve();
            await locking;
          }
          await expect(commit()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
          await writer.release();
        }
        const other = await claim(await open());
        expect(other.pipeline).toMatchObject({ epoch: 3 });
        expect(await all(store.chunks())).toEqual([]);
      });

      test('of readers is mended by the next call', async () => {
        const store = await open();
        const writer = await start(store);
        await writer.commit({
          from: 0,
          to: 0,
          entries: Array.from({ length: 5000 }, (_, i) => makeEntry({ key: `${i}` })),
          sameContent: [],
        });
        await expect(
          (async () => {
            for await (const batch of store.chunks()) if (batch.length > 0) await server.disconnectAll();
          })(),
        ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(await all(store.chunks())).toHaveLength(5000);
      });

      test('of the whole server is told by open', async () => {
        const proxy = await makeProxy();
        proxy.refuse();
        await expect(open(proxy.url)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await expect(open(url.replace(/:\d+\//, ':1/'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await expect(open(url.replace(/\/[^/]*$/, '/nowhere'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        const wrong = await open(url.replace(/:[^:@]*@/, ':secret-word@')).catch((error: unknown) => error);
        expect(wrong).toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(String(wrong)).not.toContain('secret-word');
      });
    });

    describe('a statement that fails', () => {
      test('in a COPY after its last byte is told with its cause, and nothing took place', async () => {
        const store = await open();
        const writer = await start(store);
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(30, 1)]);
        const folds = detector.takeFold();
        await admin.unsafe(`alter table ${pipeline}.statistics_1_${sample.layout.grains[0]?.name ?? ''} add check (count < 0)`);
        await expect(writer.fold(folds, 1)).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: '23514' } });
        expect((await store.pipeline())?.foldedSequence).toBe(-1);
        await admin.unsafe(
          `alter table ${pipeline}.statistics_1_${sample.layout.grains[0]?.name ?? ''} drop constraint statistics_1_${sample.layout.grains[0]?.name ?? ''}_count_check`,
        );
        await writer.fold(folds, 1);
      });

      test('in a COPY because the backend is gone ends it as well', async () => {
        const store = await open();
        const writer = await start(store);
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(30, 1)]);
        const pid = await holderOf();
        await admin.unsafe(
          `create function ${pipeline}.die() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return new; end'`,
        );
        await admin.unsafe(
          `create trigger die before insert on ${pipeline}.statistics_1_${sample.layout.grains[0]?.name ?? ''} for each row execute function ${pipeline}.die()`,
        );
        await expect(writer.fold(detector.takeFold(), 1)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(await isAlive(pid)).toBe(false);
      });

      test('at COMMIT itself is known not to have taken place', async () => {
        const store = await open();
        const writer = await start(store);
        await admin.unsafe(
          `create function ${pipeline}.refuse() returns trigger language plpgsql as 'begin raise exception ''no'' using errcode = ''23000''; end'`,
        );
        await admin.unsafe(
          `create constraint trigger refuse after insert on ${pipeline}.chunk deferrable initially deferred for each row execute function ${pipeline}.refuse()`,
        );
        await expect(writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] })).rejects.toMatchObject({
          code: 'STORE_FAILED',
          cause: { code: '23000' },
        });
        await admin.unsafe(`drop trigger refuse on ${pipeline}.chunk`);
        await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
      });
    });
  });
}

async function until(holds: () => Promise<boolean>, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it never came to pass');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((go) => {
    resolve = go;
  });
  return { promise, resolve };
}
