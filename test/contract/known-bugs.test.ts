/**
 * The ways in which public implementations of this job go wrong, each as a schedule or an input that shows it, against our
 * pipeline. docs/known-bugs.md lists them by these numbers, with the effect that each had.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { MemoryObjects } from '../helpers/objects-memory.ts';
import { csv, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { tallyho } from '../helpers/tallyho.ts';
import { useWorld } from '../helpers/use-world.ts';

const root = resolve(import.meta.dirname, '../..');
const { world } = useWorld();

const pair = (...when: string[]): readonly PatternSource[] => [{ id: 'P', action: 'A', entity: ['merchant', 'customer'], when }];
const merchant = (...when: string[]): readonly PatternSource[] => [{ id: 'P', action: 'A', entity: ['merchant'], when }];
const repeated = (row: string, times: number): string[] => Array.from({ length: times }, () => row);

interface Condition {
  readonly when: string;
  readonly n?: number;
  readonly b?: number;
  readonly value?: string;
}

/** `sequence entity` -> conditions of its evidence. */
async function evidence(): Promise<Map<string, readonly Condition[]>> {
  const found = new Map<string, readonly Condition[]>();
  for await (const batch of world.store.detections()) {
    for (const each of batch) {
      const { entity, conditions } = JSON.parse(each.evidence) as { entity: Record<string, string>; conditions: Condition[] };
      found.set(`${each.sequence} ${Object.values(entity).join(' ')}`, conditions);
    }
  }
  return found;
}

function outputText(): Map<string, string> {
  return new Map([...world.output()].map(([key, bytes]) => [key, Buffer.from(bytes, 'base64').toString()]));
}

/** Data rows of the detection files, in order of their names. */
function outputRows(): string[] {
  return [...outputText()].filter(([key]) => key.includes('detections-')).flatMap(([, text]) => text.trimEnd().split('\n').slice(1));
}

test('bug 1: detecting per chunk instead of cumulatively', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1'));
  world.put('chunk_1.csv', csv('M1 C1 2'));
  await world.run({ patterns: pair('count >= 2') });
  expect(await world.detections()).toEqual(['2 P M1 C1']);
});

test('bug 2: counting transactions instead of distinct customers for gender', async () => {
  world.put('chunk_0.csv', csv(...repeated('M1 C1 1 1 F', 5)));
  world.put('chunk_1.csv', csv('M1 C2 1 1 F'));
  await world.run({ patterns: merchant('distinct(customer where gender = F) >= 2') });
  expect(await world.detections()).toEqual(['2 P M1']);
});

test('bug 3: adding distinct counts of batches', async () => {
  for (const i of [0, 1, 2]) world.put(`chunk_${i}.csv`, csv('M1 C1 1', 'M1 C2 1', `M2 C${i} 1`));
  world.put('chunk_3.csv', csv('M1 C3 1'));
  await world.run({ patterns: merchant('distinct(customer) >= 3') });
  expect(await world.detections()).toEqual(['3 P M2', '4 P M1']);
});

for (const when of ['before', 'after'] as const) {
  test(`bug 4: state committed apart from the processed mark and the outputs (a failure ${when} the commit)`, async () => {
    world.put('chunk_0.csv', csv('M1 C1 1'));
    world.put('chunk_1.csv', csv('M1 C1 2'));
    let fails = true;
    const lost = (): Error => new TallyhoError('STORE_UNKNOWN_COMMIT', 'The connection ended.');
    await world.run({
      patterns: pair('count >= 2'),
      commitChunks: 1,
      change: ({ store }) => ({
        store: withWriter(store, (writer) => ({
          async commit(request) {
            const failing = fails;
            fails = false;
            if (failing && when === 'before') throw lost();
            await writer.commit(request);
            if (failing) throw lost();
          },
        })),
      }),
    });
    expect(fails).toBe(false);
    expect(await world.ledger()).toEqual(['chunk_0.csv applied 1 1', 'chunk_1.csv applied 2 1']);
    expect(await world.detections()).toEqual(['2 P M1 C1']);
    expect(outputRows()).toHaveLength(1);
  });
}

test('bug 5: progress only in memory', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1'));
  await world.run({ patterns: pair('count >= 2') });
  // Another process: nothing but database and output are left.
  world.put('chunk_1.csv', csv('M1 C1 2'));
  const summary = await world.run({ patterns: pair('count >= 2') });
  expect(summary).toMatchObject({ outcomes: { applied: 1 }, rows: 1 });
  expect(await world.detections()).toEqual(['2 P M1 C1']);
});

test('bug 6: listing not paginated', async () => {
  const source = new MemoryObjects(3);
  for (let i = 0; i < 20; i++) source.set(`chunk_${i}.csv`, csv(`M1 C${i} 1`));
  await world.run({ patterns: merchant('distinct(customer) >= 20'), change: () => ({ source, engine: makeLocalEngine({ source }) }) });
  expect(await world.ledger()).toHaveLength(20);
  expect(await world.detections()).toEqual(['20 P M1']);
});

test('bug 7: chunk_10 before chunk_2', async () => {
  for (const i of [10, 2, 1, 0, 100, 9]) world.put(`chunk_${i}.csv`, csv(`M${i} C1 1`));
  await world.run();
  expect((await world.lines()).map(({ key }) => key)).toEqual([0, 1, 2, 9, 10, 100].map((i) => `chunk_${i}.csv`));
});

test('bug 8: reading a half-written folder, or only its first part', async () => {
  world.put('chunk_0.csv/part-00000.csv', csv('M1 C1 1'));
  world.put('chunk_0.csv/part-00001.csv', csv('M1 C1 1'));
  await world.run({ patterns: pair('count >= 3') });
  expect(await world.ledger()).toEqual(['chunk_0.csv/ waiting 0']);
  world.put('chunk_0.csv/part-00002.csv', csv('M1 C1 1'));
  world.put('chunk_0.csv/_SUCCESS', '');
  await world.run({ patterns: pair('count >= 3') });
  expect(await world.ledger()).toEqual(['chunk_0.csv/ applied 1 3']);
  expect(await world.detections()).toEqual(['1 P M1 C1']);
});

test('bug 9: dropped output batches (51 to 100 detections, 50 written), and names of one second that overwrite', async () => {
  for (const chunk of [0, 1]) world.put(`chunk_${chunk}.csv`, csv(...Array.from({ length: 120 }, (_, i) => `M1 C${chunk}-${i} 1`)));
  // The clock stands still: both chunks are evaluated in the same millisecond.
  await world.run({ patterns: pair('count >= 1') });
  const files = [...outputText()].filter(([key]) => key.includes('detections-'));
  expect(files.map(([key, text]) => [key.replace(/^[^-]*-/, ''), text.trimEnd().split('\n').length - 1])).toEqual([
    ['1/detections-1.csv', 50],
    ['1/detections-2.csv', 50],
    ['1/detections-3.csv', 20],
    ['2/detections-1.csv', 50],
    ['2/detections-2.csv', 50],
    ['2/detections-3.csv', 20],
  ]);
  expect(new Set(outputRows()).size).toBe(240);
});

test('bug 10: a last batch under 50 never flushed, or buffered in memory after the mark', async () => {
  world.put('chunk_0.csv', csv(...Array.from({ length: 7 }, (_, i) => `M1 C${i} 1`)));
  await world.run({ patterns: pair('count >= 1') });
  expect(outputRows()).toHaveLength(7);
  // Puts fail from here on: what is marked as processed is in the database with its files, and comes with the next start.
  world.put('chunk_1.csv', csv('M2 C1 1'));
  const down = new TallyhoError('SINK_INCIDENT', 'The sink is down.');
  const run = world.run({
    patterns: pair('count >= 1'),
    change: ({ sink }) => ({ sink: withObjects(sink, { put: () => Promise.reject(down) }) }),
  });
  await run.catch(() => undefined);
  expect(outputRows()).toHaveLength(7);
  await world.run({ patterns: pair('count >= 1') });
  expect(outputRows()).toHaveLength(8);
});

test('bug 11: the same detection again with every chunk', async () => {
  for (const i of [0, 1, 2, 3]) world.put(`chunk_${i}.csv`, csv('M1 C1 1', `M1 C${i + 2} 1`));
  await world.run({ patterns: pair('count >= 2'), commitChunks: 1 });
  await world.run({ patterns: pair('count >= 2') });
  expect(await world.detections()).toEqual(['2 P M1 C1']);
  expect(outputRows()).toHaveLength(1);
});

test('bug 12: ranking over the wrong cohort (the undetected, survivors of the other condition, all merchants together)', async () => {
  const customers = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => repeated(`${name} C${i} ${i + 1}`, i + 1)).flat();
  world.put('chunk_0.csv', csv(...customers('M1', 11)));
  // Far busier customers of another merchant: ranked together, nobody of M1 were in.
  world.put('chunk_1.csv', csv(...Array.from({ length: 30 }, (_, i) => repeated(`M2 C${i} 10`, 20)).flat()));
  world.put('chunk_2.csv', csv(...repeated('M1 C8 9', 5)));
  await world.run({ patterns: pair('merchant.count > 60', 'count in top 10% of merchant', 'avg(amount) != 10') });
  const found = await evidence();
  // C10 is detected by chunk_0 and stays in the cohort; C9 fails the average and is in it too.
  expect([...found.keys()]).toEqual(['1 M1 C10', '3 M1 C8']);
  for (const conditions of found.values()) expect(conditions.find(({ when }) => when.includes('top'))).toMatchObject({ n: 11 });
});

test('bug 13: percentile direction inverted', async () => {
  const rows = Array.from({ length: 11 }, (_, i) => repeated(`M1 C${String(i + 1).padStart(2, '0')} 1`, i + 1)).flat();
  world.put('chunk_0.csv', csv(...rows));
  const top: PatternSource = { id: 'Top', action: 'A', entity: ['merchant', 'customer'], when: ['count in top 10% of merchant'] };
  await world.run({ patterns: [top, { ...top, id: 'Bottom', when: ['count in bottom 10% of merchant'] }] });
  expect(await world.detections()).toEqual(['1 Top M1 C10', '1 Top M1 C11', '1 Bottom M1 C01', '1 Bottom M1 C02']);
});

test('bug 14: weight ignored or replaced by a constant', async () => {
  world.put('chunk_0.csv', csv('M1 C1 100 1', 'M1 C2 1 100'));
  await world.run({ patterns: pair('avg(weight) < 5'), weight: 'column' });
  expect(await world.detections()).toEqual(['1 P M1 C1']);
});

test('bug 15: fan-out join with the reference table', async () => {
  const reference = join(world.folder, 'weights.csv');
  // Three facts of one pair: a join would treble its transactions.
  writeFileSync(reference, 'Source,Target,Weight\nC1,M1,5\nC1,M1,5\nC1,M1,5\n');
  world.put('chunk_0.csv', csv('M1 C1 10'));
  const run = { patterns: pair('count >= 2', 'avg(weight) >= 5'), weight: 'reference', reference } as const;
  await world.run(run);
  expect(await world.detections()).toEqual([]);
  world.put('chunk_1.csv', csv('M1 C1 11'));
  await world.run(run);
  expect(await world.detections()).toEqual(['2 P M1 C1']);
  const conditions = (await evidence()).get('2 M1 C1')!;
  expect(conditions).toMatchObject([{ value: '2' }, { sum: '15.00', number: '3' }]);
});

test('bug 16: category literals that never match (quotes are part of the data)', async () => {
  const quoted = csv("'M1' 'C1' 10 1 'F'", "'M1' 'C2' 10 1 'F'", "'M1' 'C3' 10 1 'M'");
  world.put('chunk_0.csv', quoted);
  await world.run({ patterns: merchant('distinct(customer where gender = F) >= 2', 'count(where gender = M) >= 1') });
  expect(await world.detections()).toEqual(['1 P M1']);
});

test('bug 17: input written out as output', async () => {
  const input = csv('M1 C1 17', 'M1 C1 18', 'M1 C2 19');
  world.put('chunk_0.csv', input);
  await world.run({ patterns: pair('count >= 2') });
  const files = [...outputText()].filter(([key]) => key.includes('detections-'));
  expect(files.map(([, text]) => text)).toEqual([
    'YStartTime,detectionTime,patternId,actionType,customerName,merchantId\n2026-11-22 07:30:00.123,2026-11-22 07:30:00.123,P,A,C1,M1\n',
  ]);
});

test('bug 18: errors swallowed (any exception read as "no more chunks")', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1'));
  const denied = new TallyhoError('S3_DENIED', 'The bucket cannot be listed.');
  const change = ({ source }: { source: Parameters<typeof withObjects>[0] }): { source: typeof source } => ({
    source: withObjects(source, {
      list: () => ({
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(denied) }),
      }),
    }),
  });
  await expect(world.run({ change })).rejects.toMatchObject({ code: 'S3_DENIED' });
  expect(await world.ledger()).toEqual([]);
  await world.run();
  expect(await world.ledger()).toEqual(['chunk_0.csv applied 1 1']);
});

test('bug 19: wrong running mean (means of chunks averaged)', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1', 'M1 C1 1', 'M1 C1 1'));
  world.put('chunk_1.csv', csv('M1 C1 7'));
  await world.run({ patterns: pair('count >= 4', 'avg(amount) = 2.5') });
  expect(await world.detections()).toEqual(['2 P M1 C1']);
});

test('bug 20: thresholds changed or off by one at the bound', async () => {
  world.put('chunk_0.csv', csv(...repeated('M1 C1 1', 80), ...repeated('M1 C2 1', 79), ...repeated('M1 C3 1', 81)));
  const at = (op: string): PatternSource => ({ id: op, action: 'A', entity: ['merchant', 'customer'], when: [`count ${op} 80`] });
  await world.run({ patterns: ['>', '>=', '<', '<='].map(at) });
  expect(await world.detections()).toEqual(['1 > M1 C3', '1 >= M1 C1', '1 >= M1 C3', '1 < M1 C2', '1 <= M1 C1', '1 <= M1 C2']);
});

test('bug 21: everything ingested again each loop', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1'));
  for (let loop = 0; loop < 4; loop++) await world.run({ patterns: pair('count >= 2') });
  expect(await world.ledger()).toEqual(['chunk_0.csv applied 1 1']);
  expect(await world.detections()).toEqual([]);
});

test('bug 22: producer and consumer on different prefixes', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1'));
  const folder = join(world.folder, 'consumer');
  mkdirSync(join(folder, 'inputs'), { recursive: true });
  writeFileSync(
    join(folder, 'tallyho.yaml'),
    'source: ./inputs/\nsink: ./out/\npatterns: [{ id: P, action: A, entity: [merchant], when: [count > 1] }]\n',
  );
  const said = await tallyho(['run', '--once'], { cwd: folder });
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toContain(`There is no chunk in ${folder}/inputs/`);
  expect(said.stdout).toContain('source.url');
});

test('bug 23: feeder faults (an HTML page saved as CSV, equal rows dropped, gaps from an id taken as row number)', async () => {
  // A sign-in page in place of the data is no data.
  world.put(
    'chunk_0.csv',
    '<!DOCTYPE html><html><head><title>Sign in</title></head>\n<body>Google Drive - Virus scan warning</body></html>\n',
  );
  await world.run({ patterns: pair('count >= 1') });
  expect(await world.ledger()).toEqual(['chunk_0.csv quarantined 0 bad_header']);
  expect(await world.detections()).toEqual([]);

  // Equal rows, and an id column with gaps: the feeder hands on each row once.
  const rows = Array.from({ length: 100 }, (_, i) => `${i * 7},C${i % 3},M1,5`);
  const equal = repeated('700,C1,M1,5', 5);
  const from = join(world.folder, 'transactions.csv');
  writeFileSync(from, ['id,customer,merchant,amount', ...rows, ...equal].map((line) => `${line}\n`).join(''));
  writeFileSync(
    join(world.folder, 'tallyho.yaml'),
    'source: ./fed/\nsink: ./elsewhere/\npatterns: [{ id: P, action: A, entity: [customer], when: [count > 1] }]\n',
  );
  const said = await tallyho(['feed', from, '--rows', '7', '--every', '0'], { cwd: world.folder });
  expect(said.code, said.stderr).toBe(0);
  const fed = Array.from({ length: 15 }, (_, i) =>
    readFileSync(join(world.folder, 'fed', `chunk_${i}.csv`), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1),
  ).flat();
  expect(fed).toEqual([...rows, ...equal]);
});

test('bug 24: time and identity (YStartTime per row, server-local time called IST)', async () => {
  let now = Date.parse('2026-11-22T20:00:00.000Z');
  world.put('chunk_0.csv', csv('M1 C1 1'));
  world.put('chunk_1.csv', csv('M1 C2 1'));
  // The clock goes on with each look; the start does not.
  await world.run({
    patterns: pair('count >= 1'),
    commitChunks: 1,
    clock: () => new Date((now += 1000)),
    change: () => ({ timeZone: 'Asia/Kolkata' }),
  });
  const rows = outputRows().map((row) => row.split(','));
  expect(new Set(rows.map(([start]) => start)).size).toBe(1);
  // 20:00 UTC is 01:30 of the next day in India, whatever the zone of this machine.
  for (const [start, at] of rows) for (const time of [start, at]) expect(time).toMatch(/^2026-11-23 01:3\d:\d\d\.000$/);
  expect(rows.every(([start, at]) => start! < at!)).toBe(true);
});

test('bug 25: looking into the future (whole-file facts at an early chunk)', async () => {
  world.put('chunk_0.csv', csv('M1 C1 1', 'M1 C2 1'));
  world.put('chunk_1.csv', csv('M1 C1 1', 'M1 C3 1', 'M1 C4 1'));
  // All in one commit, and still each entry knows only those before it.
  await world.run({ patterns: pair('merchant.count >= 2', 'count in top 20% of merchant'), commitChunks: 64 });
  const found = await evidence();
  expect([...found.keys()]).toEqual(['1 M1 C1', '1 M1 C2']);
  for (const conditions of found.values()) expect(conditions).toMatchObject([{ value: '2' }, { value: '1', b: 0, n: 2 }]);
});

test('bug 26: secrets in source', async () => {
  const folder = join(world.folder, 'secret');
  mkdirSync(folder);
  writeFileSync(join(folder, 'tallyho.yaml'), 'source: ./in/\nsink: ./out/\nstore: postgres://me:hunter2@127.0.0.1/db\npatterns: full\n');
  const said = await tallyho(['run', '--once'], { cwd: folder });
  expect(said.code).toBe(2);
  expect(said.stderr).toContain('CONFIG_SECRET');
  expect(said.stdout + said.stderr).not.toContain('hunter2');
  // And none in our own.
  // 1: nothing found; 128: an unpacked copy is no repository.
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((done) => {
    const what = '(AKIA|ASIA)[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY';
    execFile('git', ['grep', '-lE', what, '--', '.'], { cwd: root }, (error, stdout) => done({ code: error?.code ?? 0, stdout }));
  });
  expect([0, 1, 128]).toContain(code);
  expect(stdout.split('\n').filter((file) => file !== '' && !file.startsWith('test/'))).toEqual([]);
});

test('docs/known-bugs.md lists each of them, and no other', () => {
  const listed = [...readFileSync(join(root, 'docs/known-bugs.md'), 'utf8').matchAll(/^\| (\d+) \| ([^|]+) \|/gm)];
  const tested = [
    ...readFileSync(import.meta.filename, 'utf8').matchAll(
      /^\s*test\(['`]bug (\d+): (.*?)(?: \(a failure \$\{when\} the commit\))?['`], /gm,
    ),
  ];
  expect(listed.map(([, number, bug]) => `${number}: ${bug!.trim()}`)).toEqual(tested.map(([, number, bug]) => `${number}: ${bug}`));
  expect(listed).toHaveLength(26);
});
