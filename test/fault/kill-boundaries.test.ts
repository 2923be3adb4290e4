/**
 * SIGKILL at every call of a run to its bucket and its database, before the server has it and after the server has done it
 * and before the process hears of it; then a restart. Whatever the moment, ledger, detections, statistics and output are those of a run
 * that was never killed.
 *
 * The calls are those of a whole run on S3 and a PostgreSQL server, enumerated by proxies on the wire (helpers/boundaries.ts): listing,
 * claim, load, reading, each statement of each commit, COMMIT, puts, marks, fold, release. TALLYHO_BOUNDARIES=all tries
 * each, 71-140 those of these numbers; without it each call is tried in one of its two phases, by turns.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { bankSimChunks } from '../helpers/banksim-chunks.ts';
import { type Boundaries, type Boundary, type Phase, watchBoundaries } from '../helpers/boundaries.ts';
import { readOutcome } from '../helpers/outcome.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, testServerMissing, type TestServer } from '../helpers/test-server.ts';

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');
const missing = s3ServerMissing() ?? testServerMissing(18);
const wanted = process.env['TALLYHO_BOUNDARIES'] ?? '';
const everything = wanted === 'all';
const range = /^(\d+)-(\d+)$/.exec(wanted);

let world: string;
let s3: S3Server;
let server: TestServer;
let watched: Boundaries;
let source: string;
let template: string;
let places = 0;

interface Place {
  readonly config: string;
  readonly sink: string;
  readonly env: Record<string, string>;
}

beforeAll(async () => {
  if (missing !== undefined) return;
  world = makeTempFolder('boundaries');
  [s3, server] = await Promise.all([startS3Server(), startTestServer()]);
  watched = await watchBoundaries(s3.port, server.port);
  source = await s3.makeBucket();
  const empty = await makePlace('template1');
  await run(empty);
  template = new URL(empty.env['TALLYHO_TEST_STORE']!).pathname.slice(1);
  const { chunks } = bankSimChunks({ seed: 7, rows: 120_000, chunkRows: 20_000 });
  for (const [i, bytes] of chunks.entries()) await s3.overwrite(source, `in/chunk_${i}.csv`, bytes);
}, 60_000);
afterAll(async () => {
  await watched?.close();
  await s3?.close();
  await server?.close();
  if (world !== undefined) removeFolder(world);
});
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

async function makePlace(from: string): Promise<Place> {
  places += 1;
  const folder = join(world, String(places));
  mkdirSync(folder);
  const config = join(folder, 'tallyho.yaml');
  const sink = await s3.makeBucket();
  const lines = [
    `source: s3://${source}/in/`,
    `sink: s3://${sink}/out/`,
    'weight: amount',
    'patterns:',
    '  - { id: Often, action: WATCH, entity: [merchant, customer], when: [count >= 90] }',
    '  - { id: Top, action: UPGRADE, entity: [merchant, customer], when: [merchant.count > 30000, count in top 0.2% of merchant] }',
    `s3: { endpoint: "${watched.s3Endpoint}", region: us-east-1, forcePathStyle: true }`,
    'store: { url: "${TALLYHO_TEST_STORE}" }',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const env = {
    TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z',
    TALLYHO_TEST_STORE: watched.databaseUrl(await server.createDatabase({ template: from })),
    AWS_ACCESS_KEY_ID: s3.settings.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: s3.settings.secretAccessKey ?? '',
  };
  return { config, sink, env };
}

/** One run, killed at the boundary if it comes to it; how it ended. */
async function run({ config, env }: Place, at?: Boundary): Promise<number | string> {
  const child = spawn(process.execPath, [entry, 'run', '--once', '--commit-chunks', '2', '--config', config], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  watched.begin(at, () => child.kill('SIGKILL'));
  const ended = await new Promise<number | string>((done) => void child.once('close', (code, signal) => done(code ?? signal ?? '?')));
  if (ended !== 0 && ended !== 'SIGKILL') throw new Error(`it ended with ${ended}: ${said}`);
  return ended;
}

async function outcome({ config, sink, env }: Place): Promise<unknown> {
  watched.begin();
  return { kept: await readOutcome(config, env), files: [...(await s3.readTree(sink, 'out/'))] };
}

test('killed at each call to bucket and database, before and after the server does it, and started again: the same ledger, statistics and bytes', async () => {
  const whole = await makePlace(template);
  expect(await run(whole)).toBe(0);
  const boundaries = [...watched.crossed];
  const expected = await outcome(whole);
  const calls = new Set(boundaries.map(({ call }) => call.replace(/ \d+$/, '')));
  // A boundary that is not seen is not tried.
  for (const call of ['list', 'get', 'put', 'begin', 'commit']) expect([...calls]).toContain(call);
  expect((expected as { files: unknown[] }).files.length).toBeGreaterThan(4);

  const names = [...new Set(boundaries.map(({ call }) => call))];
  const turn = ({ call }: Boundary): Phase => (names.indexOf(call) % 2 === 0 ? 'before' : 'after');
  const tried =
    range === null
      ? boundaries.filter((boundary) => everything || boundary.phase === turn(boundary))
      : boundaries.slice(Number(range[1]) - 1, Number(range[2]));
  expect(tried).not.toEqual([]);
  let killed = 0;
  for (const boundary of tried) {
    const place = await makePlace(template);
    if ((await run(place, boundary)) === 'SIGKILL') killed++;
    expect(await run(place), `after a kill ${boundary.phase} ${boundary.call}`).toBe(0);
    expect(await outcome(place), `after a kill ${boundary.phase} ${boundary.call}`).toEqual(expected);
  }
  const kinds = [...calls].join(', ');
  console.log(`${killed} kills at ${tried.length} of ${boundaries.length} boundaries, of ${calls.size} kinds of calls: ${kinds}`);
  // What overlaps may come in another number; nearly all come as they did.
  expect(killed).toBeGreaterThan(tried.length * 0.8);
}, 3_600_000);
