/** What the URL of a store may ask for: encryption as libpq means it, hosts, names, and parameters of libpq (docs/postgresql.md). */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { leaseSeconds } from '../../src/store/postgres/lease.ts';
import { becomeWriter, startSettings } from '../../src/store/postgres/session-settings.ts';
import { Session } from '../../src/store/postgres/session.ts';
import { isDataError } from '../../src/pipeline/data-error.ts';
import type { Store } from '../../src/store/store.ts';
import { type Authority, makeAuthority, opensslMissing } from '../helpers/certificates.ts';
import { aggregateOf, commitRows, freshDetector, makeEntry, makeSample, totalsOf } from '../helpers/store-samples.ts';
import { someRows } from '../helpers/store-contract.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let folder: string;
const sample = makeSample();
const opened: { close(): Promise<void> }[] = [];
beforeAll(() => {
  folder = makeTempFolder('store-tls');
});
afterAll(() => removeFolder(folder));
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close();
});

const open = async (url: string, readOnly = false): Promise<Store> => {
  const store = await openPostgresStore({ connection: { url }, pipeline: 'p', readOnly });
  opened.push(store);
  return store;
};

for (const major of [18, 14] as const) {
  describe(`encryption with PostgreSQL ${major}`, () => {
    const missing = missingServer(major) ?? opensslMissing();
    let authority: Authority;
    let other: Authority;
    /** Names `localhost` and not 127.0.0.1. */
    let encrypted: TestServer;
    let plain: TestServer;
    let admin: Sql;

    beforeAll(async () => {
      if (missing !== undefined) return;
      authority = makeAuthority(folder);
      other = makeAuthority(folder);
      const { certificate, key } = authority.sign('whoever', 'DNS:localhost');
      encrypted = await startTestServer({
        major,
        settings: { ssl: 'on', listen_addresses: '127.0.0.1' },
        files: { 'server.crt': certificate, 'server.key': key },
      });
      plain = await startTestServer({ major });
      admin = postgres(encrypted.url, { max: 1 });
    });
    afterAll(async () => {
      if (missing !== undefined) return;
      await admin.end();
      await encrypted.close();
      await plain.close();
    });
    beforeEach((context) => {
      if (missing !== undefined) context.skip(missing);
    });

    const through = (server: TestServer, asked: Record<string, string>, host = 'localhost'): string => {
      const url = new URL(server.url);
      url.hostname = host;
      for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
      return url.href;
    };
    /** Whether each of our sessions is encrypted. */
    const encryption = async (): Promise<boolean[]> =>
      (
        await admin<{ ssl: boolean }[]>`
          select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name like 'tallyho %'`
      ).map(({ ssl }) => ssl);
    const refused = (what: string): object => ({
      code: 'STORE_TLS',
      message: expect.stringContaining(what) as string,
      mend: expect.any(String) as string,
    });

    test('is had where the server has it, unless the URL says otherwise', async () => {
      await open(through(encrypted, {}));
      expect(await encryption()).toEqual([true]);
      await open(through(encrypted, { sslmode: 'disable' }));
      expect(new Set(await encryption())).toEqual(new Set([false, true]));
      await open(through(plain, {}));
      await open(through(plain, { sslmode: 'prefer' }));
    });

    test('that the server has not is refused where it is asked for', async () => {
      for (const sslmode of ['require', 'verify-ca', 'verify-full'])
        await expect(open(through(plain, { sslmode, sslrootcert: authority.file })), sslmode).rejects.toMatchObject(
          refused(`sslmode=${sslmode}`),
        );
    });

    test('require looks at no certificate, unless it is told whose', async () => {
      await open(through(encrypted, { sslmode: 'require' }, '127.0.0.1'));
      await open(through(encrypted, { sslmode: 'require', sslrootcert: authority.file }, '127.0.0.1'));
      await expect(open(through(encrypted, { sslmode: 'require', sslrootcert: other.file }))).rejects.toMatchObject(refused('certificate'));
    });

    test('verify-ca wants the authority, verify-full the host as well', async () => {
      const ours = { sslrootcert: authority.file };
      const theirs = { sslrootcert: other.file };
      await open(through(encrypted, { sslmode: 'verify-ca', ...ours }, '127.0.0.1'));
      await open(through(encrypted, { sslmode: 'verify-full', ...ours }));
      expect(await encryption()).toEqual([true, true]);
      for (const sslmode of ['verify-ca', 'verify-full'])
        await expect(open(through(encrypted, { sslmode, ...theirs })), sslmode).rejects.toMatchObject(refused('certificate'));
      await expect(open(through(encrypted, { sslmode: 'verify-full', ...ours }, '127.0.0.1'))).rejects.toMatchObject(refused('127.0.0.1'));
      // None of the public authorities has signed it.
      await expect(open(through(encrypted, { sslrootcert: 'system' }))).rejects.toMatchObject(refused('certificate'));
      await expect(open(through(encrypted, { sslmode: 'verify-ca', sslrootcert: join(folder, 'none.crt') }))).rejects.toMatchObject(
        refused('none.crt'),
      );
      expect(await encryption()).toEqual([true, true]);
    });

    test('is that of the thread which renews the lease, too', async () => {
      const url = through(encrypted, { sslmode: 'verify-full', sslrootcert: authority.file });
      const store = await open(url);
      const told: string[] = [];
      const writer = await store.claim({ waitMs: 0, onLeaseTrouble: (why) => told.push(why) });
      const sessions = () => admin<{ ssl: boolean }[]>`
        select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name like 'tallyho % lease'`;
      while ((await sessions()).length === 0 && told.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      expect([(await sessions()).map(({ ssl }) => ssl), told]).toEqual([[true], []]);
      await writer.release();
    });

    test('carries all that a pipeline does, and its loss is noticed as any other', async () => {
      const store = await open(through(encrypted, { sslmode: 'verify-full', sslrootcert: authority.file }));
      const writer = await store.claim({ waitMs: 0 });
      await writer.setBasis({ layout: sample.layout, input: sample.input });
      const detector = freshDetector(sample);
      await commitRows(sample, writer, detector, [someRows(3000, 1), someRows(3000, 2)]);
      await writer.fold(detector.takeFold(), 2);
      const loaded = freshDetector(sample);
      await store.load(loaded);
      expect(totalsOf(loaded, 0)).toEqual(aggregateOf(sample.layout, 0, [...someRows(3000, 1), ...someRows(3000, 2)]));
      const raw = Buffer.alloc(3_000_000, 'x');
      const entry = makeEntry(
        { rows: 1, quarantined: 1 },
        { rejected: [{ object: 'o', line: 1, reason: 'bad_amount', raw, length: raw.length, sha256: null }] },
      );
      await writer.commit({ from: 2, to: 2, entries: [entry], sameContent: [] });
      for await (const rows of store.rejected()) expect(Buffer.from(rows[0]?.raw ?? []).equals(raw)).toBe(true);
      await encrypted.disconnectAll();
      await expect(writer.commit({ from: 2, to: 2, entries: [makeEntry({ key: 'b' })], sameContent: [] })).rejects.toMatchObject({
        code: expect.stringMatching(/^STORE_(UNREACHABLE|UNKNOWN_COMMIT)$/) as string,
      });
      // The first may still get a session whose end is not seen yet.
      const again = await store.claim({ waitMs: 0 }).catch(() => store.claim({ waitMs: 0 }));
      await again.commit({ from: 2, to: 2, entries: [makeEntry({ key: 'b' })], sameContent: [] });
      await again.release();
    });

    test('with a certificate of ours is had where the server asks for one', async () => {
      const { certificate, key } = authority.sign('whoever', 'DNS:localhost');
      const client = authority.sign('tester', 'DNS:client');
      const files = { sslcert: join(folder, 'client.crt'), sslkey: join(folder, 'client.key') };
      writeFileSync(files.sslcert, client.certificate);
      writeFileSync(files.sslkey, client.key);
      const asking = await startTestServer({
        major,
        settings: { ssl: 'on', ssl_ca_file: 'ca.crt' },
        files: {
          'server.crt': certificate,
          'server.key': key,
          'ca.crt': readFileSync(authority.file, 'utf8'),
          'pg_hba.conf':
            'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\nhostnossl postgres tester 127.0.0.1/32 scram-sha-256\n',
        },
      });
      opened.push(asking);
      await open(through(asking, { sslmode: 'require', ...files }));
      await expect(open(through(asking, { sslmode: 'require' }))).rejects.toMatchObject({
        code: expect.stringMatching(/^STORE_(TLS|UNREACHABLE)$/) as string,
      });
    });
  });
}

test.each([
  '?sslmode=yes',
  '?sslmode=allow',
  '?sslrootcert=system&sslmode=require',
  '?channel_binding=require',
  '?gssencmode=require',
  '?target_session_attrs=x',
])('a URL that asks for what cannot be had is refused before anything is sent (%s)', async (query) => {
  const url = `postgres://u:secret-word@127.0.0.1:1/db${query}`;
  const error = await open(url).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', mend: expect.any(String) as string });
  expect(String(error)).not.toContain('secret-word');
});

test('bytes behind the answer to the request for encryption are refused: they may be of somebody in between', async () => {
  const listener: Server = createServer((socket) => void socket.on('error', () => {}).once('data', () => socket.write('S and more')));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = listener.address() as { port: number };
    await expect(open(`postgres://u:p@127.0.0.1:${port}/db?sslmode=require`)).rejects.toMatchObject({ code: 'STORE_TLS' });
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
});

describe('sessions', () => {
  const missing = missingServer(18);
  let server: TestServer;
  let admin: Sql;
  beforeAll(async () => {
    if (missing !== undefined) return;
    server = await startTestServer();
    admin = postgres(server.url, { max: 1 });
  });
  afterAll(async () => {
    if (missing !== undefined) return;
    await admin.end();
    await server.close();
  });
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });
  const names = async (): Promise<string[]> =>
    (
      await admin<
        { name: string }[]
      >`select application_name as name from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`
    )
      .map(({ name }) => name)
      .toSorted();

  test('say what they are for, unless the URL gives a name', async () => {
    const store = await open(server.url);
    const writer = await store.claim({ waitMs: 0 });
    await store.pipeline();
    await writer.setBasis({ layout: sample.layout, input: '{}' });
    await writer.fold([], 0, new AbortController().signal);
    await store.pipeline();
    expect(await names()).toEqual(['tallyho p fold', 'tallyho p reader', 'tallyho p writer']);
    await store.close();
    const named = await open(`${server.url}?application_name=night%20run`);
    await (await named.claim({ waitMs: 0 })).release();
    await named.pipeline();
    const other = await named.claim({ waitMs: 0 });
    expect(new Set(await names())).toEqual(new Set(['night run']));
    await other.release();
  });

  test('of a pipeline with a long name still say it', async () => {
    const store = await openPostgresStore({ connection: { url: server.url }, pipeline: 'ü'.repeat(31) });
    opened.push(store);
    await store.claim({ waitMs: 0 });
    const [name = ''] = await names();
    expect(name).toBe(`tallyho ${'?'.repeat(31)} writer`);
  });

  test('have limits: those of a writer lie below the lease (PROTOCOL 3.2)', async () => {
    const limits = [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'tcp_user_timeout',
      'client_connection_check_interval',
    ];
    const { session } = await Session.open({ url: server.url }, startSettings('p', 'reader', true), 'here', 'select 1 as one');
    opened.push(session);
    const seen = async (): Promise<Record<string, number>> => {
      const rows = await session.query<{ name: string; ms: number }>(
        'select name, case unit when $1 then setting::integer * 1000 else setting::integer end as ms from pg_settings where name = any($2::text[])',
        ['s', `{${limits.join()}}`],
      );
      return Object.fromEntries(rows.map(({ name, ms }) => [name, ms]));
    };
    expect(await seen()).toMatchObject({
      statement_timeout: 600_000,
      lock_timeout: 120_000,
      idle_in_transaction_session_timeout: 3_600_000,
    });
    const { text, parameters } = becomeWriter('p', 'writer', { applicationName: null });
    await session.query(text, parameters);
    const { statement_timeout: statement, ...others } = await seen();
    expect(statement).toBe(300_000);
    const isLinux = process.platform === 'linux';
    for (const limit of limits.slice(1, isLinux ? 5 : 3)) {
      expect(others[limit], limit).toBeGreaterThan(0);
      expect(others[limit], limit).toBeLessThan(leaseSeconds * 1000);
    }
  });

  test('that wait for a lock of others fail before the lease is over, and nothing is quarantined for it', async () => {
    const store = await open(server.url);
    const writer = await store.claim({ waitMs: 0 });
    await admin.unsafe('begin; lock table p.chunk in exclusive mode');
    const refused: unknown = await writer
      .commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'STORE_BUSY', retry: 'backoff', cause: { code: '55P03' } });
    expect(isDataError(refused)).toBe(false);
    await admin.unsafe('rollback');
    await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
  });

  test('go to the first of several hosts that answers, and that can be written', async () => {
    const { port } = server;
    const [start, end] = server.url.split(`127.0.0.1:${port}`);
    const hosts = `${start}127.0.0.1:1,localhost:${port}${end}`;
    const store = await open(hosts);
    expect(store.describe).toContain(`127.0.0.1:1,localhost:${port}, database postgres`);
    await (await store.claim({ waitMs: 0 })).release();
    await expect(open(`${hosts}?target_session_attrs=standby`)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await open(`${hosts}?target_session_attrs=prefer-standby`, true);
  });
});
