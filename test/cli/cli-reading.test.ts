/** What the reading commands say of one pipeline with chunks of many kinds, to people and as JSON. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foundText } from '../../src/cli/evidence-text.ts';
import { tallyho, tallyhoJson, type ChunkJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const config = `
source: { url: ./input, columns: { customer: cust } }
sink: ./out
patterns:
  - id: A
    action: CHECK
    entity: [merchant, customer]
    when: [count >= 2, avg(amount) < 100]
  - id: B
    action: TOP
    entity: [customer]
    when: [sum(amount) in top 50% of all]
`;
const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const header = 'cust,merchant,amount\n';

let folder: string;
const put = (name: string, bytes: string | Uint8Array): void => {
  mkdirSync(join(folder, 'input', name, '..'), { recursive: true });
  writeFileSync(join(folder, 'input', name), bytes);
};

beforeAll(async () => {
  folder = makeTempFolder('reading');
  writeFileSync(join(folder, 'tallyho.yaml'), config);
  put('chunk_1.csv', `${header}c1,m1,10\nc1,m1,20.5\nc2,m1,x\n,m1,5\nc3,m1\n`);
  put('chunk_2.csv', Buffer.concat([Buffer.from(`${header}c1,m1,10\nc`), Buffer.from([0xff]), Buffer.from('1,m1,20.5\n')]));
  put('chunk_3.csv', 'cust,merchan,amount\nc1,m1,10\n');
  copyFileSync(join(folder, 'input/chunk_2.csv'), join(folder, 'input/chunk_4.csv'));
  put('chunk_5.csv', '');
  put('chunk_6.csv.gz', gzipSync(`${header}c5,m2,7\nc5,m2,8\nc5,${'m'.repeat(300)},8\nc6,m2,"${'1'.repeat(9000)}"\n`));
  put('chunk_7.csv/part-0.csv', `${header}c9,m1,3\n`);
  put('sub/chunk_8.csv', `${header}"C|8","m\u001b[31m",1\n"C|8","m\u001b[31m",2\n`);
  put('readme.txt', 'hello');
  const said = await tallyho(['run', '--once'], { cwd: folder, env });
  expect(said.code, said.stderr).toBe(0);
});
afterAll(() => removeFolder(folder));

const say = async (...args: string[]): Promise<string> => {
  const said = await tallyho(args, { cwd: folder, env });
  expect([said.code, said.stderr], args.join(' ')).toEqual([0, '']);
  return said.stdout;
};

describe('chunks', () => {
  test('as JSON: the fields of the contract in their order, in the order of the ledger', async () => {
    const text = await say('chunks', '--json');
    const chunks = JSON.parse(text) as ChunkJson[];
    for (const chunk of chunks)
      expect(Object.keys(chunk)).toEqual(['key', 'outcome', 'sequence', 'rows', 'quarantined', 'detections', 'reason', 'detail']);
    expect(
      chunks.map(({ key, outcome, sequence, rows, quarantined, detections, reason }) => [
        key,
        outcome,
        sequence,
        rows,
        quarantined,
        detections,
        reason,
      ]),
    ).toEqual([
      ['chunk_1.csv', 'quarantined', null, 5, 5, 0, 'too_many_bad_rows'],
      ['chunk_2.csv', 'applied', 1, 2, 1, 1, null],
      ['chunk_3.csv', 'quarantined', null, 0, 0, 0, 'bad_header'],
      ['chunk_4.csv', 'duplicate', null, 2, 0, 0, null],
      ['chunk_5.csv', 'empty', null, 0, 0, 0, null],
      ['chunk_6.csv.gz', 'applied', 2, 4, 2, 2, null],
      ['chunk_7.csv', 'waiting', null, 0, 0, 0, null],
      ['sub/chunk_8.csv', 'applied', 3, 2, 0, 1, null],
    ]);
    expect(text.split('\n')).toHaveLength(chunks.length + 1);
  });

  test('for people: aligned, with a reason for what is not applied', async () => {
    const lines = (await say('chunks')).split('\n');
    expect(lines[0]).toBe('entry  chunk            outcome      rows  quarantined  detections  why');
    expect(lines[2]).toBe('    1  chunk_2.csv      applied         2            1           1');
    expect(lines[1]).toContain('too_many_bad_rows: 3 of its 5 rows are bad');
    expect((await say('chunks', '--outcome', 'applied')).split('\n')).toHaveLength(5);
  });

  test('why: outcome and reason in words, and what to do', async () => {
    expect(await say('chunks', 'why', 'chunk_3.csv')).toBe(
      'chunk_3.csv: quarantined at 2026-11-22 07:30:00Z\n' +
        '  Quarantined as a whole: none of its rows is counted.\n' +
        `  bad_header: ${(await tallyhoJson<ChunkJson[]>(['chunks', 'why', 'chunk_3.csv'], { cwd: folder }))[0]?.detail}\n` +
        '  Write the mended chunk under the same name: it is evaluated afresh.\n',
    );
    expect(await say('chunks', 'why', 'chunk_2.csv')).toContain('2 rows read: 1 counted, 1 quarantined');
    expect(await say('chunks', 'why', 'chunk_4.csv')).toContain('chunk_2.csv');
    expect(await say('chunks', 'why', 'chunk_7.csv/')).toContain('no _SUCCESS yet');
  });

  test('why of a key that the ledger does not know: whether it lies there, or what was meant', async () => {
    put('later.csv', `${header}c1,m1,1\n`);
    // biome-ignore format: one case a line
    const cases = [
      ['later.csv', /later\.csv lies in .*, and no detector has looked at it yet\.\n {2}Start one: `tallyho run`\./],
      ['chunk_9.csv', /There is no chunk chunk_9\.csv: not in the ledger, and not in .*\.\n {2}Did you mean chunk_\d\.csv\?/],
      ['chunk_8.csv', /Did you mean sub\/chunk_8\.csv\?/],
      ['readme.txt', /readme\.txt lies in .*, and is no chunk/],
      ['chunk_7.csv/part-0.csv', /is part of the chunk chunk_7\.csv/],
    ] as const;
    for (const [key, message] of cases) {
      const said = await tallyho(['chunks', 'why', key], { cwd: folder });
      expect([said.code, said.stdout]).toEqual([2, '']);
      expect(said.stderr).toMatch(message);
    }
  });
});

describe('rejected', () => {
  test('as JSON: text, or base64 where it is not UTF-8; what is cut says so', async () => {
    const rejected = JSON.parse(await say('rejected', '--json')) as { object: string; raw: string }[];
    expect(rejected.slice(0, 5)).toEqual([
      { object: 'chunk_1.csv', line: 4, reason: 'bad_amount', raw: 'c2,m1,x' },
      { object: 'chunk_1.csv', line: 5, reason: 'missing_key', raw: ',m1,5' },
      { object: 'chunk_1.csv', line: 6, reason: 'column_count', raw: 'c3,m1' },
      {
        object: 'chunk_2.csv',
        line: 3,
        reason: 'bad_encoding',
        raw: { base64: Buffer.from('c\u00ff1,m1,20.5', 'latin1').toString('base64') },
      },
      { object: 'chunk_6.csv.gz', line: 4, reason: 'long_key', raw: `c5,${'m'.repeat(300)},8` },
    ]);
    const [cut] = rejected.slice(5);
    expect(Object.keys(cut ?? {})).toEqual(['object', 'line', 'reason', 'raw', 'truncated']);
    expect(cut).toMatchObject({ line: 5, reason: 'bad_amount', truncated: true });
    expect(cut?.raw).toHaveLength(8192);
  });

  test('for people, and of one chunk', async () => {
    expect(await say('rejected', 'chunk_1.csv')).toBe(
      'object       line  reason        text\n' +
        'chunk_1.csv     4  bad_amount    c2,m1,x\n' +
        'chunk_1.csv     5  missing_key   ,m1,5\n' +
        'chunk_1.csv     6  column_count  c3,m1\n',
    );
    const none = await tallyho(['rejected', 'chunk_5.csv'], { cwd: folder });
    expect(none).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No row of chunk_5.csv is quarantined. `tallyho chunks why chunk_5.csv` says what became of it.\n',
    });
  });
});

describe('detections', () => {
  test('as JSON are the evidence', async () => {
    const detections = JSON.parse(await say('detections', '--json')) as Record<string, unknown>[];
    expect(detections.map(({ patternId, sequence, chunk }) => [patternId, sequence, chunk])).toEqual([
      ['B', 1, 'chunk_2.csv'],
      ['A', 2, 'chunk_6.csv.gz'],
      ['B', 2, 'chunk_6.csv.gz'],
      ['A', 3, 'sub/chunk_8.csv'],
    ]);
    expect(detections[1]).toEqual({
      patternId: 'A',
      action: 'CHECK',
      entity: { merchant: 'm2', customer: 'c5' },
      sequence: 2,
      chunk: 'chunk_6.csv.gz',
      detectedAt: '2026-11-22T07:30:00.123Z',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      conditions: [
        { when: 'count >= 2', value: '2', bound: '2' },
        { when: 'avg(amount) < 100', sum: '15.00', number: '2', bound: '100' },
      ],
    });
    expect(Object.keys(detections[1] ?? {})).toEqual([
      'patternId',
      'action',
      'entity',
      'sequence',
      'chunk',
      'detectedAt',
      'fingerprint',
      'conditions',
    ]);
  });

  test('for people; a name cannot steer the terminal', async () => {
    const text = await say('detections', '--pattern', 'A', '--evidence');
    expect(text).toContain(
      'A CHECK: merchant m\\u001b[31m, customer C|8; entry 3, sub/chunk_8.csv, 2026-11-22T07:30:00.123Z\n  count >= 2: 2\n  avg(amount) < 100: 1.5 (3.00 over 2)\n',
    );
    expect(`${await say('detections')}${await say('chunks')}`).not.toContain('\u001b');
  });

  test('to a reader that goes away end quietly', async () => {
    const { spawn } = await import('node:child_process');
    const entry = join(import.meta.dirname, '../../bin/tallyho.js');
    const child = spawn(process.execPath, [entry, 'detections', '--json'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const code = await new Promise((done) => child.on('close', done));
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('explain', () => {
  test('says why, with value and bound of every condition', async () => {
    expect(await say('explain', 'A', 'm2', 'c5')).toBe(
      'A CHECK: merchant m2, customer c5\n' +
        '  holds  count >= 2         2\n' +
        '  holds  avg(amount) < 100  7.5 (15.00 over 2)\n' +
        'All conditions hold now. It was detected with chunk_6.csv.gz, entry 2, 2026-11-22T07:30:00.123Z.\n',
    );
  });

  test('says why not, in any order of names', async () => {
    const text = await say('explain', 'A', 'm1', 'c1');
    expect(text).toBe(
      'A CHECK: merchant m1, customer c1\n  fails  count >= 2         1\n  holds  avg(amount) < 100  10 (10.00 over 1)\nOne condition does not hold now. It was not detected.\n',
    );
    expect(await say('explain', 'A', 'customer=c1', 'merchant=m1')).toBe(text);
    expect(await say('explain', 'A', 'm1', 'nobody')).toContain('No transaction that is counted names this entity');
  });

  test('as JSON: ranks with place, size and cut-off', async () => {
    expect(JSON.parse(await say('explain', 'B', 'C|8', '--json'))).toEqual({
      patternId: 'B',
      action: 'TOP',
      entity: { customer: 'C|8' },
      known: true,
      holds: false,
      detected: false,
      sequence: null,
      chunk: null,
      conditions: [
        {
          when: 'sum(amount) in top 50% of all',
          holds: false,
          value: '3.00',
          b: 2,
          n: 3,
          cutoff: '10.00',
          why: expect.any(String) as unknown,
        },
      ],
    });
  });

  test('refuses what it cannot explain', async () => {
    const cases = [
      [['Z', 'm1'], 'error [PATTERN_UNKNOWN]: There is no pattern "Z".'],
      [['A', 'm1'], 'error [USAGE]: A speaks about merchant and customer: it needs 2 values, not 1.'],
    ] as const;
    for (const [args, message] of cases) {
      const said = await tallyho(['explain', ...args], { cwd: folder });
      expect(said.code).toBe(2);
      expect(said.stderr).toContain(message);
    }
  });
});

describe('status', () => {
  test('as JSON', async () => {
    expect(JSON.parse(await say('status', '--json'))).toMatchObject({
      pipeline: 'tallyho',
      source: join(folder, 'input'),
      running: false,
      holder: null,
      sequence: 3,
      watermark: 3,
      chunks: { applied: 3, quarantined: 2, duplicate: 1, empty: 1, waiting: 1 },
      rows: 15,
      quarantined: 8,
      notCounted: 2,
      detections: [
        { patternId: 'A', count: 2 },
        { patternId: 'B', count: 2 },
      ],
      files: { planned: 6, published: 6, incidents: [] },
      grew: [],
      changed: [],
      inSource: {
        waiting: [{ key: 'chunk_7.csv', why: 'it has no _SUCCESS yet (1 part is there)' }],
        notChunks: { count: 1, examples: ['readme.txt'] },
      },
    });
  });

  test('for people names what wants a look', async () => {
    const text = await say('status');
    expect(text).toContain('pipeline    tallyho (no detector is running)');
    expect(text).toContain('chunk_7.csv waits: it has no _SUCCESS yet (1 part is there).');
    expect(text).toContain('1 object in the source is no chunk: readme.txt.');
  });
});

test('patterns are told in words', async () => {
  expect(await say('patterns')).toContain('  count >= 2         the customer has at least 2 transactions with the merchant\n');
});

test.each([
  [1, '1 of 3 is higher'],
  [2, '2 of 3 are higher'],
])('a rank with %i before it', (b, text) => {
  expect(foundText({ when: 'count in top 50% of all', value: '5', b, n: 3, cutoff: '4' })).toContain(text);
});
