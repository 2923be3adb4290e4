/** Two detectors of one pipeline, as processes: who waits, who ends, and what a stopped one does when it comes back (PROTOCOL 3.2). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTallyho, type RunningCommand } from '../helpers/cli-process.ts';
import { type ChunkJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let server: TestServer;
let folder: string;
let config: string;
let env: Record<string, string>;
const started: RunningCommand[] = [];

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = makeTempFolder('single-writer');
  config = join(folder, 'tallyho.yaml');
  env = { TALLYHO_TEST_STORE: await server.createDatabase() };
  mkdirSync(join(folder, 'input'));
  const pattern = '{ id: Twice, action: A, entity: [merchant], when: [count >= 2] }';
  const source = '{ url: ./input/, poll: 100ms, settle: 0 }';
  writeFileSync(
    config,
    [`source: ${source}`, 'sink: ./output/', 'store: "${TALLYHO_TEST_STORE}"', `patterns: [${pattern}]`, ''].join('\n'),
  );
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  removeFolder(folder);
});

const put = (n: number): void =>
  writeFileSync(join(folder, 'input', `chunk_${n}.csv`), `merchant,customer,amount\nM${n},C1,1\nM${n},C1,2\n`);
const run = (...args: readonly string[]): RunningCommand => start({}, ...args);
const start = (more: Record<string, string>, ...args: readonly string[]): RunningCommand => {
  const command = startTallyho(['run', '--config', config, ...args], { env: { ...env, ...more } });
  started.push(command);
  return command;
};
const ledger = async (): Promise<string[]> =>
  (await tallyhoJson<ChunkJson[]>(['chunks', '--config', config], { env })).map(({ key, outcome }) => `${key} ${outcome}`);
const untilLedger = async (lines: number): Promise<void> => {
  while ((await ledger()).length < lines) await sleep(50);
};

test('a second one ends with 4 and says who holds the pipeline; with --wait it takes over when that one ends', async () => {
  put(1);
  const first = run();
  await first.hears('Watching');
  const refused = await tallyho(['run', '--config', config, '--once'], { env });
  expect(refused.code).toBe(4);
  expect(refused.stderr).toMatch(/HELD/);
  const [time, pid] = ['\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d', first.child.pid];
  const session = String.raw`tallyho tallyho writer, from 127\.0\.0\.1, server process \d+`;
  expect(refused.stderr).toMatch(
    new RegExp(`: process ${pid} on ${hostname()} \\(${session}\\), since ${time} UTC, renewed \\d+ s ago, its lease has \\d+ s left\\.`),
  );
  const running = new RegExp(`a detector is running: process ${pid} on ${hostname()}, since ${time}Z, renewed \\d+ s ago`);
  expect((await tallyho(['status', '--config', config], { env })).stdout).toMatch(running);
  expect((await tallyho(['doctor', '--config', config], { env })).stdout.replaceAll(/\s+/g, ' ')).toMatch(running);
  const { holder } = await tallyhoJson<{ holder: object }>(['status', '--config', config], { env });
  expect(holder).toMatchObject({ host: hostname(), process: pid });
  expect(refused.stderr).toContain('--wait');
  const limited = await tallyho(['run', '--config', config, '--wait', '1500ms'], { env });
  expect(limited.code).toBe(4);
  const second = run('--wait');
  await second.hears('Waiting for it to end.');
  put(2);
  await untilLedger(2);
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  await second.hears('Watching');
  put(3);
  await untilLedger(3);
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  expect(await ledger()).toEqual([1, 2, 3].map((n) => `chunk_${n}.csv applied`));
  expect((await tallyho(['run', '--wait', 'soon', '--config', config], { env })).code).toBe(2);
});

test('PROTOCOL 3.2: one that was stopped beyond its lease, and comes back, commits nothing and ends with 4', async () => {
  put(1);
  const first = run();
  await first.hears('Watching');
  first.child.kill('SIGSTOP');
  const second = run('--wait');
  // Not before the lease of 30 s is over: what is stopped cannot be told from what is busy.
  await second.hears('Watching');
  put(2);
  await untilLedger(2);
  const before = readTree(join(folder, 'output'));
  put(3);
  second.child.kill('SIGSTOP');
  first.child.kill('SIGCONT');
  expect(await first.ended).toBe(4);
  expect(first.said()).toMatch(/FENCED/);
  const lines = await ledger();
  expect(lines.slice(0, 2)).toEqual(['chunk_1.csv applied', 'chunk_2.csv applied']);
  second.child.kill('SIGCONT');
  await untilLedger(3);
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  expect(await ledger()).toEqual([1, 2, 3].map((n) => `chunk_${n}.csv applied`));
  const after = readTree(join(folder, 'output'));
  for (const [key, bytes] of before) expect(after.get(key)).toBe(bytes);
  expect([...after.keys()].filter((key) => key.includes('detections-'))).toHaveLength(3);
});

test('PROTOCOL 3.2: one whose main thread is busy for longer than its lease keeps it', async () => {
  const busyMs = 40_000;
  // What a long evaluation or collection is to the other threads: SIGUSR2 keeps the main one busy.
  const busy = join(folder, 'busy.cjs');
  const block = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${busyMs}); console.error('No more busy.');`;
  writeFileSync(
    busy,
    `if (require('node:worker_threads').isMainThread) process.on('SIGUSR2', () => { console.error('Busy.'); ${block} });\n`,
  );
  put(1);
  const first = start({ NODE_OPTIONS: `--require "${busy}"` });
  await first.hears('Watching');
  // A run that lasts.
  await sleep(4_000);
  first.child.kill('SIGUSR2');
  await first.hears('Busy.');
  const refused = await tallyho(['run', '--config', config, '--once', '--wait', `${busyMs - 4_000}ms`], { env });
  expect(first.said()).not.toContain('No more busy.');
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('HELD')]);
  put(2);
  await first.hears('No more busy.');
  await untilLedger(2);
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  expect(first.said()).not.toMatch(/FENCED|lease/);
});
