/** Faults at the wire, of backends and of writers, on real servers. */
import { describe, expect, test } from 'vitest';
import { all, everything, someRows } from '../helpers/store-contract.ts';
import { makeFaultWorld, until } from '../helpers/store-faults.ts';
import { aggregateOf, commitRows, freshDetector, makeApplied, makeEntry, totalsOf } from '../helpers/store-samples.ts';

for (const major of [18, 14] as const) {
  describe(`faults of PostgreSQL ${major}`, () => {
    const world = makeFaultWorld(major);

    describe('PROTOCOL 3.3: an unanswered COMMIT', () => {
      test.each(['lose-commit', 'lose-answer'] as const)(
        '(%s) is told as such, and the next writer reads what became of it',
        async (mode) => {
          const proxy = await world.makeProxy();
          const store = await world.open(proxy.url);
          const writer = await world.startWriter(store);
          const detector = freshDetector(world.sample);
          await commitRows(world.sample, writer, detector, [someRows(20, 1)]);
          const old = await world.holder();
          const entry = makeApplied(world.sample, detector, 2, someRows(20, 2));
          const request = { from: 1, to: 2, entries: [entry], sameContent: [] };
          proxy.mode = mode;
          await expect(writer.commit(request)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
          expect(proxy.lost).toBe(1);
          await expect(writer.commit(request)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });

          // Its own backend may hold the row for ever: it is ended, not waited for.
          const again = await world.claim(store);
          expect(await world.isAlive(old)).toBe(mode === 'lose-answer');
          expect(again.pipeline).toMatchObject({ epoch: 2, lastSequence: mode === 'lose-answer' ? 2 : 1 });
          if (again.pipeline.lastSequence === 1) await again.commit(request);
          const rows = [...someRows(20, 1), ...someRows(20, 2)];
          const loaded = freshDetector(world.sample);
          await again.load(loaded);
          expect(totalsOf(loaded, 0)).toEqual(aggregateOf(world.sample.layout, 0, rows));
          expect((await all(store.chunks())).map(({ sequence }) => sequence)).toEqual([1, 2]);
        },
      );

      test('(lose-answer) of a claim does not keep the next one out', async () => {
        const proxy = await world.makeProxy();
        const store = await world.open(proxy.url);
        await (await world.startWriter(store)).release();
        proxy.mode = 'lose-answer';
        await expect(world.claim(store)).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) as string });
        expect(proxy.lost).toBe(1);
        // The server may not have noticed: the row then names a process that lives, and is ours.
        const again = await world.claim(store);
        expect(again.pipeline.epoch).toBe(3);
        await expect(world.claim(await world.open(world.url))).rejects.toMatchObject({ code: 'HELD' });
      });

      test('of a fold changes nothing twice either', async () => {
        const proxy = await world.makeProxy();
        const store = await world.open(proxy.url);
        const writer = await world.startWriter(store);
        const detector = freshDetector(world.sample);
        await commitRows(world.sample, writer, detector, [someRows(50, 1)]);
        proxy.mode = 'lose-answer';
        await expect(writer.fold(detector.takeFold(), 1)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
        const again = await world.claim(store);
        expect(again.pipeline.foldedSequence).toBe(1);
        const loaded = freshDetector(world.sample);
        await again.load(loaded);
        expect(totalsOf(loaded, 0)).toEqual(aggregateOf(world.sample.layout, 0, someRows(50, 1)));
        await again.fold(loaded.takeFold(), 1);
        expect(totalsOf(loaded, 0)).toEqual(aggregateOf(world.sample.layout, 0, someRows(50, 1)));
      });
    });

    describe('PROTOCOL 3.1, 3.2: a writer that is paused inside of its transaction', () => {
      test('is ended once its lease is over, and commits nothing', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        const old = await world.holder();
        await world.endLease();
        // A lock of ours stops its commit after the fence.
        const free = await world.lock('chunk', 'exclusive');
        const paused = writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
        paused.catch(() => {});
        await until(
          async () => (await world.admin`select from pg_stat_activity where pid = ${old} and wait_event_type = 'Lock'`).length > 0,
        );
        const waiting = (await world.open()).claim({ waitMs: 0 });
        // Its COMMIT had left with the statements: only the ledger says that it did not take place.
        await expect(paused).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
        await free();
        const other = await waiting;
        expect(other.pipeline).toMatchObject({ epoch: 2, lastSequence: 0 });
        expect(await all(store.chunks())).toEqual([]);
      });

      test('and resumed after another took over is refused by its commit', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        await world.endLease();
        const other = await world.claim(await world.open());
        const before = await everything(store);
        await expect(writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] })).rejects.toMatchObject({ code: 'FENCED' });
        expect(await everything(store)).toEqual(before);
        await other.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
      });
    });

    describe('a lost connection', () => {
      test('while idle is STORE_UNREACHABLE, in a commit STORE_UNKNOWN_COMMIT, and the pipeline is free at once', async () => {
        const store = await world.open();
        for (const moment of ['idle', 'statement'] as const) {
          const writer = await world.claim(store);
          if (writer.pipeline.basis === null) await writer.setBasis({ layout: world.sample.layout, input: world.sample.input });
          const pid = await world.holder();
          if (moment === 'idle') {
            await world.admin`select pg_terminate_backend(${pid})`;
            await until(async () => !(await world.isAlive(pid)));
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          const commit = (): Promise<void> => writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
          if (moment === 'statement') {
            const free = await world.lock('chunk', 'exclusive');
            const waiting = commit();
            waiting.catch(() => {});
            await until(
              async () => (await world.admin`select from pg_stat_activity where pid = ${pid} and wait_event_type = 'Lock'`).length > 0,
            );
            await world.admin`select pg_terminate_backend(${pid})`;
            await expect(waiting).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
            await free();
          }
          await expect(commit()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
          await writer.release();
        }
        const other = await world.claim(await world.open());
        expect(other.pipeline).toMatchObject({ epoch: 3 });
        expect(await all(store.chunks())).toEqual([]);
      });

      test('of readers is mended by the next call', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        await writer.commit({
          from: 0,
          to: 0,
          entries: Array.from({ length: 5000 }, (_, i) => makeEntry({ key: `${i}` })),
          sameContent: [],
        });
        await expect(
          (async () => {
            for await (const batch of store.chunks()) if (batch.length > 0) await world.server.disconnectAll();
          })(),
        ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(await all(store.chunks())).toHaveLength(5000);
      });

      test('of the whole server is told by open', async () => {
        const proxy = await world.makeProxy();
        proxy.refuse();
        await expect(world.open(proxy.url)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await expect(world.open(world.url.replace(/:\d+\//, ':1/'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        await expect(world.open(world.url.replace(/\/[^/]*$/, '/nowhere'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        const wrong = await world.open(world.url.replace(/:[^:@]*@/, ':secret-word@')).catch((error: unknown) => error);
        expect(wrong).toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(String(wrong)).not.toContain('secret-word');
      });
    });

    describe('a statement that fails', () => {
      test('in a COPY after its last byte is told with its cause, and nothing took place', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        const detector = freshDetector(world.sample);
        await commitRows(world.sample, writer, detector, [someRows(30, 1)]);
        const folds = detector.takeFold();
        await world.admin.unsafe(
          `alter table ${world.pipeline}.statistics_1_${world.sample.layout.grains[0]?.name ?? ''} add check (count < 0)`,
        );
        await expect(writer.fold(folds, 1)).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: '23514' } });
        expect((await store.pipeline())?.foldedSequence).toBe(-1);
        await world.admin.unsafe(
          `alter table ${world.pipeline}.statistics_1_${world.sample.layout.grains[0]?.name ?? ''} drop constraint statistics_1_${world.sample.layout.grains[0]?.name ?? ''}_count_check`,
        );
        await writer.fold(folds, 1);
      });

      test('in a COPY because the backend is gone ends it as well', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        const detector = freshDetector(world.sample);
        await commitRows(world.sample, writer, detector, [someRows(30, 1)]);
        const pid = await world.holder();
        await world.admin.unsafe(
          `create function ${world.pipeline}.die() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return new; end'`,
        );
        await world.admin.unsafe(
          `create trigger die before insert on ${world.pipeline}.statistics_1_${world.sample.layout.grains[0]?.name ?? ''} for each row execute function ${world.pipeline}.die()`,
        );
        await expect(writer.fold(detector.takeFold(), 1)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
        expect(await world.isAlive(pid)).toBe(false);
      });

      test('at COMMIT itself is known not to have taken place', async () => {
        const store = await world.open();
        const writer = await world.startWriter(store);
        await world.admin.unsafe(
          `create function ${world.pipeline}.refuse() returns trigger language plpgsql as 'begin raise exception ''no'' using errcode = ''23000''; end'`,
        );
        await world.admin.unsafe(
          `create constraint trigger refuse after insert on ${world.pipeline}.chunk deferrable initially deferred for each row execute function ${world.pipeline}.refuse()`,
        );
        await expect(writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] })).rejects.toMatchObject({
          code: 'STORE_FAILED',
          cause: { code: '23000' },
        });
        await world.admin.unsafe(`drop trigger refuse on ${world.pipeline}.chunk`);
        await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
      });
    });
  });
}
