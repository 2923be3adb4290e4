import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { TallyhoError } from '../../src/core/error.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallyho-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const env = { DATABASE_URL: 'postgres://me:hunter2@db.example/tallyho', PASSWORD: 'hunter2', SCALE: '3', EMPTY: '' };

async function load(text: string): Promise<Config> {
  const file = join(folder, 'tallyho.yaml');
  writeFileSync(file, text);
  return loadConfig(file, env);
}

/** Code, and every line that a person reads, with the file's folder left out. */
async function fault(text: string): Promise<string> {
  const error = await load(text).then(
    () => {
      throw new Error('the config is accepted');
    },
    (error: unknown) => error,
  );
  if (!(error instanceof TallyhoError)) throw error;
  const lines = [error.code, error.message, ...(error.mend === undefined ? [] : [error.mend])];
  return lines.join('\n').replaceAll(`${folder}/`, '');
}

const rest = 'sink: ./out\npatterns: full\nweight: amount\n';
const good = `source: ./in\n${rest}`;

describe('a config', () => {
  test('needs source, sink and patterns; all else has defaults', async () => {
    expect(await load(good)).toMatchObject({
      folder,
      pipeline: 'tallyho',
      source: {
        url: './in',
        location: { kind: 'file', path: join(folder, 'in') },
        pollMs: 1000,
        settleMs: 1000,
        waitForMs: 3_600_000,
        columns: {},
        csv: { delimiter: ',', quote: 'auto' },
        scale: 2,
        maxBadRows: { units: 50n, digits: 0 },
        onBadChunk: 'skip',
        onDuplicate: 'skip',
        maxChunkBytes: 8 * 2 ** 30,
      },
      sink: { location: { kind: 'file', path: join(folder, 'out') }, timeZone: 'UTC' },
      store: { kind: 'private', folder: join(folder, '.tallyho'), keepDeltas: 10_000, minFree: 256 * 2 ** 20 },
      engine: 'local',
      weight: { kind: 'amount' },
      preset: 'full',
    });
  });

  test('takes all settings in their long form', async () => {
    const config = await load(`
pipeline: banksim
source:
  url: file:./in/
  poll: 250ms
  settle: 0
  waitFor: 1.5h
  columns: { customer: cust_id, branch: filiale }
  csv: { delimiter: ";", quote: "'" }
  scale: 4
  maxBadRows: 12.5%
  onBadChunk: halt
  onDuplicate: apply
  onChanged: correct
  maxChunkBytes: 100MB
sink:
  url: /srv/out
  timeZone: Asia/Kolkata
store:
  url: \${DATABASE_URL}
  keepDeltas: 5
state: ./state
engine: local
weight: { file: ./facts.csv, columns: { customer: Source, merchant: Target, weight: Weight } }
patterns:
  - id: A
    action: CHECK
    entity: [branch, customer]
    when: [count > 3]
s3: { endpoint: "http://127.0.0.1:9000", region: us-east-1, forcePathStyle: true }
`);
    expect(config).toMatchObject({
      pipeline: 'banksim',
      source: {
        location: { path: join(folder, 'in') },
        pollMs: 250,
        settleMs: 0,
        waitForMs: 5_400_000,
        columns: { customer: 'cust_id', branch: 'filiale' },
        csv: { delimiter: ';', quote: "'" },
        scale: 4,
        maxBadRows: { units: 125n, digits: 1 },
        onBadChunk: 'halt',
        onDuplicate: 'apply',
        onChanged: 'correct',
        maxChunkBytes: 100_000_000,
      },
      sink: { location: { path: '/srv/out' }, timeZone: 'Asia/Kolkata' },
      store: { kind: 'url', url: env.DATABASE_URL, keepDeltas: 5 },
      weight: { kind: 'reference', file: { location: { path: join(folder, 'facts.csv') } }, columns: { customer: 'Source' } },
      preset: null,
      s3: { endpoint: 'http://127.0.0.1:9000', region: 'us-east-1', forcePathStyle: true, secretAccessKey: null },
    });
    expect(config.patterns.map(({ id, entity }) => [id, entity])).toEqual([['A', ['branch', 'customer']]]);
  });

  test('is frozen in depth', async () => {
    const { source, patterns } = await load(good);
    expect(Object.isFrozen(source.csv) && Object.isFrozen(patterns[0]?.conditions)).toBe(true);
  });

  test('PROTOCOL 7: takes values from the environment, which never become YAML', async () => {
    const config = await load(`source: { url: "./\${PASSWORD}: [x", scale: "\${SCALE}" }\n${rest}`);
    expect(config.source).toMatchObject({ location: { path: join(folder, 'hunter2: [x') }, scale: 3 });
    expect(await load(`${good}store: postgres://me:\${PASSWORD}@h/db`)).toMatchObject({ store: { url: 'postgres://me:hunter2@h/db' } });
  });

  test('takes patterns from a file, and says where in that file they are wrong', async () => {
    writeFileSync(join(folder, 'patterns.yaml'), '- id: X\n  action: Y\n  entity: [customer]\n  when: [count > 3]\n');
    expect((await load('source: a\nsink: b\npatterns: patterns.yaml')).patterns).toMatchObject([{ id: 'X' }]);
    writeFileSync(join(folder, 'patterns.yaml'), '- id: X\n  action: Y\n  entity: [customer]\n  when: [count >> 3]\n');
    expect(await fault('source: a\nsink: b\npatterns: ./patterns.yaml')).toBe(
      'PATTERN_INVALID\npatterns.yaml:4:16: X, condition 1: ">>" is no comparison.\nThere are < <= > >= = !=.',
    );
  });
});

describe('a config that is not there', () => {
  test('is answered with how to write one', async () => {
    await expect(loadConfig(join(folder, 'no.yaml'), env)).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: `There is no config file ${join(folder, 'no.yaml')}.`,
      mend: 'Write one with `tallyho init`, or name another with --config FILE. `tallyho demo` needs none.',
    });
  });

  test('but is a folder, is answered with the file in it', async () => {
    mkdirSync(join(folder, 'demo-1'));
    await expect(loadConfig(join(folder, 'demo-1'), env)).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      mend: `Name the file in it: --config ${join(folder, 'demo-1', 'tallyho.yaml')}.`,
    });
  });
});

// biome-ignore format: one case a line, or nearly
const faults: readonly (readonly [name: string, text: string, said: readonly string[]])[] = [
  ['an empty file', '', ['CONFIG_INVALID', 'tallyho.yaml:1:1: The config is empty.', 'Settings here: pipeline, source, sink, store, state, engine, weight, patterns, s3.']],
  ['what is missing', 'pipeline: a', ['CONFIG_INVALID',
    'tallyho.yaml:1:1: There is no source: the place where chunks arrive. Write source: ./input/, for example.',
    'tallyho.yaml:1:1: There is no sink: the place where detections go. Write sink: ./output/, for example.',
    'tallyho.yaml:1:1: There are no patterns to look for. Write patterns: full, patterns: sample, or a list of your own.']],
  ['a setting of a wrong name', `sorce: 1\n${good}`, ['CONFIG_INVALID', 'tallyho.yaml:1:1: There is no setting "sorce".', 'Did you mean "source"?']],
  ['a wrong name further in', `source: { url: in, csv: { delimeter: ";" } }\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:27: There is no setting "delimeter" in source.csv.', 'Did you mean "delimiter"?']],
  ['a name that is like no other', `${good}zoo: 1`, ['CONFIG_INVALID', 'tallyho.yaml:5:1: There is no setting "zoo".', 'Settings are: pipeline, source, sink, store, state, engine, weight, patterns, s3.']],
  ['several faults at once, in the order of the file', `source: { url: in, poll: 5, maxBadRows: 50 }\nsink: { url: out, timeZone: Asia/Calcuta }\npatterns: full\nweight: amont`, ['CONFIG_INVALID',
    'tallyho.yaml:1:26: source.poll: 5 has no unit. Write it like 500ms, 1s, 5m or 1h.',
    'tallyho.yaml:1:41: source.maxBadRows: 50 has no percent sign. Write it like 50% or 0.5%.',
    'tallyho.yaml:2:29: sink.timeZone: Asia/Calcuta is no time zone. Did you mean "Asia/Calcutta"?',
    'tallyho.yaml:4:9: weight: amont is not understood. Did you mean "amount"?']],
  ['settings and patterns together', 'source: in\nsink: out\nwieght: amount\npatterns:\n  - id: A\n    action: B\n    entity: [merchnt]\n    when: [count > 1]', ['CONFIG_INVALID',
    'tallyho.yaml:3:1: There is no setting "wieght". Did you mean "weight"?',
    'tallyho.yaml:7:14: A: There is no field "merchnt". Did you mean "merchant"? A column of another name must be named in "columns".']],
  ['a key written twice', `source: a\nsource: b\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:2:1: "source" is written twice in one place.', 'Keep one of them.']],
  ['a tab', 'source:\n\turl: x', ['CONFIG_INVALID', 'tallyho.yaml:2:1: A tab indents this line.', 'YAML wants spaces.']],
  ['a setting below a value', 'source: ./in\n  poll: 1s', ['CONFIG_INVALID', 'tallyho.yaml:1:9: What follows this value cannot belong to it.', 'Mind the indentation; quote a text that holds ": ".']],
  ['an alias of nothing', 'source: *here', ['CONFIG_INVALID', 'tallyho.yaml:1:9: Nothing is marked &here.', "Mark it above, or quote '*here' if it is text."]],
  ['a setting without a value', `source: in\nsink:\npatterns: full\nweight: amount`, ['CONFIG_INVALID', 'tallyho.yaml:2:6: sink is empty.', 'Settings here: url, timeZone.']],
  ['a misspelt preset', 'source: in\nsink: out\npatterns: ful', ['CONFIG_INVALID', 'tallyho.yaml:3:11: patterns: "ful" is no preset, and as a file it is not there (ful).', 'Did you mean "full"?']],
  ['an empty list of patterns', 'source: in\nsink: out\npatterns: []', ['CONFIG_INVALID', 'tallyho.yaml:3:11: There are no patterns in the list.', 'Write patterns: full, patterns: sample, or a list of your own.']],
  ['a pattern without its parts', 'source: in\nsink: out\npatterns:\n  - id: A\n    actoin: B\n    entity: [5]\n    when: count > 1', ['CONFIG_INVALID',
    'tallyho.yaml:4:5: pattern 1 has no action.',
    'tallyho.yaml:5:5: There is no setting "actoin" in pattern 1. Did you mean "action"?',
    'tallyho.yaml:6:14: pattern 1, entity 1: 5 is not text. Put it in quotes if it is meant. Name a field.']],
  ['a condition that YAML takes for a mapping', "source: in\nsink: out\npatterns:\n  - id: A\n    action: B\n    entity: [customer]\n    when:\n      - count(where category = x: y) > 1", ['CONFIG_INVALID', 'tallyho.yaml:8:9: pattern 1, when 1 is a mapping, not a condition.', 'Quote a condition that holds ": ".']],
  ['a pattern set that does not parse, by its place in the text', 'source: in\nsink: out\npatterns:\n  - id: A\n    action: B\n    entity: customer\n    when:\n      - "count  > x"\n      - avg(amout) > 3', ['PATTERN_INVALID',
    'tallyho.yaml:8:19: A, condition 1: "x" is no measure. Measures are count, sum, avg, distinct.',
    'tallyho.yaml:9:13: A, condition 2: avg() needs a number, and "amout" is none. Did you mean "amount"?']],
  ['a name that PostgreSQL keeps', `pipeline: public\n${good}`, ['CONFIG_INVALID', 'tallyho.yaml:1:11: pipeline: public is the schema of everyone.', 'Take another name, such as tallyho.']],
  ['a name that no schema can have', `pipeline: pg_me\n${good}`, ['CONFIG_INVALID', 'tallyho.yaml:1:11: pipeline: pg_me cannot name a schema of PostgreSQL.', 'Take 1 to 63 bytes, without control characters, that do not begin with pg_.']],
  ['the name of a schema of PostgreSQL', `pipeline: information_schema\n${good}`, ['CONFIG_INVALID', 'tallyho.yaml:1:11: pipeline: information_schema belongs to PostgreSQL.', 'Take another name, such as tallyho.']],
  ['a scale that leaves no digit', `source: { url: in, scale: 18 }\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:27: source.scale: 18 leaves no digit before the point: an amount has 18 in all.', 'Write a whole number from 0 to 17.']],
  ['a home folder', `source: ~/in\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:9: source.url: ~/in begins with ~, which only a shell understands.', 'Write ${HOME}/in.']],
  ['a place of another kind', `source: ftp://h/in\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:9: source.url: The place "ftp://h/in" cannot be used: ftp: is no kind of place known here.', 'Give a path, file: or s3://; a path with a colon is written ./ftp://h/in.']],
  ['a variable that is not set', `${good}store: \${NO_SUCH}`, ['CONFIG_ENV', 'tallyho.yaml:5:8: The environment variable NO_SUCH is not set.', 'Set it: export NO_SUCH=...']],
  ['a variable that is empty', `${good}store: \${EMPTY}`, ['CONFIG_ENV', 'tallyho.yaml:5:8: The environment variable EMPTY is empty.', 'Give it a value: export EMPTY=...']],
  ['a variable not well written', `${good}state: \${a b}`, ['CONFIG_INVALID', 'tallyho.yaml:5:8: "${a b}" names no environment variable.', 'Write ${NAME}, with letters, digits and _.']],
  ['a password in a url', `${good}store: postgres://me:secret@h/db`, ['CONFIG_SECRET', 'tallyho.yaml:5:8: store holds a password.', 'Take it from the environment: store: ${DATABASE_URL}.']],
  ['a password in the query of a url', `${good}store: { url: "postgres://h/db?user=me&password=secret" }`, ['CONFIG_SECRET', 'tallyho.yaml:5:15: store.url holds a password.', 'Take it from the environment: url: ${DATABASE_URL}.']],
  ['half of a password in a url', `${good}store: postgres://me:se\${PASSWORD}@h/db`, ['CONFIG_SECRET', 'tallyho.yaml:5:8: store holds a password.', 'Take it from the environment: store: ${DATABASE_URL}.']],
  ['a key in s3', `${good}s3: { secretAccessKey: abc }`, ['CONFIG_SECRET', 'tallyho.yaml:5:24: s3.secretAccessKey holds a secret.', 'Take it from the environment, secretAccessKey: ${AWS_SECRET_ACCESS_KEY}; or leave it out, and the usual AWS variables are used.']],
  ['a value from the environment, never repeating it', `source: { url: in, onBadChunk: "\${PASSWORD}" }\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:32: source.onBadChunk: "${PASSWORD}" is not understood.', 'Write skip or halt.']],
  ['a store of another kind', `${good}store: mysql://me:\${PASSWORD}@h/db`, ['CONFIG_INVALID', 'tallyho.yaml:5:8: store.url is no URL of a PostgreSQL database.', 'Write postgresql://user@host:5432/database, or take it from the environment: ${DATABASE_URL}.']],
  ['Spark, which comes later', `${good}engine: { spark: "sc://host:15002" }`, ['UNSUPPORTED', 'tallyho.yaml:5:9: engine cannot be Spark yet: this release reads chunks on this machine.', 'Write engine: local, or leave it out.']],
  ['what to do with a changed chunk, in another word', `source: { url: in, onChanged: replace }\n${rest}`, ['CONFIG_INVALID', 'tallyho.yaml:1:31: source.onChanged: replace is not understood.', 'Write report or correct.']],
  ['a file that is too large', `# ${'x'.repeat(2 ** 20)}`, ['CONFIG_INVALID', 'tallyho.yaml:1:1: The file is larger than 1 MiB.', 'Is it the right one?']],
  ['too many aliases', `a: &a x\n${Array.from({ length: 101 }, (_, i) => `k${i}: *a`).join('\n')}`, ['CONFIG_INVALID', 'tallyho.yaml:1:1: The file has 101 aliases (*name); at most 100 are allowed.', 'Write the values out.']],
  ['aliases that multiply', `a: &a [x,x,x,x]\n${['ab', 'bc', 'cd', 'de', 'ef'].map(([x, y]) => `${y}: &${y} [*${x},*${x},*${x},*${x},*${x}]`).join('\n')}`, ['CONFIG_INVALID', 'tallyho.yaml:1:1: The aliases (*name) of the file multiply beyond measure.', 'Write the values out.']],
];

describe('refused with file, line, column and mend:', () => {
  test.each(faults)('%s', async (_, text, said) => {
    expect(await fault(text)).toBe(said.join('\n'));
  });
});

test.each([300, 700, 5000])('%i nested lists are told as what they are', async (depth) => {
  for (const text of ['['.repeat(depth), `${'['.repeat(depth)}${']'.repeat(depth)}`, `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`])
    expect(await fault(`source: ${text}`)).toMatch(
      /^CONFIG_INVALID\ntallyho\.yaml:\d+:\d+: (The values here are nested too deeply|This is not YAML: (?!Maximum))/,
    );
  expect(await fault(`source: ${'['.repeat(depth)}${']'.repeat(depth)}`)).toContain('nested too deeply');
});

test('PROTOCOL 7: as many aliases as are allowed, and the largest scale', async () => {
  const columns = Array.from({ length: 100 }, (_, i) => `k${i}: *a`).join(', ');
  const config = await load(`source: { url: in, scale: 17, columns: { first: &a x, ${columns} } }\n${rest}`);
  expect(config.source.scale).toBe(17);
  expect(Object.keys(config.source.columns)).toHaveLength(101);
});

test('the examples load', async () => {
  const config = await loadConfig(new URL('../../examples/tallyho.yaml', import.meta.url).pathname, {});
  expect(config.patterns.map(({ id }) => id)).toEqual(['BigSpender', 'Loyal', 'TravelAtBranch']);
  expect(config.weight).toMatchObject({ kind: 'reference', columns: { weight: 'Weight' } });
});

test('a store may have several hosts, and a password with any character', async () => {
  const urls = { URL: 'postgres://me:a%40b%2Fc@one:5432,two:5433/db' };
  const file = join(folder, 'tallyho.yaml');
  writeFileSync(file, `${good}store: \${URL}`);
  expect((await loadConfig(file, urls)).store).toMatchObject({ kind: 'url', url: urls.URL });
});
