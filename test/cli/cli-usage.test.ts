/** What a person meets before anything runs: help, wrong command lines, configs that are not there or not right. */
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tallyho } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

let folder: string;
beforeAll(() => {
  folder = makeTempFolder('usage');
});
afterAll(() => removeFolder(folder));

const commands = [
  'demo',
  'init',
  'run',
  'feed',
  'generate',
  'status',
  'chunks',
  'chunks why',
  'rejected',
  'detections',
  'explain',
  'patterns',
  'patterns reset',
  'rebuild',
];

describe('help', () => {
  test('names every command', async () => {
    const { code, stdout, stderr } = await tallyho(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of commands.filter((name) => !name.includes(' '))) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  test('of every command says what it does, and shows examples that name it', async () => {
    const helps = await Promise.all(commands.map(async (command) => ({ command, ...(await tallyho([...command.split(' '), '--help'])) })));
    for (const { command, code, stdout } of helps) {
      expect(code, command).toBe(0);
      expect(stdout, command).toContain(`Usage: tallyho ${command}`);
      expect(stdout, command).toMatch(new RegExp(`Examples:\\n  tallyho ${command}`));
      expect(stdout, command).toContain('--config');
    }
  });

  test('is shown on stderr, as wrong usage, where no command is given', async () => {
    const { code, stdout, stderr } = await tallyho([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: tallyho');
  });

  test('version', async () => {
    const { stdout } = await tallyho(['--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await tallyho(['version'])).stdout).toBe(stdout);
  });
});

describe('a wrong command line ends with 2 and says', () => {
  // biome-ignore format: one case a line
  const wrong: readonly (readonly [args: string, code: string, message: string, mend: string])[] = [
    ['stauts', 'USAGE', "Unknown command 'stauts'.", 'Did you mean status?'],
    ['verify', 'UNSUPPORTED', '`tallyho verify` comes with a later release.', 'What there is: `tallyho --help`.'],
    ['run --onse', 'USAGE', "Unknown option '--onse'.", 'Did you mean --once?'],
    ['explain PatId1', 'USAGE', "Missing required argument 'values'.", 'See `tallyho explain --help`.'],
    ['chunks foo', 'USAGE', "Too many arguments for 'chunks'. Expected 0 arguments but got 1.", 'See `tallyho chunks --help`.'],
    ['generate x.csv --rows many', 'USAGE', "Option '-r, --rows <n>' argument 'many' is invalid. Give a whole number from 1 to 100000000.", 'See `tallyho generate --help`.'],
    ['feed x.csv --every 5', 'USAGE', "Option '--every <time>' argument '5' is invalid. Write it like 500ms, 1s, 5m or 0.", 'See `tallyho feed --help`.'],
    ['run --config', 'USAGE', "Option '-c, --config <file>' argument missing.", 'See `tallyho --help`.'],
    ['feed https://example.com/x.csv', 'UNSUPPORTED', 'https://example.com/x.csv cannot be fed yet: this release feeds local files.', 'Download it first, and feed the file.'],
  ];
  test.each(wrong)('%s', async (args, code, message, mend) => {
    const said = await tallyho(args.split(' '), { cwd: folder });
    expect(said).toEqual({ code: 2, stdout: '', stderr: `error [${code}]: ${message}\n  ${mend}\n` });
  });
});

describe('a config', () => {
  test('that is not there is answered with how to get one', async () => {
    const said = await tallyho(['status'], { cwd: folder });
    expect(said).toEqual({
      code: 2,
      stdout: '',
      stderr: `error [CONFIG_MISSING]: There is no tallyho.yaml in ${folder}.\n  Write one with \`tallyho init\`, or name another with --config FILE. \`tallyho demo\` needs none.\n`,
    });
  });

  test('with several faults shows them all, each with its place', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'source: { url: in, pol: 5s }\nsink: out\npatterns: ful\n');
    const said = await tallyho(['run', '--config', 'bad.yaml'], { cwd: folder });
    expect(said).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error [CONFIG_INVALID]: 2 things are wrong:\n' +
        '  bad.yaml:1:20: There is no setting "pol" in source. Did you mean "poll"?\n' +
        `  bad.yaml:3:11: patterns: "ful" is no preset, and as a file it is not there (${folder}/ful). Did you mean "full"?\n`,
    });
  });

  test('is found before and behind the command', async () => {
    mkdirSync(join(folder, 'in'), { recursive: true });
    writeFileSync(join(folder, 'good.yaml'), 'source: in\nsink: out\npatterns: sample\nweight: amount\n');
    const before = await tallyho(['--config', 'good.yaml', 'patterns', '--json'], { cwd: folder });
    const behind = await tallyho(['patterns', '--json', '-c', 'good.yaml'], { cwd: folder });
    expect(before).toEqual(behind);
    expect(JSON.parse(before.stdout)).toMatchObject([
      { id: 'PatId1', action: 'UPGRADE', entity: ['merchant', 'customer'] },
      { id: 'PatId2' },
      { id: 'PatId3' },
    ]);
  });

  // biome-ignore format: one case a line
  const refused: readonly (readonly [what: string, text: string, code: string, message: RegExp])[] = [
    ['whose sink lies in the source', 'source: in\nsink: in/out\npatterns: sample\nweight: amount', 'CONFIG_OVERLAP', /The sink \(.*\/in\/out\) lies inside the source \(.*\/in\)\./],
    ['whose state lies in the source', 'source: in\nsink: out\nstate: in/.state\npatterns: sample\nweight: amount', 'CONFIG_OVERLAP', /The state \(.*\) lies inside the source/],
    ['whose sink lies in the state', 'source: in\nsink: st/out\nstate: st\npatterns: sample\nweight: amount', 'CONFIG_OVERLAP', /The sink \(.*\) lies inside the state/],
    ['whose source is a file', 'source: good.yaml\nsink: out\npatterns: sample\nweight: amount', 'CONFIG_INVALID', /^error.*The source \/.*\/good\.yaml is a file, not a folder\.\n {2}Name a folder as source\.url in the config\.\n$/],
    ['whose sink is a file', 'source: in\nsink: good.yaml\npatterns: sample\nweight: amount', 'CONFIG_INVALID', /^error.*The sink \/.*\/good\.yaml is a file, not a folder\.\n.*sink\.url.*\n$/],
    ['whose sink lies below a file', 'source: in\nsink: good.yaml/a/b\npatterns: sample\nweight: amount', 'CONFIG_INVALID', /^error.*The sink \/.*\/a\/b cannot be: \/.*\/good\.yaml is a file, not a folder\.\n/],
    ['whose state is a file', 'source: in\nsink: out\nstate: good.yaml\npatterns: sample\nweight: amount', 'CONFIG_INVALID', /^error.*The state \/.*\/good\.yaml is a file, not a folder\.\n/],
    ['with a password inside', 'source: in\nsink: out\npatterns: sample\nstore: postgres://me:hunter2@h/db', 'CONFIG_SECRET', /^(?!.*hunter2)/s],
  ];
  test.each(refused)('%s is refused before anything is made', async (_, text, code, message) => {
    writeFileSync(join(folder, 'refused.yaml'), text);
    const said = await tallyho(['run', '--once', '--config', 'refused.yaml'], { cwd: folder });
    expect(said.code).toBe(2);
    expect(said.stderr).toContain(`error [${code}]`);
    expect(said.stderr).toMatch(message);
  });

  test('with a clock that is no instant is refused', async () => {
    const said = await tallyho(['run', '--once', '--config', 'good.yaml'], { cwd: folder, env: { TALLYHO_CLOCK: '2026-11-22 07:30' } });
    expect(said).toMatchObject({
      code: 2,
      stderr:
        'error [CONFIG_INVALID]: TALLYHO_CLOCK is "2026-11-22 07:30", which is no instant.\n  Write it like 2026-11-22T07:30:00.123Z, or unset it.\n',
    });
  });
});

describe('before the first run', () => {
  test('reading commands say so on stderr, and give empty answers', async () => {
    for (const command of ['chunks', 'rejected', 'detections']) {
      const said = await tallyho([command, '--json', '-c', 'good.yaml'], { cwd: folder });
      expect(said).toEqual({
        code: 0,
        stdout: '[]\n',
        stderr: 'The pipeline "tallyho" of good.yaml has not run yet. Start it: `tallyho run`.\n',
      });
    }
    const status = await tallyho(['status', '--json', '-c', 'good.yaml'], { cwd: folder });
    expect(JSON.parse(status.stdout)).toMatchObject({
      pipeline: 'tallyho',
      running: false,
      holder: null,
      sequence: null,
      chunks: {},
      detections: [],
      inSource: { chunks: 0 },
    });
  });
});

const isRoot = process.geteuid?.() === 0;

// root may read everything, so it takes another user to be refused.
test.runIf(isRoot)('a state folder that may not be read is no pipeline that has not run', async () => {
  const place = makeTempFolder('unreadable');
  try {
    mkdirSync(join(place, 'in'));
    mkdirSync(join(place, '.tallyho/postgres/data'), { recursive: true });
    chmodSync(join(place, '.tallyho'), 0o700);
    writeFileSync(join(place, 'tallyho.yaml'), 'source: in\nsink: out\npatterns: sample\nweight: amount\n');
    for (const args of [
      ['status'],
      ['chunks', '--json'],
      ['detections', '--json'],
      ['explain', 'PatId2', 'c'],
      ['patterns', 'reset', 'PatId2'],
    ]) {
      const said = spawnSync(process.execPath, [entry, ...args], {
        uid: 1234,
        gid: 1234,
        cwd: place,
        encoding: 'utf8',
      });
      expect([said.status, said.stdout], args.join(' ')).toEqual([2, '']);
      expect(said.stderr).toContain(`error [STATE_UNREACHABLE]: The state folder ${join(place, '.tallyho')} cannot be read (EACCES).`);
    }
  } finally {
    removeFolder(place);
  }
});

test('a state that is a file is told by reading commands too', async () => {
  writeFileSync(join(folder, 'state-file.yaml'), 'source: in\nsink: out\nstate: state-file.yaml\npatterns: sample\nweight: amount');
  const said = await tallyho(['chunks', '-c', 'state-file.yaml'], { cwd: folder });
  expect([said.code, said.stdout]).toEqual([2, '']);
  expect(said.stderr).toContain('state-file.yaml is a file, not a folder.');
});

test.runIf(existsSync('/dev/full'))('a stdout that is full is told as what it is', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const said = spawnSync(process.execPath, [entry, '--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    expect([said.status, said.stderr]).toEqual([1, 'error: cannot write to stdout: no space left\n']);
  } finally {
    closeSync(full);
  }
});
