/**
 * PROTOCOL 1.7 through crashes: a detector runs, `rejected replay` hands rows over to it, and one of the two, or both, are killed at a
 * random moment. Whatever remains, each file is applied as a whole, exactly once. TALLYHO_KILLS says how many, TALLYHO_SEED which.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningCommand, startTallyho } from '../helpers/cli-process.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { type ChunkJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const files = Number(process.env['TALLYHO_KILLS'] ?? 6);
const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_124);
const rowsOfFile = 3;

let server: TestServer;
let folder: string;
let env: Record<string, string>;
const started: RunningCommand[] = [];

beforeAll(async () => {
  server = await startTestServer();
  folder = makeTempFolder('kill-inbox');
  env = { TALLYHO_TEST_STORE: await server.createDatabase() };
  mkdirSync(join(folder, 'input'));
  writeFileSync(
    join(folder, 'tallyho.yaml'),
    [
      'source: { url: ./input, poll: 100ms, settle: 0 }',
      'sink: ./out',
      'store: "${TALLYHO_TEST_STORE}"',
      `patterns: [{ id: Each, action: LOOK, entity: [merchant], when: [count >= ${rowsOfFile}, sum(amount) > ${rowsOfFile}] }]`,
      '',
    ].join('\n'),
  );
  const bad = Array.from({ length: files * rowsOfFile }, (_, i) => `C1,M${Math.floor(i / rowsOfFile)},x`);
  writeFileSync(join(folder, 'input/a.csv'), `customer,merchant,amount\n${[...bad, ...bad.map(() => 'C2,N,1'), ''].join('\n')}`);
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});
afterAll(async () => {
  await server.close();
  removeFolder(folder);
});

function start(...args: readonly string[]): RunningCommand {
  const command = startTallyho(args, { cwd: folder, env });
  started.push(command);
  return command;
}

async function kill({ child, ended }: RunningCommand): Promise<boolean> {
  child.kill('SIGKILL');
  return (await ended) === 'SIGKILL';
}

test(`a killed detector, a killed command, or both: ${files} files are applied as a whole, once each (seed ${seed})`, async () => {
  const at = { cwd: folder, env };
  for (const args of [
    ['run', '--once'],
    ['rejected', 'export', 'mend.csv'],
  ]) {
    const said = await tallyho(args, at);
    expect(said.code, said.stderr).toBe(0);
  }
  const [title = '', ...rows] = readFileSync(join(folder, 'mend.csv'), 'utf8').replaceAll(/,x$/gm, ',2').trimEnd().split('\n');
  expect(rows).toHaveLength(files * rowsOfFile);
  const random = makeRandom(seed);
  const killed = { detector: 0, command: 0, handedOver: 0 };
  for (let i = 0; i < files; i++) {
    const file = `mend-${i}.csv`;
    writeFileSync(join(folder, file), `${[title, ...rows.slice(i * rowsOfFile, (i + 1) * rowsOfFile)].join('\n')}\n`);
    const detector = start('run', '--wait');
    await detector.hears('Watching');
    const command = start('rejected', 'replay', file);
    // At times while it is on its way, at times when the detector has it.
    if (i % 2 === 0) await command.hears('handed over');
    await sleep(random.next() * 1_500);
    const [ofDetector, ofCommand] = [i % 3 !== 1, i % 3 !== 0];
    if (ofCommand && (await kill(command))) killed.command++;
    if (ofDetector && (await kill(detector))) killed.detector++;
    // Whoever comes next finds what is left: a detector, if none is there any more, and the same file once more.
    const next = ofDetector ? start('run', '--wait') : detector;
    await next.hears('Watching');
    const said = await tallyho(['rejected', 'replay', file], at);
    expect(said.code, said.stderr).toBe(0);
    expect(said.stdout).toMatch(new RegExp(`Applied ${rowsOfFile} mended rows|${rowsOfFile} rows were replayed before`));
    if (said.stderr.includes('handed over')) killed.handedOver++;
    if (!ofCommand) expect(await command.ended, command.said()).toBe(0);
    next.child.kill('SIGTERM');
    expect(await next.ended).toBe(0);
  }
  expect(killed).toMatchObject({ handedOver: files });
  expect(Math.min(killed.detector, killed.command)).toBeGreaterThan(0);
  const lines = await tallyhoJson<(ChunkJson & { kind?: string })[]>(['chunks'], at);
  expect(lines.slice(1).map(({ key, kind, sequence, rows: count, quarantined }) => [key, kind, sequence, count, quarantined])).toEqual(
    Array.from({ length: files }, (_, i) => [`mend-${i}.csv`, 'replay', i + 2, rowsOfFile, 0]),
  );
  const published = [...readTree(join(folder, 'out'))].filter(([name]) => name.includes('detections'));
  const text = published.map(([, bytes]) => Buffer.from(bytes, 'base64').toString()).join('');
  for (let i = 0; i < files; i++) expect(text.match(new RegExp(`\\bM${i}\\b`, 'g'))).toHaveLength(1);
}, 600_000);
