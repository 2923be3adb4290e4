/** `rejected export`: the rows that a person can mend, under the titles of their objects. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { guarded, unguarded } from '../../src/export/quarantine-file.ts';
import type { ExportRejected } from '../../src/pipeline/export-rejected.ts';
import { makeDesk } from '../helpers/quarantine-desk.ts';
import { useWorld } from '../helpers/use-world.ts';

const spent = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) >= 5'] };
const { world } = useWorld({ patterns: [spent] });
const { exported } = makeDesk(world);

/** Lines of the file, content ids named after their chunks. */
async function lines(change?: Partial<ExportRejected>): Promise<string[]> {
  let { text } = await exported(change);
  for (const { contentId, key } of await world.lines()) if (contentId !== null) text = text.replaceAll(contentId, `<${key}>`);
  expect(text.startsWith('\uFEFF')).toBe(true);
  return text.slice(1).trimEnd().split('\n');
}

describe('the file', () => {
  test('has the fields of a row under the titles of its object, and the text of one that could not be split', async () => {
    world.put(
      'a.csv',
      "customer,merchant,amount\n'C1','M1',5\n'C1','M1','4,50'\n'C2','M1',4,50\n'C3','M1',5\n,M1,5\n'C4','M1',5\n'C5','M1',5\n",
    );
    world.put('b.csv.gz', gzipSync('merchant,note,customer,amount\nM1,x,C1,5\nM1,"a ""b""\nc",C1,x\nM1,x,C2,5\n'));
    await world.run();
    expect(await lines()).toEqual([
      '_object,_version,_line,_reason,_raw,customer,merchant,amount',
      'a.csv,<a.csv>,3,bad_amount,,C1,M1,"4,50"',
      `a.csv,<a.csv>,4,column_count,"'C2','M1',4,50",,,`,
      'a.csv,<a.csv>,6,missing_key,,,M1,5',
      '_object,_version,_line,_reason,_raw,merchant,note,customer,amount',
      'b.csv.gz,<b.csv.gz>,3,bad_amount,,M1,"a ""b""',
      'c",C1,x',
    ]);
  });

  test('has bytes that are no text as U+FFFD, and names the object of a part', async () => {
    const bytes = Buffer.concat([Buffer.from('customer,merchant,amount\nC1,M1,5\nC'), Buffer.from([0xff, 0]), Buffer.from(',M1,5\n')]);
    world.put('day.csv/part-1.csv', bytes);
    world.put('day.csv/_SUCCESS', '');
    await world.run();
    expect((await lines())[1]).toBe('day.csv/part-1.csv,<day.csv>,3,bad_encoding,"C\uFFFD\uFFFD,M1,5",,,');
  });

  test('is cut to a chunk and to a reason, and says what it leaves out', async () => {
    world.put('a.csv', 'customer,merchant,amount\nC1,M1,5\nC1,M1,x\n,M1,5\nC1,M1,5\n');
    world.put('b.csv', 'customer,merchant,amount\nC2,M1,5\nC1,M1,y\n');
    world.put('bad.csv', 'customer,merchant,amount\nC3,M1,x\nC1,M1,y\n');
    await world.run();
    expect(await exported()).toMatchObject({ rows: 3, leftOut: 2, gone: { rows: 0, chunks: [] }, headless: [] });
    expect(await lines({ key: 'b.csv' })).toEqual([
      '_object,_version,_line,_reason,_raw,customer,merchant,amount',
      'b.csv,<b.csv>,3,bad_amount,,C1,M1,y',
    ]);
    expect((await lines({ reason: 'missing_key' })).slice(1)).toEqual(['a.csv,<a.csv>,4,missing_key,,,M1,5']);
  });

  test('stands without titles where the object is not what was applied any more', async () => {
    world.put('a.csv', 'customer,merchant,amount\nC1,M1,5\nC1,M1,x\n');
    await world.run();
    world.put('a.csv', 'amount,customer,merchant\n5,C1,M1\n');
    expect(await lines()).toEqual(['_object,_version,_line,_reason,_raw', 'a.csv,<a.csv>,3,bad_amount,"C1,M1,x"']);
    expect(await exported()).toMatchObject({ headless: ['a.csv'] });
  });

  test('of a pipeline without such rows has a title line alone', async () => {
    world.put('a.csv', 'customer,merchant,amount\nC1,M1,5\n');
    await world.run();
    expect(await lines()).toEqual(['_object,_version,_line,_reason,_raw']);
  });
});

test('PROTOCOL 7: no cell is a formula, numbers stay what they are, and both ways together change nothing', () => {
  const cells = ['=1+1', '+x', '-x', '@a', '\tb', "'=1", "''=1", "'", "'x'", '-5.00', '+3', '=', '', 'a=b', "'-5"];
  expect(cells.map(guarded)).toEqual([
    "'=1+1",
    "'+x",
    "'-x",
    "'@a",
    "'\tb",
    "''=1",
    "'''=1",
    "'",
    "'x'",
    '-5.00',
    '+3',
    "'=",
    '',
    'a=b',
    "'-5",
  ]);
  expect(cells.map(guarded).map(unguarded)).toEqual(cells);
});
