/** The rights in docs/postgresql.md are enough, each is needed, and one that is missing is named. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { all, everything, someRows, storeContract, type StoreWorld } from '../helpers/store-contract.ts';
import { commitRows, freshDetector, makeEntry, makeSample } from '../helpers/store-samples.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/postgresql.md'), 'utf8');
const [makeRoles = '', forDetector = '', forAnalyst = ''] = [...page.matchAll(/^```sql\n(.*?)^```/gms)].map((found) => found[1] ?? '');
const of = (statements: string, pipeline: string): string => statements.replaceAll('banksim', `"${pipeline}"`);

function as(url: string, role: 'tallyho_detector' | 'tallyho_analyst'): string {
  const own = new URL(url);
  own.username = role;
  own.password = 'change-me';
  return own.href;
}

for (const major of [18, 14] as const)
  storeContract(`a store in PostgreSQL ${major}, of a role with no right but those in the docs`, missingServer(major), () =>
    makeWorld(major),
  );

async function makeWorld(major: 18 | 14): Promise<StoreWorld> {
  const server = await startTestServer({ major });
  const url = await server.createDatabase();
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  await admin.unsafe(makeRoles);
  const made = new Map<string, Promise<unknown>>();
  const stores: Store[] = [];
  return {
    open: async (pipeline, options) => {
      const making = made.get(pipeline) ?? admin.unsafe(of(forDetector, pipeline)).then(() => undefined);
      made.set(pipeline, making);
      await making;
      const store = await openPostgresStore({ connection: { url: as(url, 'tallyho_detector') }, pipeline, ...options });
      stores.push(store);
      return store;
    },
    expireLease: async (pipeline) => {
      await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 second'`;
    },
    close: async () => {
      for (const store of stores) await store.close();
      await admin.end();
      await server.close();
    },
  };
}

for (const major of [18, 14] as const) {
  describe(`rights in PostgreSQL ${major}`, () => {
    const missing = missingServer(major);
    const sample = makeSample();
    let server: TestServer;
    let url: string;
    let admin: Sql;
    const opened: Store[] = [];
    beforeAll(async () => {
      if (missing !== undefined) return;
      server = await startTestServer({ major });
      admin = postgres(server.url, { max: 1, onnotice: () => {} });
      await admin.unsafe(makeRoles);
      await admin.end();
    });
    afterAll(async () => {
      if (missing === undefined) await server.close();
    });
    beforeEach(async (context) => {
      if (missing !== undefined) context.skip(missing);
      url = await server.createDatabase();
      admin = postgres(url, { max: 1, onnotice: () => {} });
    });
    afterEach(async () => {
      if (missing !== undefined) return;
      for (const store of opened.splice(0)) await store.close();
      await admin.end();
    });

    const open = async (role: 'tallyho_detector' | 'tallyho_analyst', readOnly = false): Promise<Store> => {
      const store = await openPostgresStore({ connection: { url: as(url, role) }, pipeline: 'p', readOnly });
      opened.push(store);
      return store;
    };
    const denied = (right: string, mend: string): object => ({
      code: 'STORE_DENIED',
      message: expect.stringContaining(`lacks ${right}`) as string,
      mend: expect.stringContaining(mend) as string,
    });
    const work = async (): Promise<Store> => {
      const store = await open('tallyho_detector');
      const writer = await store.claim({ waitMs: 0 });
      await writer.setBasis({ layout: sample.layout, input: sample.input });
      const detector = freshDetector(sample);
      await commitRows(sample, writer, detector, [someRows(20, 1), someRows(20, 2)]);
      await writer.fold(detector.takeFold(), 2);
      await writer.release();
      return store;
    };

    test('an analyst reads all that there is, tables made later too, and changes nothing', async () => {
      await admin.unsafe(of(forDetector, 'p') + of(forAnalyst, 'p'));
      const store = await work();
      expect(await everything(await open('tallyho_analyst', true))).toEqual(await everything(store));
      const analyst = postgres(as(url, 'tallyho_analyst'), { max: 1 });
      const tables = await analyst<
        { name: string; kind: string }[]
      >`select relname as name, relkind as kind from pg_class where relnamespace = 'p'::regnamespace and relkind in ('r', 'v')`;
      expect(tables.length).toBeGreaterThan(10);
      for (const { name, kind } of tables) {
        await analyst`select from p.${analyst(name)} limit 1`;
        if (kind === 'r') await expect(analyst`delete from p.${analyst(name)}`, name).rejects.toMatchObject({ code: '42501' });
      }
      await analyst.end();
      // Nor may it take the pipeline.
      await expect((await open('tallyho_analyst')).claim({ waitMs: 0 })).rejects.toMatchObject(
        denied('CREATE on the schema "p"', 'grant create on schema "p"'),
      );
    });

    test('what a detector lacks is named, with the GRANT that mends it', async () => {
      const store = await open('tallyho_detector');
      const claim = async (): Promise<void> => (await store.claim({ waitMs: 0 })).release();
      await expect(claim()).rejects.toMatchObject(
        denied('CREATE on the database', 'create schema "p"; grant usage, create on schema "p" to "tallyho_detector"'),
      );
      await admin.unsafe('create schema p');
      await expect(claim()).rejects.toMatchObject(denied('USAGE on the schema "p"', 'grant usage on schema "p"'));
      await admin.unsafe('grant usage on schema p to tallyho_detector');
      await expect(claim()).rejects.toMatchObject(denied('CREATE on the schema "p"', 'grant create on schema "p"'));
      await admin.unsafe('grant create on schema p to tallyho_detector');
      await claim();
      await admin.unsafe('alter table p.pipeline owner to current_user');
      await expect(claim()).rejects.toMatchObject(denied('the ownership of "p".pipeline', 'role that owns'));
    });

    test('what a reader lacks is named; a schema that it may not use is not one that never ran', async () => {
      await admin.unsafe(of(forDetector, 'p'));
      await work();
      const reader = await open('tallyho_analyst', true);
      await expect(reader.pipeline()).rejects.toMatchObject(denied('USAGE on the schema "p"', 'grant usage on schema "p"'));
      await admin.unsafe('grant usage on schema p to tallyho_analyst');
      const unread = denied('SELECT on "p".', 'grant select on all tables in schema "p"');
      await expect(reader.pipeline()).rejects.toMatchObject(unread);
      await admin.unsafe('grant select on p.migration, p.pipeline, p.chunk, p.pattern, p.pattern_set to tallyho_analyst');
      expect(await reader.pipeline()).toMatchObject({ lastSequence: 2 });
      await expect(all(reader.detections())).rejects.toMatchObject(unread);
      await admin.unsafe('grant select on all tables in schema p to tallyho_analyst');
      await all(reader.detections());
    });

    test('a detector that is stuck within a commit can only be ended by one of its role', async () => {
      await admin.unsafe(`${of(forDetector, 'p')}create role other_${major} login password 'change-me' in role tallyho_detector`);
      const store = await open('tallyho_detector');
      const writer = await store.claim({ waitMs: 0 });
      await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
      const other = new URL(url);
      other.username = `other_${major}`;
      other.password = 'change-me';
      const second = await openPostgresStore({ connection: { url: other.href }, pipeline: 'p' });
      opened.push(second);
      await expect(second.claim({ waitMs: 0 })).rejects.toMatchObject({ code: 'HELD' });
      await admin`update p.pipeline set lease_until = clock_timestamp() - interval '1 second'`;
      expect((await second.claim({ waitMs: 0 })).pipeline.epoch).toBe(2);
    });
  });
}
