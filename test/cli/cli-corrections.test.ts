/** A chunk that comes back with other bytes, as the commands tell it: reported by default, corrected with `onChanged: correct`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChunkJson, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const header = 'customer,merchant,amount\n';
const patterns = `
sink: ./out
patterns:
  - id: A
    action: CHECK
    entity: [merchant, customer]
    when: [count >= 2]
`;

let folder: string;

beforeAll(() => {
  folder = makeTempFolder('corrections');
  mkdirSync(join(folder, 'input'));
});
afterAll(() => removeFolder(folder));

const put = (name: string, rows: string): void => writeFileSync(join(folder, 'input', name), `${header}${rows}`);
const configure = (source: string): void =>
  writeFileSync(join(folder, 'tallyho.yaml'), `source: { url: ./input, settle: 0${source} }${patterns}`);

async function say(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const said = await tallyho(args, { cwd: folder, env });
  expect(said.code, `${args.join(' ')}: ${said.stderr}`).toBe(0);
  return said;
}

test('from report to correct: the run, the list, why, the counts, and a rebuild', async () => {
  configure('');
  put('a.csv', 'c1,m1,1\nc1,m1,2\n,m1,3\n');
  put('b.csv', 'c9,m9,1\n');
  await say('run', '--once');
  put('a.csv', 'c3,m1,1\nc3,m1,1\nc3,m1,1\nc2,m1,5\n');
  await say('run', '--once');
  expect((await say('chunks', 'why', 'a.csv')).stdout).toContain(
    'a.csv: changed at 2026-11-22 07:30:00Z\n' +
      '  Changed after it was applied: what was applied stays counted, the new bytes are not.\n' +
      '  Its bytes have changed since it was applied (47 bytes then, 57 bytes now); what was applied stays in force.\n' +
      '  Where the new content should count instead, set `source.onChanged: correct`; to count too, write it under a name of its own.\n',
  );

  configure(', onChanged: correct');
  const corrected = await say('run', '--once');
  expect(corrected.stderr).toContain('a.csv: It corrects entry 1: 2 rows are taken out, 4 rows put in. 1 detection.');
  expect(corrected.stdout).toContain('1 applied');
  expect((await say('chunks', 'why', 'a.csv')).stdout).toBe(
    'a.csv: applied as entry 1 at 2026-11-22 07:30:00Z\n' +
      '  Applied, and corrected since.\n' +
      '  1 of its 3 rows is quarantined. Entry 3 corrected it: its rows are not counted any more.\n' +
      '  3 rows read: 2 were counted, 1 quarantined (`tallyho rejected` lists them).\n' +
      '  1 detection.\n' +
      'a.csv: changed at 2026-11-22 07:30:00Z\n' +
      '  Changed after it was applied: what was applied stays counted, the new bytes are not.\n' +
      '  Its bytes have changed since it was applied (47 bytes then, 57 bytes now); what was applied stays in force.\n' +
      'a.csv: applied as entry 3 at 2026-11-22 07:30:00Z\n' +
      '  Applied as a correction: its good rows are counted instead of those before.\n' +
      '  It corrects entry 1: 2 rows are taken out, 4 rows put in.\n' +
      '  4 rows read: 4 counted.\n' +
      '  1 detection.\n',
  );
  expect(await tallyhoJson<ChunkJson[]>(['chunks'], { cwd: folder })).toMatchObject([
    { key: 'a.csv', outcome: 'applied', sequence: 1, detail: expect.stringContaining('Entry 3 corrected it') as string },
    { key: 'b.csv', outcome: 'applied', sequence: 2, detail: null },
    { key: 'a.csv', outcome: 'changed', sequence: null },
    { key: 'a.csv', outcome: 'applied', sequence: 3, rows: 4, quarantined: 0, detections: 1, reason: null },
  ]);
  const rows = (await say('chunks')).stdout.split('\n');
  expect(rows[4]).toContain('It corrects entry 1');
  expect(rows[2]?.trim().split(/ +/)).toEqual(['2', 'b.csv', 'applied', '1', '0', '0']);
  const status = await tallyhoJson<{ chunks: unknown; rows: number; quarantined: number }>(['status'], { cwd: folder });
  expect(status).toMatchObject({ chunks: { applied: 2, changed: 1 }, rows: 5, quarantined: 0 });
  expect((await say('explain', 'A', 'm1', 'c1')).stdout).toContain('the entity has no transaction');

  put('a.csv', 'c4,m1,1\n');
  expect((await say('rebuild')).stdout).toMatch(
    /^Rebuilt from 2 chunks with 5 rows in .*: 0 new detections\.\nThe source no longer has what was applied of 1 chunk: what is kept of that was taken\.\n$/,
  );
  expect((await say('rebuild', '--accept-changed')).stdout).toMatch(/^Rebuilt from 2 chunks with 2 rows in .*: 0 new detections\.\n$/);
});
