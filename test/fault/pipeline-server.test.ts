/** A whole pipeline while its PostgreSQL restarts, fails over to an older copy, or goes silent. */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { csv, makeWorld, type World } from '../helpers/pipeline-world.ts';
import { runWithFaults } from '../helpers/random-calls.ts';
import { makeStoreProxy } from '../helpers/store-proxy.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_122);

for (const major of [18, 14] as const) {
  const missing = missingServer(major);

  describe(`PostgreSQL ${major}`, () => {
    let server: TestServer;
    let url: string;
    let world: World;

    beforeAll(async () => {
      if (missing === undefined) server = await startTestServer({ major });
    });
    afterAll(async () => {
      if (missing === undefined) await server.close();
    });
    beforeEach(async (context) => {
      if (missing !== undefined) context.skip(missing);
      url = await server.createDatabase();
      world = await makeWorld(url);
    });
    afterEach(async () => {
      if (missing === undefined) await world.close();
    });

    const putChunks = (from: number, to: number): void => {
      for (let i = from; i < to; i++) world.put(`chunk_${i}.csv`, csv(`M${i % 7} C${i % 11} 1`, `M${i % 5} C${i % 3} 2`));
    };
    const expectAsIfNothingHappened = async (): Promise<void> => {
      // The reader of this test was cut off as well.
      await world.store.pipeline().catch(() => undefined);
      const twin = await world.twin();
      await twin.run();
      expect(await world.ledger()).toEqual(await twin.ledger());
      expect(await world.detections()).toEqual(await twin.detections());
      expect(await world.statistics()).toEqual(await twin.statistics());
      expect([...world.output()]).toEqual([...twin.output()]);
    };
    const untilApplied = async (count: number): Promise<void> => {
      while ((await world.store.pipeline().catch(() => null))?.lastSequence !== count) await sleep(20);
    };

    test(`that is restarted at once at random moments loses and doubles nothing (seed ${seed})`, async () => {
      putChunks(0, 80);
      const restarts = 3;
      const strike = (): Promise<void> => server.restart();
      const faults = { url, mode: 'watching', times: restarts, random: makeRandom(seed), strike } as const;
      expect(await runWithFaults(world, { commitChunks: 1 }, faults)).toBe(restarts);
      expect(world.events().filter(({ kind }) => kind === 'retry').length).toBeGreaterThan(0);
      await expectAsIfNothingHappened();
    });

    test('PROTOCOL 4.5: a failover to an older copy is noticed, by the detector and by the next start', async () => {
      const store = await openPostgresStore({ connection: { url }, pipeline: world.name });
      const stop = new AbortController();
      const asAdmin = async (...statements: readonly string[]): Promise<void> => {
        const admin = postgres(server.url, { max: 1 });
        for (const statement of statements) await admin.unsafe(statement);
        await admin.end();
      };
      const database = new URL(url).pathname.slice(1);
      try {
        putChunks(0, 3);
        await world.run();
        await server.disconnectAll();
        await server.createDatabase({ template: database, name: `${database}_older` });
        const running = world.run({ once: false, signal: stop.signal, change: () => ({ store }) });
        running.catch(() => {});
        putChunks(3, 6);
        await untilApplied(6);
        await asAdmin(`alter database ${database} allow_connections false`);
        await server.disconnectAll();
        await asAdmin(`alter database ${database} rename to ${database}_newer`);
        await asAdmin(`alter database ${database}_older rename to ${database}`);
        await expect(running).rejects.toMatchObject({ code: 'STORE_BEHIND', exit: 1, mend: expect.any(String) as string });
        expect(await world.ledger().catch(() => world.ledger())).toHaveLength(3);
        const before = world.output();
        await expect(world.run()).rejects.toMatchObject({ code: 'SINK_AHEAD' });
        expect(world.output()).toEqual(before);
        expect(await world.ledger()).toHaveLength(3);
        // Back on the newer one all is well.
        await server.disconnectAll();
        await asAdmin(`alter database ${database} rename to ${database}_older`);
        await asAdmin(`alter database ${database}_newer rename to ${database}`);
        await asAdmin(`alter database ${database} allow_connections true`);
        await world.run().catch(() => world.run());
        await expectAsIfNothingHappened();
      } finally {
        stop.abort();
        await store.close();
      }
    });

    test('PROTOCOL 4.5: a database that was dropped and made anew is noticed, and nothing is written beside the old output', async () => {
      const stop = new AbortController();
      const sql = postgres(url, { max: 1, onnotice: () => {} });
      try {
        putChunks(0, 3);
        const running = world.run({ once: false, signal: stop.signal });
        running.catch(() => {});
        await untilApplied(3);
        await sql`drop schema ${sql(world.name)} cascade`;
        await server.disconnectAll();
        await expect(running).rejects.toMatchObject({ code: 'STORE_BEHIND' });
        const before = world.output();
        await expect(world.run()).rejects.toMatchObject({ code: 'SINK_AHEAD' });
        expect(world.output()).toEqual(before);
      } finally {
        stop.abort();
        await sql.end({ timeout: 1 });
      }
    });

    test.each(['new connections too', 'open connections only'] as const)(
      'PROTOCOL 3.2: that goes silent without a word (%s) is noticed within a minute, and the run goes on',
      async (which) => {
        const proxy = await makeStoreProxy(url);
        const store = await openPostgresStore({ connection: { url: proxy.url }, pipeline: world.name });
        const stop = new AbortController();
        try {
          putChunks(0, 3);
          const running = world.run({ once: false, signal: stop.signal, change: () => ({ store }) });
          await untilApplied(3);
          proxy.mode = 'swallow';
          const started = performance.now();
          putChunks(3, 6);
          if (which === 'open connections only') {
            // Whatever it says now is lost; what it opens after that is not.
            await sleep(1000);
            proxy.mode = 'passing';
          }
          while (!world.events().some(({ kind }) => kind === 'retry')) await sleep(50);
          expect(performance.now() - started).toBeLessThan(60_000);
          proxy.mode = 'passing';
          await untilApplied(6);
          stop.abort();
          await running;
        } finally {
          stop.abort();
          await store.close();
          await proxy.close();
        }
        await expectAsIfNothingHappened();
      },
    );

    test('PROTOCOL 3.2: an idle detector whose sessions are ended takes the pipeline again by itself', async () => {
      putChunks(0, 2);
      const stop = new AbortController();
      const running = world.run({ once: false, signal: stop.signal });
      await untilApplied(2);
      while (!world.events().some(({ kind }) => kind === 'idle')) await sleep(20);
      await server.disconnectAll();
      while (!world.events().some((event) => event.kind === 'claimed' && event.epoch === 2)) await sleep(20);
      stop.abort();
      await running;
    });

    test('PROTOCOL 3.2: an idle detector that was taken over ends by itself, though it has nothing to commit', async () => {
      putChunks(0, 2);
      const running = world.run({ once: false });
      running.catch(() => {});
      await untilApplied(2);
      const admin = postgres(url, { max: 1 });
      await admin`update ${admin(world.name)}.pipeline set epoch = epoch + 1, holder_pid = null`;
      await admin.end();
      await expect(running).rejects.toMatchObject({ code: 'FENCED', exit: 4 });
    });
  });
}
