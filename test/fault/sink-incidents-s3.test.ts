/**
 * Somebody else's object under the name of a file of ours, in a bucket: it is never overwritten, the run says so and ends with 1, and
 * everything else goes on (PROTOCOL 4.2, 4.3). Through the command, on an S3 server and PostgreSQL. The names are known before,
 * because the clock is fixed; the object comes when the commit has planned its name and nothing stands there yet: before that the
 * output would be ahead of the database, which a start refuses (PROTOCOL 4.5).
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DeleteObjectCommand, ListObjectVersionsCommand, PutBucketVersioningCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type S3Proxy, startS3Proxy } from '../helpers/s3-proxy.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';
import { type Said, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, testServerMissing, type TestServer } from '../helpers/test-server.ts';

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');
const missing = s3ServerMissing() ?? testServerMissing(18);
const folder = '20261122T073000.123-1';

let world: string;
let s3: S3Server;
let server: TestServer;
let proxy: S3Proxy;
let expected: Map<string, string>;
let places = 0;

interface Place {
  readonly config: string;
  readonly bucket: string;
  readonly env: Record<string, string>;
}

beforeAll(async () => {
  if (missing !== undefined) return;
  world = makeTempFolder('incidents');
  [s3, server] = await Promise.all([startS3Server(), startTestServer()]);
  proxy = await startS3Proxy(s3.port);
  mkdirSync(join(world, 'input'));
  // 120 detections of the first chunk are three files of them and three of evidence; the second has one of each.
  const rows = Array.from({ length: 120 }, (_, i) => `C1,M${i},1.00,F\n`).join('');
  writeFileSync(join(world, 'input/chunk_1.csv'), `customer,merchant,amount,gender\n${rows}`);
  writeFileSync(join(world, 'input/chunk_2.csv'), 'customer,merchant,amount,gender\nC2,M1,1.00,F\n');
  const place = await makePlace();
  const whole = await run(place);
  expect(whole.code, whole.stderr).toBe(0);
  expected = await s3.readTree(place.bucket, 'out/');
  expect([...expected.keys()].filter((key) => key.startsWith(folder))).toHaveLength(6);
  expect(expected.size).toBe(8);
}, 60_000);
afterAll(async () => {
  await proxy?.close();
  await s3?.close();
  await server?.close();
  if (world !== undefined) removeFolder(world);
});
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});
afterEach(() => {
  if (proxy !== undefined) proxy.act = () => 'pass';
});

async function makePlace(): Promise<Place> {
  const bucket = await s3.makeBucket();
  const config = join(world, `${++places}.yaml`);
  const lines = [
    `source: ${world}/input/`,
    `sink: s3://${bucket}/out/`,
    `s3: { endpoint: "${proxy.endpoint}", region: us-east-1, forcePathStyle: true }`,
    'store: { url: "${TALLYHO_TEST_STORE}" }',
    'patterns: [{ id: Pair, action: WATCH, entity: [merchant, customer], when: [count >= 1] }]',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const env = {
    TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z',
    TALLYHO_TEST_STORE: await server.createDatabase(),
    AWS_ACCESS_KEY_ID: s3.settings.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: s3.settings.secretAccessKey ?? '',
  };
  return { config, bucket, env };
}

function run({ config, env }: Place): Promise<Said> {
  return tallyho(['run', '--once', '--config', config], { env });
}

/** One that is killed at its first put: the entries are committed, and nothing of them is in the bucket. */
async function runKilledAtPut({ config, env, bucket }: Place): Promise<void> {
  const child = spawn(process.execPath, [entry, 'run', '--once', '--config', config], { env: { ...process.env, ...env }, stdio: 'ignore' });
  proxy.act = ({ method }) => {
    if (method !== 'PUT') return 'pass';
    child.kill('SIGKILL');
    return 'cut';
  };
  await new Promise((done) => child.once('close', done));
  proxy.act = () => 'pass';
  expect(child.signalCode).toBe('SIGKILL');
  expect(await s3.readTree(bucket, 'out/')).toEqual(new Map());
}

/** Of our length, and with another byte in the middle: neither length nor a look at its beginning tells. */
function otherBytes(key: string): Buffer {
  const bytes = Buffer.from(expected.get(key)!, 'base64');
  const middle = bytes.length >> 1;
  bytes[middle] = bytes[middle]! ^ 1;
  return bytes;
}

async function status({ config, env }: Place) {
  return tallyhoJson<{ files: { planned: number; published: number; incidents: { key: string; detail: string }[] } }>(
    ['status', '--config', config],
    { env },
  );
}

/** The object of somebody else stands under `key`, and holds up itself and `detections-1.csv`. */
async function expectIncident(place: Place, said: Said, key: string, theirs: Buffer, published: number): Promise<void> {
  expect(said.code, said.stderr).toBe(1);
  const all = said.stdout + said.stderr;
  expect(all).toContain(`INCIDENT: ${key}`);
  expect(all).toMatch(/1 file could not be published, because other bytes stand under that name/);
  const held = new Set([key, `${folder}/detections-1.csv`]);
  const there = await s3.readTree(place.bucket, 'out/');
  expect(there.get(key)).toBe(theirs.toString('base64'));
  there.delete(key);
  expect(there).toEqual(new Map([...expected].filter(([name]) => !held.has(name))));
  const { files } = await status(place);
  expect(files).toEqual({ planned: 8, published, incidents: [{ key, detail: expect.stringContaining('Other bytes') as string }] });
  const shown = await tallyho(['status', '--config', place.config], { env: place.env });
  expect(shown.stdout).toContain(`${key} is not published: Other bytes`);
}

async function expectWhole(place: Place): Promise<void> {
  expect(await s3.readTree(place.bucket, 'out/')).toEqual(expected);
  expect((await status(place)).files).toEqual({ planned: 8, published: 8, incidents: [] });
}

for (const file of ['evidence-2.jsonl', 'detections-3.csv', 'detections-1.csv']) {
  test(`PROTOCOL 4.2, 4.3: ${file} of somebody else, put between a crash after the commit and the restart; then removed`, async () => {
    const place = await makePlace();
    const key = `${folder}/${file}`;
    const theirs = otherBytes(key);
    await runKilledAtPut(place);
    await s3.overwrite(place.bucket, `out/${key}`, theirs);
    const published = file === 'detections-1.csv' ? 7 : 6;
    await expectIncident(place, await run(place), key, theirs, published);
    // The next start looks again, and finds the same.
    await expectIncident(place, await run(place), key, theirs, published);

    await s3.remove(place.bucket, `out/${key}`);
    const mended = await run(place);
    expect(mended.code, mended.stderr).toBe(0);
    await expectWhole(place);
  });
}

test('PROTOCOL 4.3: an object with a checksum of its own that comes while the run publishes stays; the rest goes on', async () => {
  const place = await makePlace();
  const key = `${folder}/evidence-3.jsonl`;
  const theirs = otherBytes(key);
  let planted: 'no' | 'under way' | 'yes' = 'no';
  let refused: unknown = null;
  proxy.act = ({ method, path }) => {
    if (method !== 'PUT' || !path.includes(key) || planted === 'yes') return 'pass';
    if (planted === 'no') {
      planted = 'under way';
      const put = new PutObjectCommand({ Bucket: place.bucket, Key: `out/${key}`, Body: theirs, ChecksumAlgorithm: 'SHA256' });
      s3.client.send(put).then(
        () => (planted = 'yes'),
        (error: unknown) => (refused = error),
      );
    }
    // A store under load, until it stands there.
    return { answer: 503 };
  };
  const said = await run(place);
  expect(refused).toBeNull();
  await expectIncident(place, said, key, theirs, 6);
});

test('PROTOCOL 4.3: equal bytes that somebody else put are no incident', async () => {
  const place = await makePlace();
  const key = `${folder}/detections-2.csv`;
  await runKilledAtPut(place);
  await s3.overwrite(place.bucket, `out/${key}`, Buffer.from(expected.get(key)!, 'base64'));
  const said = await run(place);
  expect(said.code, said.stderr).toBe(0);
  await expectWhole(place);
});

test('PROTOCOL 4.3: in a versioned bucket nothing is put over an object of somebody else, and no name of ours gets a second version', async () => {
  const place = await makePlace();
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await s3.client.send(new PutBucketVersioningCommand({ Bucket: place.bucket, VersioningConfiguration }));
  const versions = async (): Promise<string[]> => {
    const { Versions = [], DeleteMarkers } = await s3.client.send(new ListObjectVersionsCommand({ Bucket: place.bucket }));
    expect(DeleteMarkers ?? []).toEqual([]);
    return Versions.map(({ Key = '' }) => Key.slice('out/'.length)).sort();
  };
  const key = `${folder}/evidence-1.jsonl`;
  const theirs = otherBytes(key);
  await runKilledAtPut(place);
  const { VersionId } = await s3.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: `out/${key}`, Body: theirs }));
  await expectIncident(place, await run(place), key, theirs, 6);
  const names = [...expected.keys()].sort();
  expect(await versions()).toEqual(names.filter((name) => name !== `${folder}/detections-1.csv`));

  // For good: a delete marker would leave it there.
  await s3.client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: `out/${key}`, VersionId }));
  const mended = await run(place);
  expect(mended.code, mended.stderr).toBe(0);
  await expectWhole(place);
  expect(await versions()).toEqual(names);
});

test('PROTOCOL 4.5: an object that stands there before anything was committed is an output that is ahead, and nothing is done', async () => {
  const place = await makePlace();
  const key = `${folder}/detections-1.csv`;
  await s3.overwrite(place.bucket, `out/${key}`, Buffer.from('theirs'));
  const said = await run(place);
  expect(said.code).toBe(2);
  expect(said.stderr).toContain('SINK_AHEAD');
  expect(await s3.readTree(place.bucket, 'out/')).toEqual(new Map([[key, Buffer.from('theirs').toString('base64')]]));
  expect((await status(place)).files).toEqual({ planned: 0, published: 0, incidents: [] });
});
