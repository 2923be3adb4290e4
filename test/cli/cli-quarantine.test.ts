/** The quarantine desk as people use it: rows go out with their reasons, are mended, and come back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTallyho } from '../helpers/cli-process.ts';
import { tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const config = `
source: ./input
sink: ./out
patterns:
  - { id: A, action: CHECK, entity: [customer], when: [sum(amount) >= 10] }
`;
const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
let folder: string;

beforeAll(async () => {
  folder = makeTempFolder('quarantine');
  mkdirSync(join(folder, 'input'));
  writeFileSync(join(folder, 'tallyho.yaml'), config);
  writeFileSync(join(folder, 'input/a.csv'), 'customer,merchant,amount\nC1,M1,5\nC1,M1,"4,50"\nC2,M1,4,50\nC3,M1,5\nC4,M1,5\n');
  expect((await say('run', '--once')).code).toBe(0);
});
afterAll(() => removeFolder(folder));

const say = (...args: string[]): ReturnType<typeof tallyho> => tallyho(args, { cwd: folder, env });

test('rows go out as a file that is there as a whole, and a file in the source is refused', async () => {
  writeFileSync(join(folder, 'mend.csv'), 'of yesterday');
  expect(await say('rejected', 'export', 'mend.csv')).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') as string });
  expect(readFileSync(join(folder, 'mend.csv'), 'utf8')).toBe('of yesterday');
  const said = await say('rejected', 'export', 'mend.csv', '--force');
  expect(said).toMatchObject({ code: 0, stderr: '', stdout: `Wrote 2 quarantined rows to ${join(folder, 'mend.csv')}.\n` });
  expect(readFileSync(join(folder, 'mend.csv'), 'utf8').replaceAll(/[0-9a-f]{64}/g, '<id>')).toBe(
    '\uFEFF_object,_version,_line,_reason,_raw,customer,merchant,amount\na.csv,<id>,3,bad_amount,,C1,M1,"4,50"\na.csv,<id>,4,column_count,"C2,M1,4,50",,,\n',
  );
  expect(readdirSync(folder).filter((name) => name.includes('mend'))).toEqual(['mend.csv']);
  const refused = await say('rejected', 'export', 'input/mend.csv');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('lies in the source');
  expect(existsSync(join(folder, 'input/mend.csv'))).toBe(false);
  expect(await say('rejected', 'export', 'none.csv', '--reason', 'bad')).toMatchObject({ code: 2, stdout: '' });
});

test('mended rows come back once: counted, told, shown, and never again', async () => {
  const text = readFileSync(join(folder, 'mend.csv'), 'utf8').replace('C1,M1,"4,50"', 'C1,M1,14.50');
  writeFileSync(join(folder, 'mended.csv'), text);
  const said = await say('rejected', 'replay', 'mended.csv');
  expect(said).toMatchObject({ code: 0, stdout: 'Applied 1 mended row as entry 2: 1 detection.\n' });
  expect(said.stderr).toContain('1 row is still bad and stays quarantined:\n  line 3 (a.csv, line 4): column_count\n');
  expect(readdirSync(join(folder, 'out'))).toHaveLength(1);
  const again = await say('rejected', 'replay', 'mended.csv');
  expect(again).toMatchObject({ code: 0, stdout: 'Nothing was applied.\n1 row was replayed before, and is not counted again.\n' });

  const rejected = JSON.parse((await say('rejected', '--json')).stdout) as unknown[];
  expect(rejected).toEqual([
    { object: 'a.csv', line: 3, reason: 'bad_amount', raw: 'C1,M1,"4,50"', resolvedBy: 2 },
    { object: 'a.csv', line: 4, reason: 'column_count', raw: 'C2,M1,4,50' },
  ]);
  expect((await say('rejected')).stdout).toContain('bad_amount (mended: entry 2)');
  const [chunk, replay] = JSON.parse((await say('chunks', '--json')).stdout) as unknown[];
  expect(chunk).toMatchObject({ key: 'a.csv', sequence: 1, rows: 5, quarantined: 2 });
  expect(replay).toMatchObject({ key: 'mended.csv', kind: 'replay', sequence: 2, rows: 2, quarantined: 1, detections: 1 });
  const why = (await say('chunks', 'why', 'mended.csv')).stdout;
  expect(why).toContain('mended.csv (replay): applied as entry 2');
  expect(why).toContain('1 mended row of a.csv. 1 of the file is still bad.');
  expect(why).toContain('2 rows read: 1 counted, 1 still bad');
  expect((await say('status')).stdout).toContain('5 read, 2 quarantined (1 of them mended and counted)');
  expect(await say('rejected', 'replay', 'missing.csv')).toMatchObject({ code: 2, stdout: '' });
});

test('PROTOCOL 1.7: while a detector runs the rows are handed over to it, and what comes of them is told here', async () => {
  const detector = startTallyho(['run'], { cwd: folder, env });
  try {
    await detector.hears('Watching');
    const mend = readFileSync(join(folder, 'mend.csv'), 'utf8').replace('"C2,M1,4,50",,,', '"C2,M1,4,50",C2,M1,14.50');
    writeFileSync(join(folder, 'rest.csv'), mend);
    const status = (): Promise<{ handedOver: string[]; running: boolean }> => tallyhoJson(['status'], { cwd: folder, env });
    // A detector that is stopped for a while: the command may end meanwhile.
    detector.child.kill('SIGSTOP');
    const left = startTallyho(['rejected', 'replay', 'rest.csv'], { cwd: folder, env });
    await left.hears('handed over to it');
    left.child.kill('SIGINT');
    expect(await left.ended).toBe(0);
    expect(left.said()).toContain(
      'The rows stay handed over, and are applied all the same: `tallyho chunks why rest.csv` shows the entry.',
    );
    expect(await status()).toMatchObject({ handedOver: ['rest.csv'], running: true });
    expect((await say('status')).stdout).toContain('The mended rows of rest.csv wait: the detector takes them soon.');
    const waiting = startTallyho(['rejected', 'replay', 'mend.csv'], { cwd: folder, env });
    await waiting.hears('handed over to it');
    detector.child.kill('SIGCONT');
    expect(await waiting.ended, waiting.said()).toBe(0);
    expect(waiting.said()).toContain('Nothing was applied.\n2 rows were replayed before, and are not counted again.\n');
    expect(await status()).toMatchObject({ handedOver: [] });
    expect((await say('chunks', 'why', 'rest.csv')).stdout).toContain('rest.csv (replay): applied as entry 3');
    await detector.hears('rest.csv: 1 mended row applied, 1 detection');
  } finally {
    detector.child.kill('SIGINT');
    expect(await detector.ended).toBe(0);
  }
});
