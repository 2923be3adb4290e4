/**
 * `npm run kills -- --count 500 [--seed S]`: so many detectors killed at random moments (SIGKILL) and started again, with source
 * and sink on an S3 server and the state on a PostgreSQL server; afterwards ledger and output must be those of a run that was never
 * killed, byte by byte. Says how many moments hit a run at work, and how long a restart takes to its first new commit.
 *
 * test/fault/kill.test.ts does the same with less (and with files and the private server); test/fault/kill-boundaries.test.ts
 * kills at each call to bucket and database in turn.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bankSimChunks } from '../test/helpers/banksim-chunks.ts';
import { watchBoundaries } from '../test/helpers/boundaries.ts';
import { makeRandom } from '../test/helpers/dataset/random.ts';
import { readOutcome } from '../test/helpers/outcome.ts';
import { startS3Server } from '../test/helpers/s3-server.ts';
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
const world = makeTempFolder('kills');
const [s3, server] = await Promise.all([startS3Server(), startTestServer()]);
const watched = await watchBoundaries(s3.port, server.port);
const source = await s3.makeBucket();
/** One after the other, so that what a crash left is met by one that crashes too; the run behind them goes to its end. */
const killsInARow = 3;
const interrupted = { isSo: false };
process.once('SIGINT', () => (interrupted.isSo = true));

interface Place {
  readonly folder: string;
  readonly config: string;
  readonly sink: string;
  readonly env: Readonly<Record<string, string>>;
}

async function makePlace(name: string): Promise<Place> {
  const folder = join(world, name);
  mkdirSync(folder);
  const config = join(folder, 'tallyho.yaml');
  const patterns = [
    '[{ id: Often, action: WATCH, entity: [merchant, customer], when: [count >= 90] }',
    '{ id: Top, action: UPGRADE, entity: [merchant, customer], when: [merchant.count > 30000, count in top 0.2% of merchant] }]',
  ].join(', ');
  const sink = await s3.makeBucket();
  const lines = [
    `source: s3://${source}/in/`,
    `sink: s3://${sink}/out/`,
    `s3: { endpoint: "${watched.s3Endpoint}", region: us-east-1, forcePathStyle: true }`,
    'store: { url: "${KILLS_STORE}" }',
    'weight: amount',
    `patterns: ${patterns}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const env = {
    TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z',
    KILLS_STORE: watched.databaseUrl(await server.createDatabase()),
    AWS_ACCESS_KEY_ID: s3.settings.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: s3.settings.secretAccessKey ?? '',
  };
  return { folder, config, sink, env };
}

/** Killed after so many milliseconds, or not at all; how it ended, and when its first chunk was committed. */
async function run({ config, env }: Place, killAfter: number | null) {
  watched.begin();
  const started = performance.now();
  let firstCommit: number | null = null;
  watched.onCrossed = ({ call, phase }) => {
    // The commits of a chunk come behind the insert of its line.
    const isChunk = call.startsWith('commit') && phase === 'after' && watched.crossed.some((one) => one.call.includes('insert into chunk'));
    if (isChunk) firstCommit ??= performance.now() - started;
  };
  const child = spawn(process.execPath, [entry, 'run', '--once', '--commit-chunks', '2', '--config', config], {
    env: { ...process.env, ...env },
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

/** What must be equal: every line of the ledger, every detection with its evidence, all statistics, and the bucket's bytes. */
async function outcome({ config, sink, env }: Place): Promise<{ readonly files: number; readonly text: string }> {
  const tree = await s3.readTree(sink, 'out/');
  return { files: tree.size, text: `${await readOutcome(config, env)}\n${JSON.stringify([...tree])}` };
}

const quantile = (sorted: readonly number[], q: number): string =>
  sorted.length === 0 ? '-' : `${sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!.toFixed(0)} ms`;

try {
  const { chunks } = bankSimChunks({ seed: 7, rows: 120_000, chunkRows: 10_000 });
  for (const [i, bytes] of chunks.entries()) await s3.overwrite(source, `in/chunk_${i}.csv`, bytes);
  const whole = await makePlace('whole');
  const { ms } = await run(whole, null);
  const expected = await outcome(whole);
  if (expected.files < 4) throw new Error('there is no output to compare');
  const random = makeRandom(seed);
  const restarts: number[] = [];
  let hit = 0;
  let wrong = 0;
  let done = 0;
  // How long a run takes where nothing kills it: it changes with what else the machine does.
  const recent = [ms];
  for (let places = 0; done < count && !interrupted.isSo; places++) {
    const place = await makePlace(String(places));
    const moments: number[] = [];
    for (let hits = true; hits && moments.length < killsInARow && done < count && !interrupted.isSo; ) {
      const after = random.next() * Math.max(...recent) * 1.1;
      moments.push(after);
      hits = (await run(place, after)).ended === 'SIGKILL';
      if (hits) hit++;
      done++;
    }
    const last = await run(place, null);
    recent.push(last.ms);
    if (recent.length > 5) recent.shift();
    if (last.firstCommit !== null) restarts.push(last.firstCommit);
    const found = await outcome(place);
    if (found.text !== expected.text) {
      wrong++;
      const when = moments.map((after) => after.toFixed(1)).join(', ');
      console.error(`kills after ${when} ms (seed ${seed}): ledger or output differ; see ${place.folder}`);
      // The servers end with this process.
      writeFileSync(join(place.folder, 'expected.json'), expected.text);
      writeFileSync(join(place.folder, 'found.json'), found.text);
    } else removeFolder(place.folder);
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} `);
    else if (places % 10 === 9) console.error(`${done} of ${count}`);
  }
  restarts.sort((a, b) => a - b);
  console.log(`${done} SIGKILLs at random moments of a run of ${ms.toFixed(0)} ms (seed ${seed}): ${hit} hit it at work.`);
  console.log(`Lost or doubled: ${wrong}.`);
  console.log(`Restart to first new commit, ${restarts.length} restarts: p50 ${quantile(restarts, 0.5)}, p99 ${quantile(restarts, 0.99)}.`);
  process.exitCode = wrong > 0 ? 1 : 0;
} finally {
  await watched.close();
  await s3.close();
  await server.close();
  if (process.exitCode !== 1) removeFolder(world);
}
