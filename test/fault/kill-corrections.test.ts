/**
 * PROTOCOL 1.4 through crashes: chunks that are all corrected, by a detector that is killed at a random moment and started again. Ledger,
 * detections and output are the same bytes as those of one that nobody killed. TALLYHO_KILLS says how many, TALLYHO_SEED which.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRandom } from '../helpers/dataset/random.ts';
import { type ChunkJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const kills = Number(process.env['TALLYHO_KILLS'] ?? 8);
const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_123);
const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');
const chunks = 20;

const patterns = `
  - { id: Often, action: UP, entity: [merchant, customer], when: [count >= 9] }
  - { id: Rare, action: LOOK, entity: [merchant, customer], when: [count = 1, merchant.count < 250] }
  - { id: Top, action: LOOK, entity: [merchant, customer], when: [sum(amount) in top 5% of merchant] }
  - { id: Few, action: LOOK, entity: [merchant], when: [distinct(customer) < 20] }`;

let world: string;
let server: TestServer;
let made = 0;

beforeAll(async () => {
  world = makeTempFolder('kill-corrections');
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
  removeFolder(world);
});

interface Place {
  readonly folder: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function makePlace(): Promise<Place> {
  const folder = join(world, `place-${++made}`);
  mkdirSync(join(folder, 'input'), { recursive: true });
  const config = join(folder, 'tallyho.yaml');
  const source = 'source: { url: ./input/, settle: 0, onChanged: correct }';
  writeFileSync(config, `${source}\nsink: ./output/\nstore: { url: "\${TALLYHO_TEST_STORE}" }\npatterns:${patterns}\n`);
  const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z', TALLYHO_TEST_STORE: await server.createDatabase() };
  return { folder, args: ['run', '--once', '--config', config], env };
}

/** All chunks, whole under their names at once; other rows in each version. */
function putChunks({ folder }: Place, version: number): void {
  const random = makeRandom(seed + version);
  for (let i = 0; i < chunks; i++) {
    const rows = Array.from({ length: 40 + random.below(80) }, () => `C${random.below(60)},M${random.below(12)},${random.below(900)}`);
    const path = join(folder, `input/chunk_${i}.csv`);
    writeFileSync(`${path}.part`, `customer,merchant,amount\n${rows.join('\n')}\n`);
    utimesSync(`${path}.part`, 1_000_000 + version, 1_000_000 + version);
    renameSync(`${path}.part`, path);
  }
}

async function run({ args, env }: Place): Promise<void> {
  const said = await tallyho(args, { env });
  expect(said.code, said.stderr).toBe(0);
}

async function whole({ folder, args, env }: Place): Promise<unknown> {
  const ledger = await tallyhoJson<ChunkJson[]>(['chunks', ...args.slice(2)], { env });
  return { ledger, output: [...readTree(join(folder, 'output'))] };
}

async function runAndKill({ args, env }: Place, more: readonly string[], afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [entry, ...args, ...more], { env: { ...process.env, ...env }, stdio: 'ignore' });
  const ended = new Promise<void>((done) => void child.once('exit', () => done()));
  await Promise.race([sleep(afterMs), ended]);
  child.kill('SIGKILL');
  await ended;
}

test(`killed while it corrects, at ${kills} random moments: as if nobody had (seed ${seed})`, async () => {
  const reference = await makePlace();
  putChunks(reference, 1);
  await run(reference);
  putChunks(reference, 2);
  const started = performance.now();
  await run(reference);
  const wholeRun = performance.now() - started;
  const expected = await whole(reference);
  const lines = (expected as { ledger: ChunkJson[] }).ledger;
  expect(lines.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 2 * chunks }, (_, i) => i + 1));
  expect(lines.slice(chunks).reduce((sum, { detections }) => sum + detections, 0)).toBeGreaterThan(0);

  const random = makeRandom(seed);
  for (let i = 0; i < kills; i++) {
    const place = await makePlace();
    putChunks(place, 1);
    await run(place);
    putChunks(place, 2);
    const after = wholeRun * (0.2 + 0.8 * random.next());
    await runAndKill(place, ['--commit-chunks', random.pick(['1', '4'])], after);
    await run(place);
    expect(await whole(place), `killed after ${after.toFixed(0)} ms`).toEqual(expected);
  }
});
