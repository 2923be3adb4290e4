/** The commands that do the work, as people run them: first steps, exit codes, being stopped. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTallyho } from '../helpers/cli-process.ts';
import { type ChunkJson, type DetectionJson, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

let folder: string;
beforeEach(() => {
  folder = makeTempFolder('cli');
});
afterEach(() => removeFolder(folder));

const header = 'customer,merchant,amount\n';
const write = (name: string, text: string): void => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const configure = (source: string, when = 'count > 1'): void =>
  write(
    'tallyho.yaml',
    `source: { url: ./input, settle: 0, poll: 50ms${source} }\nsink: ./output\npatterns: [{ id: P, action: A, entity: [customer], when: ["${when}"] }]\n`,
  );
const run = (...args: string[]): ReturnType<typeof tallyho> => tallyho(args, { cwd: folder });

describe('first steps', () => {
  test('init, generate, feed, run --once: each works as the one before says', async () => {
    const init = await run('init', '--patterns', 'sample');
    expect(init).toMatchObject({ code: 0, stderr: '' });
    expect(init.stdout).toMatch(/^Wrote tallyho\.yaml\.\nMade the source folder input\/\.\n/);
    const steps = [...init.stdout.matchAll(/ node \S+tallyho\.js (.*)/g)].map((match) => (match[1] ?? '').split(' '));
    expect(steps.map(([command]) => command)).toEqual(['generate', 'feed', 'run']);
    const said = [];
    for (const step of steps) said.push(await run(...step));
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(said[0]?.stdout).toContain(`${join(folder, 'transactions.csv')}: 1,000 rows, `);
    expect(said[1]?.stdout).toMatch(/^Fed 5 chunks with 1,000 rows into /);
    expect(said[2]?.stdout).toMatch(
      /^Done after .*\n {2}chunks {6}5 applied\n {2}rows {8}1,000 read\n {2}detections {2}\d+\n {4}PatId1 +\d+ {2}UPGRADE\n/,
    );
    const config = readFileSync(join(folder, 'tallyho.yaml'), 'utf8');
    expect(existsSync(join(folder, /\$schema=(\S+)/.exec(config)?.[1] ?? ''))).toBe(true);

    expect(await run('init')).toMatchObject({
      code: 2,
      stderr: 'error [USAGE]: tallyho.yaml is there already.\n  Overwrite it with --force, or name another file with --config.\n',
    });
    expect((await run('init', '--force')).code).toBe(0);
  });

  test('run --profile says on stderr where the time went, and nothing else changes', async () => {
    configure('');
    write('input/chunk_1.csv', `${header}C1,M1,1\nC1,M1,2\n`);
    const said = await run('run', '--once', '--profile');
    expect(said.code).toBe(0);
    expect(said.stdout).toMatch(/^Done after /);
    for (const phase of ['start-up', 'claim', 'list', 'read', 'commit', 'publish', 'fold'])
      expect(said.stderr).toMatch(new RegExp(`^${phase} .* ms`, 'm'));
    expect(said.stderr).toMatch(/^waiting \(idle\) +[\d,]+ ms/m);
    expect((await run('run', '--once')).stderr).not.toContain('Profile');
  });

  test('init leaves nothing behind that does not load', async () => {
    const said = await run('init', '--patterns', 'smaple');
    expect(said.code).toBe(2);
    expect(said.stderr).toContain('Did you mean "sample"?');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('generate gives the same bytes for the same seed, and others for another; feed adds nothing twice', async () => {
    await run('generate', 'a.csv', '--rows', '500', '--reference', 'weights.csv');
    await run('generate', 'b.csv', '--rows', '500');
    await run('generate', 'c.csv', '--rows', '500', '--seed', '2');
    const [a, b, c] = ['a.csv', 'b.csv', 'c.csv'].map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(a === b && a !== c).toBe(true);
    expect(readFileSync(join(folder, 'weights.csv'), 'utf8')).toMatch(/^Source,Target,Weight,typeTrans,fraud\n/);
    configure('');
    const feed = ['feed', 'a.csv', '--rows', '100', '--every', '0'];
    expect((await run(...feed, '--limit', '1')).stdout).toMatch(/^Fed 1 chunk with 100 rows into /);
    expect((await run(...feed, '--limit', '2')).stdout).toMatch(/^Fed 2 chunks \(1 was there already\) with 200 rows into /);
    expect((await run(...feed)).stdout).toMatch(/^Fed 5 chunks \(2 were there already\) with 500 rows into /);
    expect(readdirSync(join(folder, 'input')).sort()).toEqual(['chunk_0.csv', 'chunk_1.csv', 'chunk_2.csv', 'chunk_3.csv', 'chunk_4.csv']);
  });
});

describe('run --once', () => {
  test('on an empty source says what was looked for, and where; then that nothing is new', async () => {
    configure('');
    write('input/notes.txt', 'x');
    const said = await run('run', '--once');
    expect(said.code).toBe(0);
    expect(said.stdout).toContain(
      `There is no chunk in ${folder}/input/\n  Looked for NAME.csv, NAME.csv.gz and NAME.parquet, and for folders NAME.csv/ and NAME.parquet/, in all folders below.\n  1 other file there: notes.txt.\n`,
    );
    write('input/a.csv', `${header}c,m,1\nc,m,1\n`);
    expect((await run('run', '--once')).stdout).toContain('chunks      1 applied');
    expect((await run('run', '--once')).stdout).toMatch(/^Nothing new after .*: entry 1 is still the last\.\n$/);
  });

  test('on a source of which nothing was applied does not say that there is no chunk', async () => {
    configure('');
    write('input/bad.csv', 'merchant,amount\nm,1\n');
    write('input/empty.csv', '');
    write('input/half.csv/part-0.csv', `${header}c,m,1\n`);
    expect((await run('run', '--once')).stdout).toContain('chunks      1 quarantined, 1 empty, 1 waiting');
    const again = await run('run', '--once');
    expect(again.stdout).toMatch(/^Nothing new after .*\.\n$/);
  });

  test('with changed patterns that find nothing says that it evaluated again, not that nothing is new', async () => {
    configure('');
    write('input/a.csv', `${header}c,m,1\n`);
    await run('run', '--once');
    configure('', 'count > 7');
    const said = await run('run', '--once', '--yes');
    expect([said.code, said.stdout]).toEqual([0, expect.stringMatching(/^Done after .*, with changed patterns\.\n {2}chunks {6}none\n/)]);
    expect((await run('run', '--once')).stdout).toMatch(/^Nothing new after .*: entry 2 is still the last\.\n$/);
  });

  test('on a source that is not there ends with 1, at once', async () => {
    configure('');
    const said = await run('run', '--once');
    expect(said).toMatchObject({
      code: 1,
      stderr: `error [SOURCE_UNREADABLE]: The source ${join(folder, 'input')} is not there.\n  Make the folder, or mend source.url in tallyho.yaml.\n`,
    });
  });

  test('PROTOCOL 2.2: ends with 1 for a chunk that grew, also the next time, until it is as it was', async () => {
    configure('');
    write('input/a.csv', `${header}c,m,1\n`);
    expect((await run('run', '--once')).code).toBe(0);
    appendFileSync(join(folder, 'input/a.csv'), 'c,m,1\n');
    const said = await run('run', '--once');
    expect([said.code, said.stderr.includes('a.csv: changed (grew)')]).toEqual([1, true]);
    expect(said.stdout).toContain('a.csv has grown since it was applied');
    const again = await run('run', '--once');
    expect([again.code, again.stdout.includes('a.csv has grown since it was applied')]).toEqual([1, true]);
    expect((await run('status')).stdout).toContain('a.csv has grown since it was applied');
    // Restored, it wants no look any more.
    write('input/a.csv', `${header}c,m,1\n`);
    expect((await run('status')).stdout).not.toContain('Wants a look');
    expect((await run('run', '--once')).code).toBe(0);
    expect((await run('status')).stdout).not.toContain('Wants a look');
  });

  test('ends with 3 at a bad chunk under halt, and goes on when it is mended', async () => {
    configure(', onBadChunk: halt');
    write('input/a.csv', 'customer,amount\nc');
    for (let i = 0; i < 2; i++)
      expect(await run('run', '--once')).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('error [HALTED]: a.csv is quarantined') as unknown,
      });
    write('input/a.csv', `${header}c,m,1\nc,m,1\n`);
    // Only the customer is needed, so the first was bad for its last line.
    expect((await run('run', '--once')).code).toBe(0);
  });

  test('ends with 1 below minFree, having lost nothing', async () => {
    configure('');
    appendFileSync(join(folder, 'tallyho.yaml'), 'store: { minFree: 900TiB }\n');
    write('input/a.csv', `${header}c,m,1\nc,m,1\n`);
    expect(await run('run', '--once')).toMatchObject({ code: 1, stderr: expect.stringContaining('error [DISK_LOW]') as unknown });
    configure('');
    expect((await run('run', '--once')).stdout).toContain('chunks      1 applied');
  });

  test('with a changed measure ends with 2 and names rebuild, which mends it', async () => {
    configure('');
    write('input/a.csv', `${header}c,m,1\nc,m,2\n`);
    expect((await run('run', '--once')).code).toBe(0);
    configure('', 'sum(amount) > 2');
    expect(await run('run', '--once')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/REBUILD_NEEDED[\s\S]*tallyho rebuild/) as unknown,
    });
    expect(await run('rebuild')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Rebuilt from 1 chunk with 2 rows in /) as unknown,
    });
    expect((await run('run', '--once')).code).toBe(0);
    expect((await run('explain', 'P', 'c')).stdout).toContain('holds  sum(amount) > 2  3.00');
  });
});

describe('a detector that watches', () => {
  test('tells what it does, keeps others out, and ends with 0 on Ctrl-C, all committed', async () => {
    configure('');
    write('input/a.csv', `${header}c,m,1\nc,m,1\n`);
    const detector = startTallyho(['run'], { cwd: folder });
    await detector.hears('a.csv: 2 rows, 1 detection');
    await detector.hears('Watching ');
    write('input/b.csv', `${header}d,m,1\nd,m,1\n`);
    await detector.hears('b.csv: 2 rows, 1 detection');
    expect((await tallyhoJson<{ running: boolean }>(['status'], { cwd: folder })).running).toBe(true);
    const other = await run('run', '--once');
    expect([other.code, other.stderr.includes('error [HELD]')]).toEqual([4, true]);
    expect((await run('patterns', 'reset', 'P')).code).toBe(4);

    detector.child.kill('SIGINT');
    expect(await detector.ended).toBe(0);
    expect(detector.said()).toContain('Stopped as asked. The next start goes on from here.');
    expect((await tallyhoJson<DetectionJson[]>(['detections'], { cwd: folder })).map(({ entity }) => entity)).toEqual([
      { customer: 'c' },
      { customer: 'd' },
    ]);
    expect(readdirSync(join(folder, 'output'))).toHaveLength(2);
  });

  test('ends with 0 on SIGTERM in the middle of much work; the next start goes on from there', async () => {
    configure('');
    await run('generate', 't.csv', '--rows', '60000');
    await run('feed', 't.csv', '--rows', '300', '--every', '0');
    const detector = startTallyho(['run', '--once', '--commit-chunks', '1'], { cwd: folder });
    await detector.hears('chunk_0.csv');
    detector.child.kill('SIGTERM');
    expect(await detector.ended).toBe(0);
    const before = await tallyhoJson<ChunkJson[]>(['chunks'], { cwd: folder });
    expect(before.length).toBeGreaterThan(0);
    expect((await run('run', '--once')).code).toBe(0);
    const after = await tallyhoJson<ChunkJson[]>(['chunks'], { cwd: folder });
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.map(({ sequence, outcome }) => [sequence, outcome])).toEqual(Array.from({ length: 200 }, (_, i) => [i + 1, 'applied']));
  });

  test('stopped before it could list its source does not say that nothing is new', async () => {
    configure('');
    const source = join(folder, 'input');
    rmSync(source, { recursive: true, force: true });
    const detector = startTallyho(['run'], { cwd: folder });
    await detector.hears('Trying again in');
    detector.child.kill('SIGINT');
    expect(await detector.ended).toBe(0);
    expect(detector.said()).toMatch(/^Stopped after .*, before any chunk was taken\.$/m);
    expect(detector.said()).not.toContain('Nothing new');

    mkdirSync(source);
    const idle = startTallyho(['run'], { cwd: folder });
    await idle.hears('Watching ');
    idle.child.kill('SIGINT');
    expect(await idle.ended).toBe(0);
    expect(idle.said()).toMatch(/^Nothing new after /m);
  });

  test('ends at once on the second signal, with 130', async () => {
    configure('');
    await run('generate', 't.csv', '--rows', '60000');
    await run('feed', 't.csv', '--rows', '300', '--every', '0');
    const detector = startTallyho(['run', '--commit-chunks', '1'], { cwd: folder });
    await detector.hears('chunk_0.csv');
    detector.child.kill('SIGINT');
    await detector.hears('Once more ends it at once.');
    detector.child.kill('SIGINT');
    expect([0, 130]).toContain(await detector.ended);
  });
});

test('patterns reset detects afresh', async () => {
  configure('');
  write('input/a.csv', `${header}c,m,1\nc,m,1\n`);
  expect((await run('run', '--once')).code).toBe(0);
  expect(await run('patterns', 'reset', 'Q')).toMatchObject({
    code: 2,
    stderr: 'error [PATTERN_UNKNOWN]: No pattern "Q" has ever run in this pipeline.\n  Did you mean "P"?\n',
  });
  expect((await run('patterns', 'reset', 'P')).code).toBe(0);
  expect((await run('run', '--once')).code).toBe(0);
  expect(await tallyhoJson<DetectionJson[]>(['detections'], { cwd: folder })).toHaveLength(2);
});

describe('the demo', () => {
  test('needs no config, ends by itself, and what it says to try next works', async () => {
    const said = await run('demo', '--rows', '1000');
    expect(said.code, said.stderr).toBe(0);
    expect(said.stdout).toMatch(/chunks {6}50 applied\n {2}rows {8}1,000 read\n/);
    for (const id of ['PatId1', 'PatId2', 'PatId3']) expect(said.stdout).toMatch(new RegExp(`^    ${id} +[1-9]`, 'm'));
    const next = [...said.stdout.matchAll(/^ {2}(?:change .*then: )?node \S+tallyho\.js (.*)$/gm)].map((match) =>
      (match[1] ?? '').split(' '),
    );
    expect(next.map(([command]) => command)).toEqual(['explain', 'status', 'detections', 'run']);
    for (const args of next) expect(await run(...args), args.join(' ')).toMatchObject({ code: 0 });
    expect((await run(...(next[0] ?? []))).stdout).toContain('It was detected with chunk_');
    rmSync(join(folder, 'demo-1', '.tallyho'), { recursive: true });
    expect(readdirSync(folder)).toEqual(['demo-1']);
  });
});

describe('status', () => {
  test('a quarantined chunk that was mended wants no look any more', async () => {
    configure('');
    write('input/a.csv', 'merchant,amount\nm,1\n');
    await run('run', '--once');
    expect((await run('status')).stdout).toMatch(/chunks {6}1 quarantined\n[^]*1 chunk quarantined: /);
    write('input/a.csv', `${header}c,m,1\n`);
    await run('run', '--once');
    const text = (await run('status')).stdout;
    expect(text).toContain('chunks      1 applied (1 earlier version quarantined)\n');
    expect(text).not.toContain('Wants a look');
    expect(await tallyhoJson(['status'], { cwd: folder })).toMatchObject({ chunks: { applied: 1, quarantined: 1 }, quarantinedNow: 0 });
  });

  test('one more than are named has grown: told in the singular', async () => {
    configure('');
    const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `input/${name}.csv`);
    for (const name of names) write(name, `${header}${name},m,1\n`);
    await run('run', '--once');
    for (const name of names) appendFileSync(join(folder, name), 'c,m,1\n');
    expect((await run('run', '--once')).stdout).toContain('So has 1 more chunk.\n');
    expect((await run('status')).stdout).toContain('So has 1 more chunk.\n');
  });

  test('files that are planned and not published are named, with the mend', async () => {
    const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
    configure('', 'count > 0');
    write('input/a.csv', `${header}c,m,1\n`);
    await tallyho(['run', '--once'], { cwd: folder, env });
    const [name = ''] = readdirSync(join(folder, 'output'));
    rmSync(join(folder, 'output'), { recursive: true });
    rmSync(join(folder, '.tallyho'), { recursive: true });
    // A file where the folder would be.
    write(`output/${name}`, '');
    expect((await tallyho(['run', '--once'], { cwd: folder, env })).stderr).toContain('error [SINK_UNWRITABLE]');
    expect((await run('status')).stdout).toMatch(/Wants a look:\n {2}2 files are planned and not published: start `tallyho run`/);
    rmSync(join(folder, 'output', name));
    await run('run', '--once');
    expect((await run('status')).stdout).not.toContain('Wants a look');
  });
});
