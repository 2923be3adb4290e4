/**
 * PROTOCOL 1.5 through crashes: `rejected replay` is killed at random moments and given again; each file is applied as a whole,
 * exactly once, and what it detects is published. TALLYHO_KILLS says how many, TALLYHO_SEED which.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRandom } from '../helpers/dataset/random.ts';
import { type ChunkJson, type DetectionJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const files = Number(process.env['TALLYHO_KILLS'] ?? 12);
const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_123);
const rowsOfFile = 3;
const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

let folder: string;
const at = () => ({ cwd: folder, env });

const config = `
source: ./input
sink: ./out
patterns:
  - { id: Each, action: LOOK, entity: [merchant], when: [count >= ${rowsOfFile}] }
  - { id: All, action: LOOK, entity: [customer], when: [count >= ${files * rowsOfFile}, sum(amount) > 0] }
`;

beforeAll(() => {
  folder = makeTempFolder('kill-replay');
  mkdirSync(join(folder, 'input'));
  writeFileSync(join(folder, 'tallyho.yaml'), config);
  const bad = Array.from({ length: files * rowsOfFile }, (_, i) => `C1,M${Math.floor(i / rowsOfFile)},x`);
  writeFileSync(join(folder, 'input/a.csv'), `customer,merchant,amount\n${[...bad, ...bad.map(() => 'C2,N,1'), ''].join('\n')}`);
});
afterAll(() => removeFolder(folder));

async function killedAfter(file: string, ms: number): Promise<boolean> {
  const child = spawn(process.execPath, [entry, 'rejected', 'replay', file], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const ended = new Promise<NodeJS.Signals | null>((done) => void child.on('close', (_, signal) => done(signal)));
  const timer = new AbortController();
  await Promise.race([ended, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
  child.kill('SIGKILL');
  return (await ended) === 'SIGKILL';
}

test(`each of ${files} files, all but one killed, is applied as a whole, once (seed ${seed})`, async () => {
  for (const args of [
    ['run', '--once'],
    ['rejected', 'export', 'mend.csv'],
  ]) {
    const said = await tallyho(args, at());
    expect(said.code, said.stderr).toBe(0);
  }
  const [title = '', ...rows] = readFileSync(join(folder, 'mend.csv'), 'utf8').replaceAll(/,x$/gm, ',2').trimEnd().split('\n');
  expect(rows).toHaveLength(files * rowsOfFile);
  const random = makeRandom(seed);
  // The first is left alone: it says how long one takes.
  let whole = 0;
  let [killed, before] = [0, 0];
  for (let i = 0; i < files; i++) {
    const file = `mend-${i}.csv`;
    writeFileSync(join(folder, file), `${[title, ...rows.slice(i * rowsOfFile, (i + 1) * rowsOfFile)].join('\n')}\n`);
    if (i > 0 && (await killedAfter(file, random.next() * whole))) killed++;
    const started = performance.now();
    const said = await tallyho(['rejected', 'replay', file], at());
    expect(said.code, said.stderr).toBe(0);
    const isBefore = said.stdout.includes(`${rowsOfFile} rows were replayed before`);
    if (isBefore) before++;
    // A full run applies.
    else whole = performance.now() - started;
    expect(said.stdout.includes(`Applied ${rowsOfFile} mended rows`)).toBe(!isBefore);
  }
  process.stderr.write(`${killed} killed, ${before} of these behind their commit\n`);
  expect(killed).toBeGreaterThan(0);
  const lines = await tallyhoJson<(ChunkJson & { kind?: string })[]>(['chunks'], at());
  expect(lines.slice(1).map(({ key, kind, sequence, rows: count, quarantined }) => [key, kind, sequence, count, quarantined])).toEqual(
    Array.from({ length: files }, (_, i) => [`mend-${i}.csv`, 'replay', i + 2, rowsOfFile, 0]),
  );
  const detections = await tallyhoJson<DetectionJson[]>(['detections'], at());
  const all = detections.filter(({ patternId }) => patternId === 'All');
  expect(all.map(({ entity, conditions }) => [entity, conditions.map(({ value }) => value)])).toEqual([
    [{ customer: 'C2' }, [String(files * rowsOfFile), `${files * rowsOfFile}.00`]],
    [{ customer: 'C1' }, [String(files * rowsOfFile), `${files * rowsOfFile * 2}.00`]],
  ]);
  const published = [...readTree(join(folder, 'out'))].filter(([name]) => name.includes('detections'));
  const text = published.map(([, bytes]) => Buffer.from(bytes, 'base64').toString()).join('');
  for (let i = 0; i < files; i++) expect(text.match(new RegExp(`\\bM${i}\\b`, 'g'))).toHaveLength(1);
}, 300_000);
