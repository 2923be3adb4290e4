/** `chunks why KEY` tells every outcome in sentences with the numbers behind it, and what to do only where it is still to be done. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tallyho } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const header = 'customer,merchant,amount\n';
const at = '2026-11-22 07:30:00Z';

let folder: string;

function put(name: string, bytes: string | Uint8Array, secondsAgo = 60): void {
  const path = join(folder, 'input', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  const time = Date.now() / 1000 - secondsAgo;
  utimesSync(path, time, time);
}

async function run(): Promise<void> {
  const said = await tallyho(['run', '--once'], { cwd: folder, env });
  expect(said.stderr).not.toContain('error');
}

beforeAll(async () => {
  folder = makeTempFolder('why');
  mkdirSync(join(folder, 'input'));
  writeFileSync(
    join(folder, 'tallyho.yaml'),
    'source: { url: ./input, settle: 0 }\nsink: ./out\npatterns:\n  - { id: A, action: CHECK, entity: [customer], when: [count >= 2] }\n',
  );
  put('chunk_5.csv', `${header}c1,m1,1\nc2,m1,2\n`);
  put('chunk_6.csv', `${header}c1,m1,1\nc2,m1,2\n`);
  put('chunk_7.csv', `${header}c3,m1,1\n`);
  put('chunk_8.csv.gz', gzipSync(`${header}c4,m1,1\n`).subarray(0, -4));
  put('chunk_9.csv', header);
  put('folder.csv/part-1.csv', header);
  put('folder.csv/part-2.csv', header);
  put('lake.csv/part-1.csv', header, 50);
  put('lake.csv/_committed_1', '{"added":["part-1.csv","part-2.csv"],"removed":[]}', 40);
  put('lake2.csv/part-1.csv', header, 50);
  put('lake2.csv/_committed_1', '{"added":["part-1.csv"],"removed":[]}', 40);
  put('lake2.csv/_started_2', '', 30);
  put('grows.csv', `${header}c7,m1,1\n`);
  await run();
  put('chunk_7.csv', `${header}c3,m1,22\n`, 30);
  put('chunk_8.csv.gz', gzipSync(`${header}c4,m1,1\n`), 30);
  put('chunk_4.csv', `${header}c5,m1,1\nc5,m1,2\n`);
  put('grows.csv', `${header}c7,m1,1\nc8,m1,1\n`, 30);
  await run();
});
afterAll(() => removeFolder(folder));

// biome-ignore format: one outcome a line
const cases: readonly (readonly [name: string, key: string, words: readonly string[]])[] = [
  ['a duplicate', 'chunk_6.csv', [
    `chunk_6.csv: duplicate at ${at}`,
    '  Duplicate: its rows are not counted a second time.',
    '  The same bytes were applied as chunk_5.csv; these 2 rows are not counted again.',
    '  2 rows read: 0 counted, 2 not counted.',
  ]],
  ['a changed one', 'chunk_7.csv', [
    `chunk_7.csv: applied as entry 2 at ${at}`,
    '  Applied: its good rows are counted.',
    '  1 row read: 1 counted.',
    '  0 detections.',
    `chunk_7.csv: changed at ${at}`,
    '  Changed after it was applied: what was applied stays counted, the new bytes are not.',
    '  Its bytes have changed since it was applied (33 bytes then, 34 bytes now); what was applied stays in force.',
    '  Where the new content should count instead, set `source.onChanged: correct`; to count too, write it under a name of its own.',
  ]],
  ['one that grew', 'grows.csv', [
    `grows.csv: applied as entry 3 at ${at}`,
    '  Applied: its good rows are counted.',
    '  1 row read: 1 counted.',
    '  0 detections.',
    `grows.csv: changed at ${at}`,
    '  Changed after it was applied: what was applied stays counted, the new bytes are not.',
    '  grew: It has grown since it was applied (33 bytes then, 41 bytes now): the rows behind the applied ones are not counted. Write them as a chunk of their own.',
  ]],
  ['a late one', 'chunk_4.csv', [
    `chunk_4.csv: applied as entry 4 at ${at}`,
    '  Applied: its good rows are counted.',
    '  It came late: 3 chunks, such as chunk_5.csv, that follow it by name, had been applied before. Entries keep the order of arrival.',
    '  2 rows read: 2 counted.',
    '  1 detection.',
  ]],
  ['an empty one', 'chunk_9.csv', [
    `chunk_9.csv: empty at ${at}`,
    '  Empty: there is nothing in it to count.',
    '  It has no rows.',
    '  0 rows read, of 25 bytes.',
  ]],
  ['an unreadable one that was repaired', 'chunk_8.csv.gz', [
    `chunk_8.csv.gz: quarantined at ${at}`,
    '  Quarantined as a whole: none of its rows is counted.',
    expect.stringMatching(/^ {2}unreadable: The gzip file cannot be unpacked: .+\.$/) as string,
    `chunk_8.csv.gz: applied as entry 5 at ${at}`,
    '  Applied: its good rows are counted.',
    '  It came late: grows.csv, which follows it by name, had been applied before. Entries keep the order of arrival.',
    '  1 row read: 1 counted.',
    '  0 detections.',
  ]],
  ['a folder without _SUCCESS', 'folder.csv', [
    `folder.csv: waiting at ${at}`,
    '  Waiting: it is not complete yet, and is looked at again.',
    '  It has no _SUCCESS yet (2 parts are there).',
    '  It is complete when its marker is there (_SUCCESS, or what its _committed_ files name).',
  ]],
  ['one of Databricks, a part of which is missing', 'lake.csv', [
    `lake.csv: waiting at ${at}`,
    '  Waiting: it is not complete yet, and is looked at again.',
    '  "part-2.csv", which _committed_1 lists, is not there (1 of 2 parts is there).',
    '  It is complete when its marker is there (_SUCCESS, or what its _committed_ files name).',
  ]],
  ['one of Databricks that is being written', 'lake2.csv', [
    `lake2.csv: waiting at ${at}`,
    '  Waiting: it is not complete yet, and is looked at again.',
    '  _started_2 is newer than any _committed_ and not answered.',
    '  It is complete when its marker is there (_SUCCESS, or what its _committed_ files name).',
  ]],
];

test.each(cases)('%s', async (_, key, words) => {
  const said = await tallyho(['chunks', 'why', key], { cwd: folder, env });
  expect([said.code, said.stdout.trimEnd().split('\n')]).toEqual([0, words]);
});
