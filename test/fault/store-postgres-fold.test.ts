/** A fold beside the commits: held up, paused, overtaken, ended, unanswered; on real servers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { beginFold } from '../../src/store/postgres/fold-lock.ts';
import { Session } from '../../src/store/postgres/session.ts';
import { silentMs } from '../../src/store/postgres/silence.ts';
import type { Store, Writer } from '../../src/store/store.ts';
import { someRows } from '../helpers/store-contract.ts';
import { makeFaultWorld, until } from '../helpers/store-faults.ts';
import { aggregateOf, commitRows, freshDetector, totalsOf } from '../helpers/store-samples.ts';

for (const major of [18, 14] as const) {
  describe(`a fold beside, on PostgreSQL ${major}`, () => {
    const world = makeFaultWorld(major);
    const beside = new AbortController().signal;
    const rows = [...someRows(50, 1), ...someRows(50, 2)];
    const statistics = `statistics_1_${world.sample.layout.grains[0]?.name ?? ''}`;

    const waiting = async (): Promise<number> => {
      let pid = 0;
      await until(async () => {
        const found = await world.admin<{ pid: number }[]>`
          select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = ${`tallyho ${world.pipeline} fold`}`;
        pid = found[0]?.pid ?? 0;
        return pid !== 0;
      });
      return pid;
    };
    /** Two chunks committed; the first is folded if its table is to have rows. */
    const committed = async (store: Store, isFirstFolded: boolean) => {
      const writer = await world.startWriter(store);
      const detector = freshDetector(world.sample);
      await commitRows(world.sample, writer, detector, [someRows(50, 1)]);
      if (isFirstFolded) await writer.fold(detector.takeFold(), 1, beside);
      await commitRows(world.sample, writer, detector, [someRows(50, 2)], 1);
      return { writer, detector };
    };
    /** Begins a fold of the second chunk that knows nothing of another. */
    const beginAgain = async (): Promise<{ readonly session: Session; readonly begun: Promise<boolean> }> => {
      const { session } = await Session.open({ url: world.url }, { search_path: world.pipeline }, 'test', 'select 1 as one');
      world.keep(session);
      await session.query('begin');
      return { session, begun: beginFold(session, { name: world.pipeline, epoch: 1, from: 1, to: 2 }) };
    };
    const expectLoaded = async (from: Pick<Writer, 'load'>, expected = rows): Promise<void> => {
      const loaded = freshDetector(world.sample);
      await from.load(loaded);
      for (const grain of world.sample.layout.grains.keys())
        expect(totalsOf(loaded, grain)).toEqual(aggregateOf(world.sample.layout, grain, expected));
    };

    test('PROTOCOL 3.5: that is held up holds up no commit', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const free = await world.lock(statistics, 'share');
      const folding = writer.fold(detector.takeFold(), 2, beside);
      await waiting();
      await commitRows(world.sample, writer, detector, [someRows(50, 3)], 2);
      await writer.markPublished([]);
      expect(await store.pipeline()).toMatchObject({ lastSequence: 3, foldedSequence: 1 });
      await free();
      await folding;
      await writer.fold(detector.takeFold(), 3, beside);
      expect(await store.pipeline()).toMatchObject({ lastSequence: 3, foldedSequence: 3 });
      await expectLoaded(store, [...rows, ...someRows(50, 3)]);
    });

    test('that is held up for longer than a connection may be silent is not taken for lost', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const free = await world.lock(statistics, 'share');
      const folding = writer.fold(detector.takeFold(), 2, beside);
      await waiting();
      await sleep(silentMs + 8_000);
      await free();
      await folding;
      expect(await store.pipeline()).toMatchObject({ foldedSequence: 2 });
      await expectLoaded(store);
    });

    test('PROTOCOL 3.5: is refused as a whole by its last act, when the epoch was raised after it began', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const free = await world.lock(statistics, 'share');
      const folding = writer.fold(detector.takeFold(), 2, beside);
      folding.catch(() => {});
      await waiting();
      // A takeover that cannot end the fold.
      await world.admin`update ${world.admin(world.pipeline)}.pipeline set epoch = epoch + 1, holder_pid = null`;
      await free();
      await expect(folding).rejects.toMatchObject({ code: 'FENCED' });
      expect((await store.pipeline())?.foldedSequence).toBe(1);
      await expectLoaded(store);
      const other = await world.claim(await world.open());
      const loaded = freshDetector(world.sample);
      await other.load(loaded);
      await other.fold(loaded.takeFold(), 2, beside);
      await expectLoaded(other);
    });

    test('PROTOCOL 3.5: and one of a newer epoch over the same rows count once', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const free = await world.lock(statistics, 'share');
      const old = writer.fold(detector.takeFold(), 2, beside);
      old.catch(() => {});
      const backend = await waiting();
      await world.endLease();
      const other = await world.claim(await world.open());
      expect(other.pipeline).toMatchObject({ epoch: 2, foldedSequence: 1 });
      await expect(old).rejects.toMatchObject({ code: 'FENCED' });
      expect(await world.isAlive(backend)).toBe(false);
      const loaded = freshDetector(world.sample);
      await other.load(loaded);
      const folding = other.fold(loaded.takeFold(), 2, beside);
      await waiting();
      await free();
      await folding;
      expect((await store.pipeline())?.foldedSequence).toBe(2);
      await expectLoaded(store);
    });

    test('of two over the same rows at once, by one epoch, the second is refused', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const folds = detector.takeFold();
      const free = await world.lock(statistics, 'share');
      const first = writer.fold(folds, 2, beside);
      await waiting();
      const { begun } = await beginAgain();
      await until(async () => (await world.admin`select from pg_locks where locktype = 'advisory' and not granted`).length > 0);
      await free();
      await first;
      expect(await begun).toBe(false);
      await expectLoaded(store);
    });

    test.each(['lose-commit', 'lose-answer'] as const)('whose COMMIT is not answered (%s) counts once, and nothing waits', async (mode) => {
      const proxy = await world.makeProxy();
      const store = await world.open(proxy.url);
      const { writer, detector } = await committed(store, true);
      const folds = detector.takeFold();
      proxy.mode = mode;
      await expect(writer.fold(folds, 2, beside)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
      // With the row locked by what is left of it, this would wait for as long as a transaction may idle: 20 s.
      const started = performance.now();
      await commitRows(world.sample, writer, detector, [someRows(50, 3)], 2);
      expect(performance.now() - started).toBeLessThan(10_000);
      const again = writer.fold(folds, 2, beside);
      if (mode === 'lose-answer') await expect(again).rejects.toMatchObject({ code: 'FENCED' });
      else await again;
      expect((await store.pipeline())?.foldedSequence).toBe(2);
      await expectLoaded(store, [...rows, ...someRows(50, 3)]);
    });

    test('that is paused with its tables locked is ended by a takeover', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, false);
      // Behind the first rows of the tables, which nobody else may read by then.
      const free = await world.lock('delta', 'share');
      const old = writer.fold(detector.takeFold(), 2, beside);
      old.catch(() => {});
      await until(
        async () =>
          (
            await world.admin`select from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = ${`${world.pipeline}.${statistics}`}::regclass`
          ).length > 0,
      );
      await world.endLease();
      const other = await world.claim(await world.open());
      await expectLoaded(other);
      await expect(old).rejects.toMatchObject({ code: 'FENCED' });
      await free();
      const loaded = freshDetector(world.sample);
      await other.load(loaded);
      await other.fold(loaded.takeFold(), 2);
      await expectLoaded(other);
    });

    test('that stops in its last act, with the row of the pipeline locked, is ended by a takeover', async () => {
      const store = await world.open();
      await committed(store, true);
      const { session, begun } = await beginAgain();
      expect(await begun).toBe(true);
      await session.query('update pipeline set folded_sequence = 2');
      await world.admin`select pg_terminate_backend(${await world.holder()})`;
      const other = await world.claim(await world.open());
      expect(other.pipeline).toMatchObject({ epoch: 2, foldedSequence: 1 });
      await expect(session.query('commit')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      await expectLoaded(other);
    });

    test('ends when it is told to, and with the release of its writer', async () => {
      const store = await world.open();
      const { writer, detector } = await committed(store, true);
      const folds = detector.takeFold();
      const free = await world.lock(statistics, 'share');
      const stop = new AbortController();
      const folding = writer.fold(folds, 2, stop.signal);
      folding.catch(() => {});
      const backend = await waiting();
      stop.abort();
      await expect(folding).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      await until(async () => !(await world.isAlive(backend)));
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
}
