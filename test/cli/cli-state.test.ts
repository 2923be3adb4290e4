/** `tallyho state`: a backup brought back goes on as if nothing had happened, wherever it is brought back to. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTallyho } from '../helpers/cli-process.ts';
import { bankSimChunks, writeChunks } from '../helpers/banksim-chunks.ts';
import { readTree, type Said, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer, testServerMissing } from '../helpers/test-server.ts';

const clock = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
const chunks = 16;

let folder: string;
beforeEach(() => {
  folder = makeTempFolder('state');
});
afterEach(() => removeFolder(folder));

const configure = (...more: readonly string[]): void =>
  writeFileSync(
    join(folder, 'tallyho.yaml'),
    `${['source: { url: ./input, settle: 0 }', 'sink: ./output', 'weight: amount', 'patterns: sample', ...more].join('\n')}\n`,
  );
const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Said> =>
  tallyho(args, { cwd: folder, env: { ...clock, ...env } });
async function well(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  const said = await run(args, env);
  expect(said.code, said.stderr).toBe(0);
  return said;
}

/** All chunks lie in `all`; the source gets the first so many of them. */
function show(count: number): void {
  mkdirSync(join(folder, 'input'), { recursive: true });
  for (let i = 0; i < count; i++) {
    const name = `chunk_${i}.csv`;
    if (!existsSync(join(folder, 'input', name)))
      cpSync(join(folder, 'all', name), join(folder, 'input', name), { preserveTimestamps: true });
  }
}

function makeChunks(): void {
  writeChunks(join(folder, 'all'), bankSimChunks({ seed: 7, rows: 8_000, chunkRows: 500 }));
  // One with a bad row, and one that is there already under another name.
  writeFileSync(join(folder, 'all', 'chunk_3.csv'), `${readFileSync(join(folder, 'all', 'chunk_3.csv'), 'utf8')}1,2\n`);
  cpSync(join(folder, 'all', 'chunk_1.csv'), join(folder, 'all', 'chunk_5.csv'));
}

const missing = testServerMissing(14);

describe.skipIf(missing !== undefined)(`through every kind of store${missing === undefined ? '' : ` (${missing})`}`, () => {
  let newest: TestServer;
  let oldest: TestServer;
  beforeAll(async () => {
    [newest, oldest] = [await startTestServer(), await startTestServer({ major: 14 })];
  });
  afterAll(async () => {
    await newest?.close();
    await oldest?.close();
  });

  test('PROTOCOL 5.3: private, PostgreSQL 14, 18 and another private one by turns: the same bytes as one run without an interruption', async () => {
    makeChunks();
    configure();
    show(chunks);
    await well(['run', '--once']);
    const tell = async (env: Record<string, string>): Promise<unknown> => [
      await tallyhoJson(['chunks'], { cwd: folder, env }),
      await tallyhoJson(['rejected'], { cwd: folder, env }),
      await tallyhoJson(['detections'], { cwd: folder, env }),
    ];
    const expected = await tell({});
    const output = readTree(join(folder, 'output'));
    expect(output.size).toBeGreaterThan(6);
    rmSync(join(folder, 'output'), { recursive: true });
    rmSync(join(folder, 'input'), { recursive: true });

    const places: readonly { readonly config: readonly string[]; readonly env: Record<string, string> }[] = [
      { config: ['state: ./first'], env: {} },
      { config: ['store: ${STORE}'], env: { STORE: await oldest.createDatabase() } },
      { config: ['store: ${STORE}'], env: { STORE: await newest.createDatabase() } },
      { config: ['state: ./second'], env: {} },
    ];
    for (const [i, { config, env }] of places.entries()) {
      configure(...config);
      if (i > 0) await well(['state', 'import', `backup-${i - 1}.gz`], env);
      show(((i + 1) * chunks) / places.length);
      await well(['run', '--once'], env);
      await well(['state', 'export', `backup-${i}.gz`], env);
    }
    expect([...readTree(join(folder, 'output'))]).toEqual([...output]);
    expect(await tell({})).toEqual(expected);
    // All was there already: nothing is applied twice.
    expect((await well(['run', '--once'])).stdout).toMatch(/^Nothing new /);
  });
});

describe('a backup', () => {
  test('of a state whose detector was killed while it published brings the files that are still to be published', async () => {
    makeChunks();
    configure();
    show(chunks);
    const child = startTallyho(['run', '--once', '--commit-chunks', '1'], { cwd: folder, env: clock });
    while (!existsSync(join(folder, 'output'))) await new Promise((done) => setTimeout(done, 5));
    child.child.kill('SIGKILL');
    await child.ended;
    await well(['state', 'export', 'backup.gz']);
    renameSync(join(folder, '.tallyho'), join(folder, 'old'));
    await well(['state', 'import', 'backup.gz']);
    await well(['run', '--once']);
    const interrupted = readTree(join(folder, 'output'));

    rmSync(join(folder, 'output'), { recursive: true });
    configure('state: ./other');
    await well(['run', '--once']);
    expect([...interrupted]).toEqual([...readTree(join(folder, 'output'))]);
  });

  test('is refused where a state is, where it was cut, and where there is nothing to back up', async () => {
    makeChunks();
    configure();
    show(2);
    expect(await run(['state', 'export', 'backup.gz'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[STATE_ABSENT]') as string,
    });
    expect(existsSync(join(folder, '.tallyho'))).toBe(false);
    await well(['run', '--once']);
    const said = await well(['state', 'export', 'backup.gz']);
    expect(said.stdout).toMatch(
      /^Wrote backup\.gz \(.+\) in .+: the pipeline tallyho as of entry 2, 2 lines in the ledger, \d+ detections?\.\n$/,
    );
    expect(await run(['state', 'export', 'backup.gz'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') as string });
    expect(await run(['state', 'import', 'backup.gz'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('[STATE_PRESENT]') as string,
    });
    // Nobody is there to ask.
    expect(await run(['state', 'import', 'backup.gz', '--replace'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes') as string,
    });

    show(4);
    await well(['run', '--once']);
    const bytes = readFileSync(join(folder, 'backup.gz'));
    writeFileSync(join(folder, 'cut.gz'), bytes.subarray(0, -9));
    expect(await run(['state', 'import', 'cut.gz', '--replace', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[BACKUP_INVALID]') as string,
    });
    const before = await tallyhoJson<unknown[]>(['chunks'], { cwd: folder });
    expect(before).toHaveLength(4);
    await well(['state', 'import', 'backup.gz', '--replace', '--yes']);
    expect(await tallyhoJson<unknown[]>(['chunks'], { cwd: folder })).toEqual(before.slice(0, 2));
    // The output is ahead of what was brought back: said, not written over.
    expect(await run(['run', '--once'])).toMatchObject({ code: 2, stderr: expect.stringContaining('tallyho run --adopt') as string });
    const output = readTree(join(folder, 'output'));
    expect(await run(['run', '--once', '--adopt'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('The output was ahead') as string,
    });
    expect(await tallyhoJson<unknown[]>(['chunks'], { cwd: folder })).toHaveLength(4);
    expect(readTree(join(folder, 'output'))).toEqual(output);
    await well(['run', '--once']);
  });

  test('is written beside a running detector, and not brought back under one', async () => {
    makeChunks();
    configure();
    show(2);
    const child = startTallyho(['run'], { cwd: folder, env: clock });
    await child.hears('Watching');
    while ((await tallyhoJson<unknown[]>(['chunks'], { cwd: folder })).length < 2) await new Promise((done) => setTimeout(done, 50));
    await well(['state', 'export', 'backup.gz']);
    expect(await run(['state', 'import', 'backup.gz', '--replace', '--yes'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('[HELD]') as string,
    });
    child.child.kill('SIGTERM');
    expect(await child.ended).toBe(0);
  });
});
