/**
 * A random small data set on disk: a source folder with chunks of every kind (DESIGN.md 4 and 5), perhaps a second lot to
 * lay over it after a first run, and the config. Everything follows from the seed.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Dialect, makeDialect, writeCsv } from './csv.ts';
import { writeParquet } from './parquet.ts';
import { makePatterns, type PatternText } from './patterns.ts';
import { makeRandom, type Random } from './random.ts';
import { makeRow, makeRowSettings, type Row, type RowSettings } from './rows.ts';

export interface Dataset {
  readonly seed: number;
  readonly folder: string;
  readonly source: string;
  /** Lay over `source` before a second run; null where there is none. */
  readonly late: string | null;
  readonly config: string;
  readonly patterns: readonly PatternText[];
  readonly weight: 'none' | 'column' | 'amount' | 'reference';
  readonly maxBadRows: number;
  readonly delimiter: string;
  /** Rows of each Parquet object as text, by the SHA-256 of its bytes, for an evaluator that does not read Parquet. */
  readonly parquetRows: ReadonlyMap<string, readonly Record<string, string>[]>;
  remove(): void;
}

export async function makeDataset(seed: number): Promise<Dataset> {
  const random = makeRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), `tallyho-dataset-${seed}-`));
  const weight = random.pick(['column', 'column', 'amount', 'amount', 'reference', 'none'] as const);
  const settings = makeRowSettings(random, weight === 'column' || (weight === 'amount' && random.chance(0.3)));
  const patterns = makePatterns(random, weight);
  const delimiter = random.pick([',', ',', ',', ';', '|']);
  const maxBadRows = random.pick([50, 50, 100, 20]);
  const writer = makeWriter(random, settings, delimiter);
  const source = join(folder, 'input');
  mkdirSync(source);
  const keys: string[] = [];
  const chunks = 1 + random.below(9);
  for (let i = 0; i < chunks; i++) await writer.chunk(source, i, keys);
  writer.junk(source);
  let late: string | null = null;
  if (random.chance(0.5)) {
    late = join(folder, 'late');
    mkdirSync(late);
    for (let i = 0; i < 1 + random.below(3); i++) await writer.chunk(late, random.below(20), keys, '_late');
    await writer.change(source, late, keys);
  }
  if (weight === 'reference') writeReference(random, settings, delimiter, join(folder, 'reference.csv'));
  const config = join(folder, 'tallyho.yaml');
  writeFileSync(config, configText({ patterns, weight, delimiter, maxBadRows }));
  return {
    seed,
    folder,
    source,
    late,
    config,
    patterns,
    weight,
    maxBadRows,
    delimiter,
    parquetRows: writer.parquetRows,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function configText(set: Pick<Dataset, 'patterns' | 'weight' | 'delimiter' | 'maxBadRows'>): string {
  const lines = [
    'source:',
    '  url: ./input/',
    '  settle: 0s',
    `  csv: { delimiter: '${set.delimiter}' }`,
    `  maxBadRows: ${set.maxBadRows}%`,
    'sink: ./output/',
    'patterns:',
  ];
  for (const { id, action, entity, when } of set.patterns) {
    lines.push(`  - id: ${id}`, `    action: ${action}`, `    entity: [${entity.join(', ')}]`, '    when:');
    for (const condition of when) lines.push(`      - ${JSON.stringify(condition)}`);
  }
  if (set.weight === 'amount') lines.push('weight: amount');
  if (set.weight === 'reference') lines.push('weight: { file: ./reference.csv }');
  return `${lines.join('\n')}\n`;
}

const marker = Buffer.alloc(0);

function makeWriter(random: Random, settings: RowSettings, delimiter: string) {
  const parquetRows = new Map<string, readonly Record<string, string>[]>();
  let base: Dialect | null = null;

  const dialect = (): Dialect => {
    base = base === null || random.chance(0.4) ? makeDialect(random, settings, delimiter) : base;
    return base;
  };
  const rows = (count: number): Row[] => Array.from({ length: count }, () => makeRow(random, settings));
  const csv = (count: number): Buffer => writeCsv(random, dialect(), rows(count));
  const count = (): number => random.pick([0, 1, 1, 2, 2, 5, 20, 60]);

  function put(root: string, key: string, bytes: Uint8Array): void {
    const path = join(root, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }

  async function parquet(root: string, key: string): Promise<void> {
    const made = rows(count()).map((row) => ({ ...row.values }));
    // What a decimal column cannot hold is for CSV to test.
    for (const row of made) if (!/^[+-]?[0-9]{1,12}([.][0-9]{0,2}0*)?$/.test(row['amount'] ?? '')) row['amount'] = '1.25';
    if (settings.weights !== null)
      for (const row of made) if (!/^([+-]?[0-9]{1,12}([.][0-9]{0,2}0*)?)?$/.test(row['weight'] ?? '')) row['weight'] = '';
    mkdirSync(dirname(join(root, key)), { recursive: true });
    await writeParquet(join(root, key), made, settings.weights !== null, random.pick(['text', 'decimal', 'double'] as const));
    parquetRows.set(
      createHash('sha256')
        .update(readFileSync(join(root, key)))
        .digest('hex'),
      made,
    );
  }

  async function chunk(root: string, number: number, keys: string[], suffix = ''): Promise<void> {
    const folderName = random.pick(['', '', '', 'a/', 'a10/', 'x y/', 'é/']);
    const name = `${folderName}${random.pick(['chunk_', 'chunk_', 'c', '²'])}${random.pick(['', '0', '00'])}${number}${random.pick(['', '', '-', '_a'])}${suffix}`;
    const kind = random.below(24);
    if (kind < 8) put(root, `${name}.csv`, csv(count()));
    else if (kind < 10) put(root, `${name}.csv.gz`, gz(csv(count())));
    else if (kind < 12) await parquet(root, `${name}.parquet`);
    else if (kind < 17) await folderChunk(root, `${name}.csv`);
    else if (kind === 17) put(root, `${name}.csv`, random.pick([Buffer.alloc(0), Buffer.from('\n\r\n'), Buffer.from('\ufeff'), csv(0)]));
    else if (kind === 18)
      put(
        root,
        `${name}.csv`,
        Buffer.from(
          csv(5)
            .toString('latin1')
            .replace('merchant', random.pick(['Merchant', 'customer', ' merchant'])),
          'latin1',
        ),
      );
    else if (kind === 19) put(root, `${name}.csv`, Buffer.concat([csv(8), Buffer.from(`1${delimiter}"open${delimiter}'also\n`)]));
    else if (kind === 20) put(root, `${name}.csv.gz`, broken(gz(csv(20))));
    else if (kind === 21) put(root, `${name}.parquet`, random.pick([Buffer.from('PAR1 nothing PAR1'), Buffer.from('x')]));
    else if (kind === 22) put(root, `${name}.csv`, Buffer.from([0xff, 0xfe, 0x41]));
    else put(root, `${name}.csv`, mutate(csv(10)));
    keys.push(name);
    // The same bytes under another name.
    if (random.chance(0.12)) copyOne(root, name, random.chance(0.5) ? 'zz_copy.csv' : `dup_${number}.csv`);
  }

  function copyOne(root: string, name: string, to: string): void {
    try {
      cpSync(join(root, `${name}.csv`), join(root, to), { recursive: true, preserveTimestamps: true });
    } catch {
      // It is of another kind: nothing to copy.
    }
  }

  async function folderChunk(root: string, key: string): Promise<void> {
    const parts: string[] = [];
    for (let i = 0; i < random.below(4); i++) {
      const name = `part-${random.pick(['', '0000'])}${i}-x.csv`;
      const zipped = random.chance(0.2);
      put(root, `${key}/${name}${zipped ? '.gz' : ''}`, random.chance(0.15) ? Buffer.alloc(0) : zipped ? gz(csv(count())) : csv(count()));
      parts.push(`${name}${zipped ? '.gz' : ''}`);
    }
    if (random.chance(0.1)) {
      await parquet(root, `${key}/part-9.parquet`);
      parts.push('part-9.parquet');
    }
    put(root, `${key}/.part-0.crc`, Buffer.from('c'));
    if (random.chance(0.3)) put(root, `${key}/_temporary/0/part-00000.csv`, csv(3));
    const state = random.below(8);
    if (state < 5) put(root, `${key}/_SUCCESS`, marker);
    if (state === 5) committed(root, key, '1', parts, [], 10);
    if (state === 6) {
      // Two writes, the second of which replaced the first part; a third that was never answered, older or newer.
      committed(root, key, '1', parts, [], 30);
      committed(root, key, '2', random.chance(0.3) ? ['gone.csv'] : [], parts.slice(0, 1), 20);
      put(root, `${key}/_started_3`, marker);
      age(root, `${key}/_started_3`, random.pick([40, 5]));
      put(root, `${key}/_SUCCESS`, marker);
    }
  }

  function committed(root: string, key: string, id: string, added: readonly string[], removed: readonly string[], seconds: number): void {
    put(root, `${key}/_started_${id}`, marker);
    put(root, `${key}/_committed_${id}`, Buffer.from(JSON.stringify({ added, removed })));
    age(root, `${key}/_started_${id}`, seconds + 1);
    age(root, `${key}/_committed_${id}`, seconds);
  }

  function age(root: string, key: string, seconds: number): void {
    const time = new Date(Date.now() - seconds * 1000);
    utimesSync(join(root, key), time, time);
  }

  function gz(bytes: Buffer): Buffer {
    const cut = random.below(bytes.length + 1);
    return random.chance(0.3) ? Buffer.concat([gzipSync(bytes.subarray(0, cut)), gzipSync(bytes.subarray(cut))]) : gzipSync(bytes);
  }

  function broken(bytes: Buffer): Buffer {
    return random.chance(0.5)
      ? bytes.subarray(0, Math.max(1, bytes.length - 1 - random.below(20)))
      : Buffer.concat([bytes, Buffer.from('rest')]);
  }

  function mutate(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let i = 0; i < 1 + random.below(4); i++)
      copy[random.below(copy.length)] = random.pick([0x22, 0x27, 0x2c, 0x0a, 0x0d, 0xff, 0x00, 0x3b]);
    return copy;
  }

  return {
    parquetRows,
    chunk,
    junk(root: string): void {
      for (const name of [
        'data.json',
        'x.csv.tmp',
        '.hidden.csv',
        '_tmp.csv',
        'notes.txt',
        'a/.b/x.csv',
        '_temporary/0/part-00000.csv',
        'chunk_0.csv.crc',
      ]) {
        if (random.chance(0.2)) put(root, name, csv(2));
      }
    },
    /** Repairs or changes what is there, completes a folder, copies an applied chunk. */
    async change(root: string, late: string, keys: readonly string[]): Promise<void> {
      const name = random.pick(keys);
      if (random.chance(0.5)) put(late, `${name}.csv.gz`, gz(csv(4)));
      if (random.chance(0.5)) copyFromTo(root, `${name}.csv`, late, 'zz_late_copy.csv');
    },
  };

  function copyFromTo(root: string, from: string, to: string, name: string): void {
    try {
      cpSync(join(root, from), join(to, name), { recursive: true, preserveTimestamps: true });
    } catch {
      // Another kind.
    }
  }
}

function writeReference(random: Random, settings: RowSettings, delimiter: string, path: string): void {
  const lines = [['Source', 'Target', 'Weight', 'typeTrans', 'fraud'].join(delimiter)];
  const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;
  for (let i = 0; i < random.below(60); i++) {
    const customer = i > 20 && random.chance(0.03) ? '' : random.pick([...settings.customers, 'C-only-here']);
    // Never so many bad ones that the file is refused: that has a test of its own.
    const weight = i > 20 && random.chance(0.05) ? random.pick(['', 'abc', '1e0']) : random.pick(['1', '2.5', '-3', '0', '12.34', '7']);
    lines.push([quoted(customer), quoted(random.pick(settings.merchants)), weight, 'es_food', '0'].join(delimiter));
  }
  writeFileSync(path, `${lines.join('\n')}\n`);
}
