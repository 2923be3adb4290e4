/** What stands in the database: schema, migrations, the views that analysts read, and whom it belongs to. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Layout } from '../../src/core/layout.ts';
import { migrations, schemaVersion } from '../../src/store/migrations/migrations.ts';
import { grainNames } from '../../src/store/postgres/names.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts';
import { checkServer, stepsOf } from '../../src/store/postgres/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { all, oddTexts, someRows } from '../helpers/store-contract.ts';
import {
  aggregateOf,
  commitRows,
  freshDetector,
  makeCorrection,
  makeEntry,
  makeSample,
  type Sample,
  type SampleRow,
  type Totals,
} from '../helpers/store-samples.ts';
import { describeSchema } from '../helpers/store-schema.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

test('migrations are what they were when they were released', () => {
  const hashes = migrations.map(
    ({ version, name, sql }) => `${version} ${name} ${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`,
  );
  expect(hashes).toMatchInlineSnapshot(`
    [
      "1 initial c13369271175be00",
      "2 corrections 4d031366d07895d5",
      "3 replays b718f36dd3ea85f3",
      "4 adoptions b504740f7855bfef",
      "5 holder a2181e38faaface5",
      "6 inbox 199478814a64ba56",
    ]
  `);
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, i) => i + 1));
});

test('a server that is too old, or has another encoding, is refused', () => {
  const fine = { server: 140_000, encoding: 'UTF8' };
  checkServer(fine, 'here');
  expect(() => checkServer({ ...fine, server: 130_019 }, 'here')).toThrow(code('STORE_UNSUITABLE'));
  expect(() => checkServer({ ...fine, encoding: 'LATIN1' }, 'here')).toThrow(code('STORE_UNSUITABLE'));
});

for (const major of [18, 14] as const) {
  const missing = missingServer(major);

  describe(`in PostgreSQL ${major}`, () => {
    let server: TestServer;
    let url: string;
    let admin: Sql;
    let pipeline: string;
    let made = 0;
    const opened: Store[] = [];
    const sample = makeSample();

    beforeAll(async () => {
      if (missing !== undefined) return;
      server = await startTestServer({ major });
      url = await server.createDatabase();
      admin = postgres(url, { max: 1, onnotice: () => {} });
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
      for (const store of opened.splice(0)) await store.close();
    });

    const open = async (options: Partial<PostgresStoreOptions> = {}): Promise<Store> => {
      const store = await openPostgresStore({ connection: { url }, pipeline, ...options });
      opened.push(store);
      return store;
    };
    const reclaim = async (store: Store) => {
      await admin`update ${admin(pipeline)}.pipeline set holder_pid = null`;
      return await store.claim({ waitMs: 0 });
    };
    /** Chunks of rows, committed and folded. */
    const fill = async (of: Sample, chunks: readonly (readonly SampleRow[])[], options: Partial<PostgresStoreOptions> = {}) => {
      const store = await open(options);
      const writer = await store.claim({ waitMs: 0 });
      await writer.setBasis({ layout: of.layout, input: of.input });
      const detector = freshDetector(of);
      for (const [i, rows] of chunks.entries()) {
        await commitRows(of, writer, detector, [rows], i);
        await writer.fold(detector.takeFold(), i + 1);
      }
      return { store, writer, detector };
    };

    describe('the schema', () => {
      test('is the one that is committed', async () => {
        await fill(sample, []);
        await expect(await describeSchema(admin, pipeline)).toMatchFileSnapshot('../../src/store/migrations/schema.txt');
      });

      test('of an older release is brought up by the next who takes the pipeline, and by nobody while it is held', async () => {
        const first = await (await open()).claim({ waitMs: 0 });
        await admin.unsafe(`drop table "${pipeline}".inbox; delete from "${pipeline}".migration where version > ${schemaVersion - 1}`);
        await expect((await open()).pipeline()).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
        await expect((await open()).claim({ waitMs: 0 })).rejects.toMatchObject({ code: 'HELD' });
        await expect((await open()).pipeline()).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
        await first.release();
        const writer = await (await open()).claim({ waitMs: 0 });
        expect(writer.pipeline).toMatchObject({ epoch: 2, lastSequence: 0 });
        expect(await writer.nextRequest()).toBeNull();
        const versions = await admin`select version from ${admin(pipeline)}.migration order by version`;
        expect(versions.map(({ version }) => Number(version))).toEqual(migrations.map(({ version }) => version));
        await writer.release();
        await fill(sample, []);
        await expect(await describeSchema(admin, pipeline)).toMatchFileSnapshot('../../src/store/migrations/schema.txt');
      });

      test('of a newer release is refused, and left as it is', async () => {
        const first = await (await open()).claim({ waitMs: 0 });
        await first.release();
        await admin`insert into ${admin(pipeline)}.migration (version, name) values (99, 'of tomorrow')`;
        await expect((await open()).claim({ waitMs: 0 })).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
        await expect((await open()).pipeline()).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
        expect(await admin`select epoch from ${admin(pipeline)}.pipeline`).toEqual([{ epoch: '1' }]);
      });

      test.each(migrations.slice(0, -1).map(({ version }) => version))(
        'of version %i is brought up by a claim, once nobody holds it',
        async (version) => {
          await admin.begin(async (sql) => {
            await sql.unsafe(`create schema ${pipeline}; set local search_path = ${pipeline}`);
            for (const { text, parameters } of stepsOf(0, version)) await sql.unsafe(text, [...parameters]);
            // Held by a detector of then, whose session is this one.
            await sql`insert into pipeline (name, holder_pid, holder_start, lease_until)
            select ${pipeline}, pid, backend_start, clock_timestamp() + interval '1 hour' from pg_stat_activity where pid = pg_backend_pid()`;
          });
          const versions = async () =>
            (await admin`select version from ${admin(pipeline)}.migration order by version`).map((row) => row['version'] as number);
          await expect((await open()).claim({ waitMs: 0 })).rejects.toMatchObject({
            code: 'HELD',
            message: expect.stringMatching(
              /: postgres\.js, from 127\.0\.0\.1, server process \d+, since .* UTC, its lease has 3600 s left\.$/,
            ) as string,
          });
          expect(await versions()).toHaveLength(version);
          await expect((await open()).pipeline()).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
          await admin`update ${admin(pipeline)}.pipeline set holder_pid = null`;
          const store = await open();
          const writer = await store.claim({ waitMs: 0 });
          expect(await versions()).toEqual(migrations.map(({ version }) => version));
          expect(writer.pipeline).toMatchObject({ epoch: 1, lastSequence: 0 });
          await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
          expect(await store.holder()).toMatchObject({ host: hostname(), process: process.pid });
        },
      );

      test('of somebody else is refused, and left as it is', async () => {
        await admin`create schema ${admin(pipeline)}`;
        await admin`create table ${admin(pipeline)}.theirs (a integer)`;
        await expect((await open()).claim({ waitMs: 0 })).rejects.toMatchObject({
          code: 'STORE_SCHEMA',
          message: expect.stringContaining('theirs') as unknown,
        });
        expect(await (await open()).pipeline()).toBeNull();
        expect(await admin`select relname from pg_class where relnamespace = ${pipeline}::regnamespace`).toEqual([{ relname: 'theirs' }]);
      });

      test('may be made before, for a role that may not make any', async () => {
        await admin.unsafe(
          `create role ${pipeline}_role login password 'secret'; create schema ${pipeline} authorization ${pipeline}_role`,
        );
        const own = new URL(url);
        own.username = `${pipeline}_role`;
        own.password = 'secret';
        const store = await open({ connection: { url: own.href } });
        const writer = await store.claim({ waitMs: 0 });
        await writer.setBasis({ layout: sample.layout, input: '{}' });
        await commitRows(sample, writer, freshDetector(sample), [someRows(5, 1)]);
        // Another role's backend cannot be looked into; its lease is respected.
        await expect((await open()).claim({ waitMs: 0 })).rejects.toMatchObject({ code: 'HELD' });
        await expect(
          (await open({ pipeline: `${pipeline}_other`, connection: { url: own.href } })).claim({ waitMs: 0 }),
        ).rejects.toMatchObject({
          code: 'STORE_DENIED',
          message: expect.stringContaining('CREATE on the database') as unknown,
        });
      });

      test('is the only one that is used, whatever the URL says', async () => {
        const through = new URL(url);
        through.searchParams.set('search_path', 'public');
        through.searchParams.set('DateStyle', 'German');
        through.searchParams.set('application_name', 'mine');
        const store = await open({ connection: { url: through.href } });
        const writer = await store.claim({ waitMs: 0 });
        await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
        expect(await admin`select relname from pg_class where relnamespace = 'public'::regnamespace`).toEqual([]);
        expect(await all(store.chunks())).toMatchObject([makeEntry().line]);
      });

      test('is read and written the same, whatever the role has set', async () => {
        await admin.unsafe(`create role ${pipeline}_role superuser login password 'secret'`);
        const settings = {
          default_transaction_isolation: 'serializable',
          bytea_output: 'escape',
          DateStyle: 'SQL, DMY',
          standard_conforming_strings: 'off',
        };
        const more = {
          statement_timeout: '1ms',
          search_path: 'public',
          default_transaction_read_only: 'off',
          IntervalStyle: 'iso_8601',
          timezone: 'Asia/Kolkata',
        };
        for (const [name, value] of Object.entries({ ...settings, ...more }))
          await admin.unsafe(`alter role ${pipeline}_role set ${name} = '${value}'`);
        const own = new URL(url);
        own.username = `${pipeline}_role`;
        own.password = 'secret';
        const odd = makeSample([{ id: 'P', action: 'A', entity: ['merchant'], when: ["count(where gender = 'back\\\\slash''s') > 1"] }]);
        const { store } = await fill(odd, [someRows(50, 1)], { connection: { url: own.href } });
        const raw = Buffer.from([0, 92, 255]);
        const writer = await reclaim(store);
        await writer.commit({
          from: 1,
          to: 1,
          entries: [
            makeEntry(
              { rows: 1, quarantined: 1 },
              { rejected: [{ object: 'o', line: 1, reason: 'bad_amount', raw, length: 3, sha256: null }] },
            ),
          ],
          sameContent: [],
        });
        expect((await all(store.rejected())).map((row) => Buffer.from(row.raw))).toEqual([raw]);
        expect((await all(store.chunks()))[0]?.detectionTime).toEqual(makeEntry().line.detectionTime);
        await writer.load(freshDetector(odd));
      });

      test.each(['Tally Ho', 'a"b', "it's", 'a,b', 'select', '🦊', '%s', '$1', 'x'.repeat(63)])('may be called %j', async (name) => {
        pipeline = name;
        const { store } = await fill(sample, [someRows(30, 1), someRows(30, 2)]);
        expect(await store.pipeline()).toMatchObject({ name, lastSequence: 2, foldedSequence: 2 });
        expect(await admin`select count(*)::integer as count from ${admin(name)}.stats_merchant_customer`).toEqual([
          { count: aggregateOf(sample.layout, 0, [...someRows(30, 1), ...someRows(30, 2)]).length },
        ]);
      });
    });

    test('PROTOCOL 3.7: a database of another encoding is refused', async () => {
      await admin.unsafe(
        `create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C' ${major >= 15 ? 'locale_provider libc' : ''}`,
      );
      const latin = new URL(url);
      latin.pathname = '/latin';
      await expect(open({ connection: { url: latin.href } })).rejects.toMatchObject({ code: 'STORE_UNSUITABLE' });
    });

    test('a store that is opened to read writes nothing', async () => {
      const store = await open({ readOnly: true });
      await expect(store.claim({ waitMs: 0 })).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await store.pipeline()).toBeNull();
      expect(await admin`select nspname from pg_namespace where nspname = ${pipeline}`).toEqual([]);
    });

    test('a store tells where it is without its secrets', async () => {
      const store = await open();
      expect(store.describe).toContain(`schema ${pipeline}`);
      expect(store.describe).toContain('127.0.0.1');
      expect(store.describe).not.toContain(new URL(url).password);
      expect(store.describe).not.toContain(decodeURIComponent(new URL(url).password));
    });

    test('PROTOCOL 3.8: folded deltas beyond keepDeltas are deleted, others never', async () => {
      const { store, writer, detector } = await fill(
        sample,
        [1, 2, 3, 4, 5].map((seed) => someRows(10, seed)),
        { keepDeltas: 2 },
      );
      const kept = async () =>
        (await admin<{ sequence: string }[]>`select sequence from ${admin(pipeline)}.delta order by sequence`).map((row) =>
          Number(row.sequence),
        );
      expect(await kept()).toEqual([4, 5]);
      await commitRows(
        sample,
        writer,
        detector,
        [6, 7, 8, 9].map((seed) => someRows(10, seed)),
        5,
      );
      expect(await kept()).toEqual([4, 5, 6, 7, 8, 9]);
      await writer.fold(detector.takeFold(), 9);
      expect(await kept()).toEqual([8, 9]);
      const loaded = freshDetector(sample);
      await store.load(loaded);
    });

    describe('law 4 in the tables themselves', () => {
      test.each([
        ['rows that went nowhere', { rows: 3, applied: 1, quarantined: 1, not_counted: 0 }],
        ['rows out of nowhere', { rows: 0, applied: 1, quarantined: 0, not_counted: -1 }],
        ['rows not counted of what is no duplicate', { rows: 1, applied: 0, quarantined: 0, not_counted: 1 }],
      ])('%s are refused by a check', async (_, counts) => {
        await fill(sample, []);
        const line = {
          position: 1,
          kind: 'chunk',
          key: 'k',
          folder: false,
          version: 'v',
          outcome: 'quarantined',
          detections: 0,
          detection_time: new Date(),
          ...counts,
        };
        await expect(admin`insert into ${admin(pipeline)}.chunk ${admin(line)}`).rejects.toMatchObject({ code: '23514' });
      });
    });

    describe('the views', () => {
      const rowsOf = async (layout: Layout, index: number): Promise<Totals> => {
        const grain = layout.grains[index] as Layout['grains'][number];
        const names = grainNames(layout, grain);
        const rows = await admin<Record<string, string>[]>`select * from ${admin(pipeline)}.${admin(names.view)}`;
        return rows
          .map(
            (row) =>
              [
                names.dimensions.map((name) => row[name] ?? '?'),
                names.additive.map((name, i) =>
                  grain.additive[i]?.kind === 'sum' ? BigInt((row[name] ?? '').replace('.', '')) : BigInt(row[name] ?? ''),
                ),
                names.distinct.map((name) => Number(row[name])),
              ] as const,
          )
          .toSorted(([a], [b]) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
      };
      const wide = makeSample([
        ...makeSampleSources(),
        {
          id: 'All',
          action: 'A',
          entity: ['customer'],
          when: ['count in top 1% of all', 'distinct(merchant) > 3', 'sum(amount where gender != M) > 1'],
        },
        {
          id: 'Deep',
          action: 'A',
          entity: ['merchant', 'category'],
          when: ['count > 1', 'merchant.distinct(category where gender = F) > 1', 'avg(weight) > 1'],
        },
      ]);

      test('show what a plain aggregate of all rows shows, at every grain', async () => {
        const chunks = [1, 2, 3].map((seed) => someRows(80, seed));
        await fill(wide, chunks);
        expect(wide.layout.grains.length).toBeGreaterThan(4);
        for (const [index, grain] of wide.layout.grains.entries())
          expect(await rowsOf(wide.layout, index), grain.name).toEqual(aggregateOf(wide.layout, index, chunks.flat()));
      });

      test('show names as they are, and amounts as decimals', async () => {
        const rows = oddTexts.map((text, i) => ({
          values: { merchant: text, customer: `c${text}`, gender: 'F', category: 'food' },
          amount: i === 0 ? 10n ** 30n + 5n : BigInt(-i),
          weight: null,
        }));
        await fill(sample, [rows]);
        expect(await rowsOf(sample.layout, 0)).toEqual(aggregateOf(sample.layout, 0, rows));
        const [first] = await admin<
          { sum_weight: string; as_of_sequence: string }[]
        >`select sum_weight::text, as_of_sequence from ${admin(pipeline)}.stats_merchant_customer where merchant = ${oddTexts[0]}`;
        expect(first).toEqual({ sum_weight: '0.00', as_of_sequence: '1' });
      });

      test('have their columns in the documented order, and say what each measure is', async () => {
        await fill(
          makeSample([
            {
              id: 'P',
              action: 'A',
              entity: ['merchant', 'customer'],
              when: ['count > 1', 'avg(amount) > 1', 'avg(weight) > 1', 'count(where gender = F) > 1'],
            },
          ]),
          [],
        );
        const columns = await admin<{ name: string; comment: string | null }[]>`
          select a.attname as name, col_description(a.attrelid, a.attnum) as comment from pg_attribute a
          where a.attrelid = ${`${pipeline}.stats_merchant_customer`}::regclass and a.attnum > 0 order by a.attnum`;
        expect(columns.map(({ name }) => name)).toEqual([
          'merchant',
          'customer',
          'count',
          'sum_amount',
          'sum_weight',
          'number_weight',
          'as_of_sequence',
          'count_gender_f',
        ]);
        expect(columns.map(({ comment }) => comment)).toEqual([
          null,
          null,
          'count',
          'sum(amount)',
          'sum(weight)',
          'number of rows with weight',
          expect.stringContaining('ledger entry'),
          'count(where gender = F)',
        ]);
      });

      test('leave out entities whose rows were all taken out', async () => {
        const rows = someRows(20, 1);
        const { writer, detector } = await fill(sample, [rows]);
        const [first] = rows;
        const kept = rows.filter(({ values }) => values['merchant'] !== first?.values['merchant']);
        expect(kept.length).toBeLessThan(rows.length);
        const contents = (await writer.inForce('chunk_1.csv'))?.contents ?? expect.unreachable('it is kept');
        const entry = makeCorrection(sample, detector, { sequence: 1, contents }, 2, kept);
        await writer.commit({ from: 1, to: 2, entries: [entry], sameContent: [] });
        await writer.fold(detector.takeFold(), 2);
        for (const index of sample.layout.grains.keys())
          expect(await rowsOf(sample.layout, index)).toEqual(aggregateOf(sample.layout, index, kept));
      });

      test('are those of the new layout after a rebuild, and the old ones are gone', async () => {
        const { writer } = await fill(sample, []);
        const other = makeSample([{ id: 'P', action: 'A', entity: ['customer'], when: ['count > 1'] }]);
        await writer.setBasis({ layout: other.layout, input: '{}' });
        const relations = await admin<
          { name: string }[]
        >`select relname as name from pg_class where relnamespace = ${pipeline}::regnamespace and (relname like 'stat%') order by 1`;
        expect(relations.map(({ name }) => name)).toEqual(['statistics_2_customer', 'stats_customer']);
      });
    });
  });
}

function makeSampleSources() {
  return [{ id: 'Women', action: 'CARE', entity: ['merchant'], when: ['distinct(customer where gender = F) > 1', 'count > 1'] }];
}
