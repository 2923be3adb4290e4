/** The quarantine desk as people use it: rows go out with their reasons, are mended, and come back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tallyho } from '../helpers/tallyho.ts';
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
  const said = await say('rejected', 'export', 'mend.csv');
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
