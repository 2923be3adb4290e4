/** `tallyho doctor`: every fault with its mend, nothing changed, no secret shown. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { probeKey } from '../../src/objects/probe.ts';
import { makeAuthority, opensslMissing } from '../helpers/certificates.ts';
import { startTallyho } from '../helpers/cli-process.ts';
import { makePooler } from '../helpers/pooler.ts';
import { type S3Proxy, startS3Proxy } from '../helpers/s3-proxy.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';
import { readTree, type Said, tallyho } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let folder: string;
beforeEach(() => {
  folder = makeTempFolder('doctor');
});
afterEach(() => removeFolder(folder));

const write = (name: string, text: string): void => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const patterns = 'patterns: [{ id: P, action: A, entity: [customer], when: ["count > 1"] }]';
const configure = (...lines: readonly string[]): void => write('tallyho.yaml', `${[...lines, patterns].join('\n')}\n`);
const chunk = 'customer,merchant,amount\nC1,M1,1\nC1,M1,2\n';

interface CheckJson {
  readonly check: string;
  readonly state: string;
  readonly found: string;
  readonly mend: string | null;
}

let last: Said;
async function doctor(env: Record<string, string> = {}): Promise<Map<string, CheckJson>> {
  last = await tallyho(['doctor', '--json'], { cwd: folder, env });
  const { healthy, checks } = JSON.parse(last.stdout) as { healthy: boolean; checks: CheckJson[] };
  expect(last.code).toBe(healthy ? 0 : 1);
  expect(healthy).toBe(checks.every(({ state }) => state !== 'failed'));
  for (const { state, mend, check } of checks) if (state === 'failed' || state === 'warning') expect(mend, check).not.toBeNull();
  return new Map(checks.map((check) => [check.check, check]));
}

describe('on files', () => {
  test('before the first run all is well, and nothing was made', async () => {
    configure('source: ./input/', 'sink: ./output/');
    write('input/chunk_1.csv', chunk);
    const before = [...readTree(folder)];
    const checks = await doctor();
    expect(new Set([...checks.values()].map(({ state }) => state))).toEqual(new Set(['ok']));
    expect(checks.get('source')?.found).toContain('1 chunk; chunk_1.csv (41 bytes) can be read');
    expect(checks.get('sink')?.found).toContain('the first run makes it');
    expect([...readTree(folder)]).toEqual(before);
  });

  test('after a run it says where the pipeline stands; the output is as it was', async () => {
    configure('source: ./input/', 'sink: ./output/');
    write('input/chunk_1.csv', chunk);
    expect((await tallyho(['run', '--once'], { cwd: folder })).code).toBe(0);
    const before = [...readTree(join(folder, 'output'))];
    const checks = await doctor();
    expect(last.code, last.stdout).toBe(0);
    expect(checks.get('sink')?.found).toContain('1 folder of detections; put, read and list work, overwriting is refused');
    expect(checks.get('database')?.found).toMatch(/^the private server answers: PostgreSQL 18\./);
    expect(checks.get('pipeline')?.found).toBe('entry 1 is the last; no detector is running');
    expect([...readTree(join(folder, 'output'))]).toEqual(before);

    expect(checks.get('output')?.state).toBe('ok');
    const env = { TALLYHO_CLOCK: '2100-01-01T00:00:00Z' };
    const taken = 'output/21000101T000000.000-2';
    const detector = startTallyho(['run'], { cwd: folder, env });
    await detector.hears('Watching');
    write(`${taken}/evidence-1.jsonl`, 'of another');
    write('input/chunk_2.csv', chunk.replaceAll('C1', 'C2'));
    await detector.hears('INCIDENT');
    detector.child.kill('SIGINT');
    await detector.ended;
    expect((await doctor()).get('output')).toMatchObject({
      state: 'failed',
      found: `1 file could not be published, because other bytes stand under that name, such as ${taken.slice(7)}/evidence-1.jsonl`,
    });
    rmSync(join(folder, taken, 'evidence-1.jsonl'));
    expect((await tallyho(['run', '--once'], { cwd: folder, env })).code).toBe(0);
    expect((await doctor()).get('output')?.state).toBe('ok');

    configure('source: ./input/', 'sink: ./output/', 'state: ./another');
    expect((await doctor()).get('output')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('holds 2 folders that this state did not plan') as string,
      mend: expect.stringMatching(/tallyho state import.*tallyho run --adopt/) as string,
    });
    expect(existsSync(join(folder, 'another'))).toBe(false);

    write('tallyho.yaml', 'source: ./input/\nsink: ./output/\npatterns: [{ id: P, action: A, entity: [merchant], when: ["count > 1"] }]\n');
    expect((await doctor()).get('pipeline')).toMatchObject({ state: 'failed', mend: expect.stringContaining('tallyho rebuild') as string });
  });

  test('chunks beside an empty source are said, by run --once too', async () => {
    configure('source: ./input/', 'sink: ./output/');
    mkdirSync(join(folder, 'input'));
    write('incoming/day 1/chunk_1.csv', chunk);
    write('output/20261122T073000.123-1/detections-1.csv', 'x\n');
    const checks = await doctor();
    // What lies in the output is another state's.
    expect(checks.get('output')?.state).toBe('failed');
    expect(checks.get('places')).toMatchObject({
      state: 'warning',
      found: expect.stringContaining(`${folder}/incoming/ beside it has chunks, such as day 1/chunk_1.csv`) as string,
    });
    expect(checks.get('places')?.found).not.toContain('/output/');
    removeFolder(join(folder, 'output'));
    expect((await tallyho(['run', '--once'], { cwd: folder })).stdout).toContain(`But ${folder}/incoming/ beside it has chunks`);
  });

  test('every fault is shown, and what cannot be looked at then', async () => {
    write('file', '');
    configure('source: ./nowhere/', 'sink: ./file', 'state: ./file', 'weight: { file: ./weights.csv }');
    const checks = await doctor();
    expect(checks.get('source')).toMatchObject({ state: 'failed', mend: 'Make the folder, or correct the path.' });
    expect(checks.get('sink')?.state).toBe('failed');
    expect(checks.get('state folder')?.state).toBe('failed');
    expect(checks.get('reference')).toMatchObject({ state: 'failed', found: `${folder}/weights.csv is not there` });
    for (const name of ['places', 'database', 'schema', 'pipeline', 'output']) expect(checks.get(name)?.state, name).toBe('skipped');
    expect(checks.get('engine')?.state).toBe('ok');
  });

  test('a config that does not load fails by itself, with all that is wrong with it', async () => {
    write('tallyho.yaml', 'source: ./input/\nsinc: ./output/\npatterns: smaple\n');
    const checks = await doctor();
    expect(checks.get('config')?.found).toContain('tallyho.yaml:2:1');
    expect(checks.get('config')?.found).toContain('tallyho.yaml:3:11');
    expect(checks.get('source')?.state).toBe('skipped');
    const said = await tallyho(['doctor'], { cwd: folder });
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/^ {2}failed {3}config /);
    expect(said.stdout).toMatch(/1 check failed, \d+ checks could not be made\.\n$/);
  });
});

describe('on a PostgreSQL', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server?.close());

  test('rights, a foreign schema, no answer: each with its mend, never the password', async () => {
    configure('source: ./input/', 'sink: ./output/', 'store: ${STORE}');
    write('input/chunk_1.csv', chunk);
    const url = await server.createDatabase();
    const admin = postgres(url, { max: 1, onnotice: () => {} });
    try {
      expect((await doctor({ STORE: url })).get('schema')?.found).toBe('tallyho is not there yet: the first run makes it');
      expect((await tallyho(['run', '--once'], { cwd: folder, env: { STORE: url } })).code).toBe(0);
      let checks = await doctor({ STORE: url });
      expect(last.code, last.stdout).toBe(0);
      expect(checks.get('clock')?.found).toContain('the database agrees with this machine');
      expect(checks.get('schema')?.found).toMatch(/^tallyho, version \d+, all rights$/);

      const database = new URL(url).pathname.slice(1);
      await admin.unsafe(`alter database "${database}" set default_transaction_read_only = on`);
      expect((await doctor({ STORE: url })).get('database')).toMatchObject({
        state: 'failed',
        found: expect.stringContaining('read-only') as string,
      });
      await admin.unsafe(`alter database "${database}" reset default_transaction_read_only`);

      await admin.unsafe(
        `create role reader_of_doctor login password 'Secret/of:reader'; grant usage on schema tallyho to reader_of_doctor`,
      );
      const limited = `postgres://reader_of_doctor:${encodeURIComponent('Secret/of:reader')}@${server.host}:${server.port}${new URL(url).pathname}`;
      checks = await doctor({ STORE: limited });
      expect(checks.get('schema')).toMatchObject({
        state: 'failed',
        found: expect.stringMatching(/create.*; tables belong to somebody else/) as string,
        mend: 'Connect as the user who made the schema.',
      });
      expect(checks.get('pipeline')?.state).toBe('skipped');
      expect(last.stdout).not.toMatch(/Secret(\/|%2F)of/);

      await admin.unsafe('create schema other; create table other.theirs (x int)');
      configure('pipeline: other', 'source: ./input/', 'sink: ./output/', 'store: ${STORE}');
      expect((await doctor({ STORE: url })).get('schema')).toMatchObject({ state: 'failed', found: 'other is not ours: it holds theirs' });

      const wrong = url.replace(/:[^:@]*@/, ':WrongPassword7@');
      checks = await doctor({ STORE: wrong });
      expect(checks.get('database')).toMatchObject({
        state: 'failed',
        found: expect.stringContaining('refuses the connection, while trying to connect: password authentication failed') as string,
      });
      expect(checks.get('schema')?.state).toBe('skipped');
      expect(last.stdout + last.stderr).not.toContain('WrongPassword7');
    } finally {
      await admin.end();
    }
  });

  test('a pooler in transaction mode is refused; the server behind it is not', async () => {
    configure('source: ./input/', 'sink: ./output/', 'store: ${STORE}');
    write('input/chunk_1.csv', chunk);
    const url = await server.createDatabase();
    const pooler = await makePooler(url);
    try {
      expect((await doctor({ STORE: url })).get('database')?.state).toBe('ok');
      const database = (await doctor({ STORE: pooler.url })).get('database');
      expect(database).toMatchObject({
        state: 'failed',
        found: expect.stringContaining('a pooler in transaction mode is in between') as string,
      });
    } finally {
      await pooler.close();
    }
  });
});

const missing = s3ServerMissing();
describe.skipIf(missing !== undefined)(`on S3${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: S3Server;
  let proxy: S3Proxy;
  beforeAll(async () => {
    server = await startS3Server();
    proxy = await startS3Proxy(server.port);
  });
  afterAll(async () => {
    await proxy?.close();
    await server?.close();
  });
  afterEach(() => {
    proxy.act = () => 'pass';
  });

  const env = (): Record<string, string> => ({
    AWS_ACCESS_KEY_ID: server.settings.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: server.settings.secretAccessKey ?? '',
  });
  async function bucketWith(source: string): Promise<string> {
    const bucket = await server.makeBucket();
    await server.overwrite(bucket, 'streaming/in/chunk_1.csv', Buffer.from(chunk));
    configure(
      `source: s3://${bucket}/${source}`,
      `sink: s3://${bucket}/streaming/out/`,
      `s3: { endpoint: "${proxy.endpoint}", region: us-east-1 }`,
    );
    return bucket;
  }

  test('all is well, the probe is removed, clocks agree', async () => {
    const bucket = await bucketWith('streaming/in/');
    const checks = await doctor(env());
    expect(last.code, last.stdout).toBe(0);
    expect(checks.get('source')?.found).toContain('1 chunk; chunk_1.csv (41 bytes) can be read');
    expect(checks.get('sink')?.found).toContain('overwriting is refused; the object of this probe was removed again');
    expect(checks.get('clock')?.found).toContain('agrees with this machine');
    expect([...(await server.readTree(bucket, '')).keys()]).toEqual(['streaming/in/chunk_1.csv']);
  });

  test.skipIf(opensslMissing() !== undefined)(
    'https to a store without encryption, or with a certificate that nobody knows, is said with what helps',
    async () => {
      const at = (endpoint: string): void => configure('source: s3://b/in/', 'sink: s3://b/out/', `s3: { endpoint: "${endpoint}" }`);
      at(server.endpoint.replace('http:', 'https:'));
      expect((await doctor(env())).get('source')).toMatchObject({
        state: 'failed',
        mend: expect.stringContaining('write http://') as string,
      });

      const authority = makeAuthority(folder);
      const { certificate, key } = authority.sign('localhost', 'IP:127.0.0.1');
      const store = createServer({ cert: certificate, key }, (_, answer) => void answer.writeHead(403).end());
      try {
        const port = await new Promise((resolve) => store.listen(0, '127.0.0.1', () => resolve((store.address() as AddressInfo).port)));
        at(`https://127.0.0.1:${String(port)}`);
        const bare = { ...env(), NODE_EXTRA_CA_CERTS: '' };
        expect((await doctor(bare)).get('source')?.mend).toContain('NODE_EXTRA_CA_CERTS');
        expect((await doctor({ ...bare, NODE_EXTRA_CA_CERTS: authority.file })).get('source')?.found).toContain('(403)');
      } finally {
        store.close();
      }
    },
  );

  test('a producer that writes to another prefix is said', async () => {
    const bucket = await bucketWith('streaming/input/');
    expect((await doctor(env())).get('places')?.found).toContain(`s3://${bucket}/streaming/in/ beside it has chunks, such as chunk_1.csv`);
  });

  test('a store that overwrites fails, though every request succeeds', async () => {
    const bucket = await bucketWith('streaming/in/');
    proxy.act = ({ method, path }) => (method === 'PUT' && path.includes(probeKey) ? { answer: 200, headers: { etag: '"x"' } } : 'pass');
    // The probe is put by hand, since the proxy answers for the store.
    await server.overwrite(bucket, `streaming/out/${probeKey}`, Buffer.from('overwritten'));
    expect((await doctor(env())).get('sink')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('does not refuse') as string,
    });
  });

  test('a role that may not delete leaves one object, and the next probe is as sure', async () => {
    const bucket = await bucketWith('streaming/in/');
    proxy.act = ({ method }) => (method === 'DELETE' ? { answer: 403, code: 'AccessDenied' } : 'pass');
    for (const _ of [1, 2]) {
      const sink = (await doctor(env())).get('sink');
      expect(sink).toMatchObject({
        state: 'ok',
        found: expect.stringContaining('stays, since this user may not remove it (AccessDenied (403))') as string,
      });
      expect([...(await server.readTree(bucket, '')).keys()]).toEqual(['streaming/in/chunk_1.csv', `streaming/out/${probeKey}`]);
    }
  });

  test('rights that lack, a clock that is off, a store that hangs: each by itself, in bounded time', async () => {
    await bucketWith('streaming/in/');
    proxy.act = ({ method }) => (method === 'PUT' ? { answer: 403, code: 'AccessDenied' } : 'pass');
    let checks = await doctor(env());
    expect(checks.get('sink')).toMatchObject({ state: 'failed', mend: expect.stringContaining('s3:PutObject') as string });
    expect(checks.get('source')?.state).toBe('ok');

    proxy.act = ({ method, path }) =>
      method === 'GET' && path.includes('max-keys=1')
        ? { answer: 200, body: emptyListing, headers: { date: new Date(Date.now() + 90_000).toUTCString() } }
        : 'pass';
    checks = await doctor(env());
    expect(checks.get('clock')).toMatchObject({
      state: 'warning',
      found: expect.stringMatching(/1 min (29|30|31) s ahead of this machine/) as string,
    });

    proxy.act = ({ path }) => (path.includes('prefix=streaming/in') ? 'hang' : 'pass');
    checks = await doctor(env());
    expect(checks.get('source')).toMatchObject({ state: 'failed', found: 'no answer within 10 s' });
    expect(checks.get('places')?.state).toBe('skipped');
    expect(checks.get('sink')?.state).toBe('ok');
    expect(last.stdout).not.toContain(server.settings.secretAccessKey);
  });

  const emptyListing =
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>';
});
