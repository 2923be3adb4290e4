/**
 * `npm run kills -- --count 500 [--seed S]`: so many detectors killed at random moments (SIGKILL), each started again, on a
 * PostgreSQL server; afterwards ledger and output must be those of a run that was never killed, byte by byte. Says how many moments
 * hit a run at work, and how long a restart takes to its first new commit.
 *
 * test/fault/kill.test.ts does the same with less (and with the private server and S3); test/fault/kill-boundaries.test.ts
 * kills at each call to bucket and database in turn.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bankSimChunks, writeChunks } from '../test/helpers/banksim-chunks.ts';
import { watchBoundaries } from '../test/helpers/boundaries.ts';
import { makeRandom } from '../test/helpers/dataset/random.ts';
import { type ChunkJson, readTree, tallyhoJson } from '../test/helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../test/helpers/temp-folder.ts';
import { startTestServer } from '../test/helpers/test-server.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } } });
const count = Number(values.count);
const seed = Number(values.seed);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  console.error('npm run kills -- --count 500 [--seed 1]');
  process.exit(2);
}

const entry = resolve(import.meta.dirname, '../bin/tallyho.js');
const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const world = makeTempFolder('kills');
const server = await startTestServer();
// Nothing is on S3 here.
const watched = await watchBoundaries(1, server.port);
const interrupted = { isSo: false };
process.once('SIGINT', () => (interrupted.isSo = true));

interface Place {
  readonly folder: string;
  readonly config: string;
  readonly store: string;
}

async function makePlace(name: string): Promise<Place> {
  const folder = join(world, name);
  mkdirSync(folder);
  const config = join(folder, 'tallyho.yaml');
  const patterns = [
    '[{ id: Often, action: WATCH, entity: [merchant, customer], when: [count >= 90] }',
    '{ id: Top, action: UPGRADE, entity: [merchant, customer], when: [merchant.count > 30000, count in top 0.2% of merchant] }]',
  ].join(', ');
  writeFileSync(
    config,
    `source: ${world}/input/\nsink: ${folder}/output/\nstore: { url: "\${KILLS_STORE}" }\nweight: amount\npatterns: ${patterns}\n`,
  );
  return { folder, config, store: watched.databaseUrl(await server.createDatabase()) };
}

/** Killed after so many milliseconds, or not at all; how it ended, and when its first chunk was committed. */
async function run({ config, store }: Place, killAfter: number | null) {
  watched.begin();
  const started = performance.now();
  let firstCommit: number | null = null;
  watched.onCrossed = ({ call, phase }) => {
    // The commits of a chunk come behind the insert of its line.
    const isChunk = call.startsWith('commit') && phase === 'after' && watched.crossed.some((one) => one.call.includes('insert into chunk'));
    if (isChunk) firstCommit ??= performance.now() - started;
  };
  const child = spawn(process.execPath, [entry, 'run', '--once', '--commit-chunks', '2', '--config', config], {
    env: { ...process.env, ...env, KILLS_STORE: store },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const timer = killAfter === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfter);
  const ended = await new Promise<number | string>((done) => void child.once('close', (code, signal) => done(code ?? signal ?? '?')));
  if (timer !== null) clearTimeout(timer);
  if (ended !== 0 && ended !== 'SIGKILL') throw new Error(`run ended with ${ended}: ${said}`);
  return { ended, firstCommit: firstCommit as number | null, ms: performance.now() - started };
}

async function outcome({ folder, config, store }: Place): Promise<string> {
  const ledger = await tallyhoJson<ChunkJson[]>(['chunks', '--config', config], { env: { ...env, KILLS_STORE: store } });
  return JSON.stringify([ledger, [...readTree(join(folder, 'output'))]]);
}

const quantile = (sorted: readonly number[], q: number): string =>
  sorted.length === 0 ? '-' : `${sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!.toFixed(0)} ms`;

try {
  writeChunks(join(world, 'input'), bankSimChunks({ seed: 7, rows: 120_000, chunkRows: 10_000 }));
  const whole = await makePlace('whole');
  const { ms } = await run(whole, null);
  const expected = await outcome(whole);
  if (readTree(join(whole.folder, 'output')).size < 4) throw new Error('there is no output to compare');
  const random = makeRandom(seed);
  const restarts: number[] = [];
  let hit = 0;
  let wrong = 0;
  let done = 0;
  for (; done < count && !interrupted.isSo; done++) {
    const place = await makePlace(String(done));
    const after = random.next() * ms * 1.1;
    if ((await run(place, after)).ended === 'SIGKILL') hit++;
    const { firstCommit } = await run(place, null);
    if (firstCommit !== null) restarts.push(firstCommit);
    // Ctrl-C reaches the command that reads the ledger too.
    const found = await outcome(place).catch((error: unknown) => {
      if (!interrupted.isSo) throw error;
      return null;
    });
    if (found === null) break;
    if (found !== expected) {
      wrong++;
      console.error(`kill ${done} (seed ${seed}, after ${after.toFixed(1)} ms): ledger or output differ; see ${place.folder}`);
    } else removeFolder(place.folder);
    if (process.stderr.isTTY) process.stderr.write(`\r${done + 1} of ${count} `);
  }
  restarts.sort((a, b) => a - b);
  console.log(`${done} SIGKILLs at random moments of a run of ${ms.toFixed(0)} ms (seed ${seed}): ${hit} hit it at work.`);
  console.log(`Lost or doubled: ${wrong}.`);
  console.log(`Restart to first new commit, ${restarts.length} restarts: p50 ${quantile(restarts, 0.5)}, p99 ${quantile(restarts, 0.99)}.`);
  process.exitCode = wrong > 0 ? 1 : 0;
} finally {
  await watched.close();
  await server.close();
  if (process.exitCode !== 1) removeFolder(world);
}
