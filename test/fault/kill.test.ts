/**
 * Laws 1, 2 and 3 through crashes: under a fixed clock the output is the same bytes whatever the commits' size, whichever
 * PostgreSQL holds the state, and after SIGKILL at random moments. TALLYHO_KILLS says how many, TALLYHO_SEED which.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bankSimChunks, writeChunks } from '../helpers/banksim-chunks.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { type ChunkJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { startTestServer, testServerMissing, type TestServer } from '../helpers/test-server.ts';

const kills = Number(process.env['TALLYHO_KILLS'] ?? 25);
const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_122);
const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

let world: string;
let reference: Map<string, string>;
let referenceLedger: ChunkJson[];
let wholeRun = 0;

/** A folder with the 60 chunks (linked, not copied: nothing writes to a source) and a config. */
function makePlace(name: string, store?: string): { readonly folder: string; readonly config: string } {
  const folder = join(world, name);
  cpSync(join(world, 'input'), join(folder, 'input'), { recursive: true, preserveTimestamps: true });
  const config = join(folder, 'tallyho.yaml');
  const lines = ['source: ./input/', 'sink: { url: ./output/, timeZone: Asia/Kolkata }', 'weight: amount', 'patterns: full'];
  if (store !== undefined) lines.push('store: { url: "${TALLYHO_TEST_STORE}" }');
  writeFileSync(config, `${lines.join('\n')}\n`);
  return { folder, config };
}

/** Secrets by the environment, as everywhere. */
function makeS3Place(name: string, source: string, sink: string, { endpoint, settings }: S3Server, store: string) {
  const folder = join(world, name);
  mkdirSync(folder);
  const config = join(folder, 'tallyho.yaml');
  const s3 = `s3: { endpoint: "${endpoint}", region: us-east-1, forcePathStyle: true }`;
  const lines = [`source: ${source}`, `sink: { url: "${sink}", timeZone: Asia/Kolkata }`, 'weight: amount', 'patterns: full', s3];
  writeFileSync(config, `${[...lines, 'store: { url: "${TALLYHO_TEST_STORE}" }'].join('\n')}\n`);
  const more = {
    TALLYHO_TEST_STORE: store,
    AWS_ACCESS_KEY_ID: settings.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: settings.secretAccessKey ?? '',
  };
  return { config, more };
}

function readBytes(folder: string): [name: string, bytes: Uint8Array][] {
  return readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]);
}

async function runOnce(config: string, args: readonly string[] = [], more: Record<string, string> = {}): Promise<void> {
  const said = await tallyho(['run', '--once', ...args, '--config', config], { env: { ...env, ...more } });
  expect(said.code, said.stderr).toBe(0);
}

beforeAll(async () => {
  world = makeTempFolder('kill');
  writeChunks(join(world, 'input'), bankSimChunks({ seed: 42, chunkRows: 10_000 }));
  const { folder, config } = makePlace('reference');
  const started = performance.now();
  await runOnce(config);
  wholeRun = performance.now() - started;
  reference = readTree(join(folder, 'output'));
  referenceLedger = await tallyhoJson<ChunkJson[]>(['chunks', '--config', config]);
});
afterAll(() => removeFolder(world));

describe('output under a fixed clock is the same bytes', () => {
  test('there is output to compare, and every chunk counted', () => {
    expect(reference.size).toBeGreaterThan(60);
    expect(referenceLedger.map((line) => line.sequence)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  for (const size of [1, 7, 60]) {
    test(`with commits of ${size} chunks`, async () => {
      const { folder, config } = makePlace(`commit-${size}`);
      await runOnce(config, ['--commit-chunks', String(size)]);
      expectSame(folder);
    });
  }

  test('on an external PostgreSQL 14', async (context) => {
    const missing = testServerMissing(14);
    if (missing !== undefined) context.skip(missing);
    const server: TestServer = await startTestServer({ major: 14 });
    try {
      const url = await server.createDatabase();
      const { folder, config } = makePlace('external', 'url');
      await runOnce(config, ['--commit-chunks', '7'], { TALLYHO_TEST_STORE: url });
      expectSame(folder);
    } finally {
      await server.close();
    }
  });

  test('with source and sink on S3 and an external PostgreSQL, killed at random moments too', async (context) => {
    const missing = s3ServerMissing() ?? testServerMissing(18);
    if (missing !== undefined) context.skip(missing);
    const server = await startTestServer();
    const s3 = await startS3Server();
    try {
      const random = makeRandom(seed + 1);
      const source = await s3.makeBucket();
      for (const [name, bytes] of readBytes(join(world, 'input'))) await s3.overwrite(source, `in/${name}`, bytes);
      for (let i = 0; i <= Math.ceil(kills / 4); i++) {
        const sink = await s3.makeBucket();
        const { config, more } = makeS3Place(`s3-${i}`, `s3://${source}/in/`, `s3://${sink}/out/`, s3, await server.createDatabase());
        const after = random.next() * wholeRun;
        if (i > 0) await runAndKill(config, [], after, more);
        await runOnce(config, [], more);
        const got = await s3.readTree(sink, 'out/');
        expect([...got.keys()].toSorted()).toEqual([...reference.keys()].toSorted());
        expect([...reference].filter(([key, bytes]) => got.get(key) !== bytes).map(([key]) => key)).toEqual([]);
        expect(await tallyhoJson<ChunkJson[]>(['chunks', '--config', config], { env: more })).toEqual(referenceLedger);
      }
    } finally {
      await s3.close();
      await server.close();
    }
  });

  test(`after SIGKILL at ${kills} random moments, and a restart after each (seed ${seed})`, async () => {
    const random = makeRandom(seed);
    for (let i = 0; i < kills; i++) {
      const { folder, config } = makePlace(`kill-${i}`);
      const after = random.next() * wholeRun;
      const size = random.pick(['1', '3', '60']);
      await runAndKill(config, ['--commit-chunks', size], after);
      await runOnce(config);
      expectSame(folder, `killed after ${after.toFixed(0)} ms with commits of ${size}`);
      const ledger = await tallyhoJson<ChunkJson[]>(['chunks', '--config', config]);
      expect(ledger).toEqual(referenceLedger);
      removeFolder(folder);
    }
  });
});

function expectSame(folder: string, what = ''): void {
  const got = readTree(join(folder, 'output'));
  expect([...got.keys()], what).toEqual([...reference.keys()]);
  const different = [...reference].filter(([key, bytes]) => got.get(key) !== bytes).map(([key]) => key);
  expect(different, what).toEqual([]);
}

async function runAndKill(
  config: string,
  args: readonly string[],
  afterMs: number,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(process.execPath, [entry, 'run', '--once', ...args, '--config', config], {
    env: { ...process.env, ...env, ...more },
    stdio: 'ignore',
  });
  const ended = new Promise<void>((done) => void child.once('exit', () => done()));
  await Promise.race([sleep(afterMs), ended]);
  child.kill('SIGKILL');
  await ended;
}
