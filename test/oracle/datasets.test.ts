/**
 * Laws 1, 2 and 4 on random small data sets: ledger outcomes, quarantine, detections of every entry and the statistics
 * equal those of the plain evaluator (slow parser and SQL). TALLYHO_SEED replays one data set, TALLYHO_SEEDS runs more.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planLayout } from '../../src/patterns/plan.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Dataset, makeDataset } from '../helpers/dataset/make-dataset.ts';
import { type Evaluator, makeEvaluator } from '../helpers/evaluator/evaluate.ts';
import { makeOracle, type Oracle } from '../helpers/oracle/oracle.ts';
import { runOnce, testPatterns, type TestPipeline } from '../helpers/pipeline.ts';
import { slowParse, type SlowRow } from '../helpers/slow-parser/parse.ts';
import { readLedger, readStatistics } from '../helpers/store-readback.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const one = process.env['TALLYHO_SEED'];
const count = Number(process.env['TALLYHO_SEEDS'] ?? 320);
const seeds = one === undefined ? Array.from({ length: count }, (_, i) => 1000 + i) : [Number(one)];
/** Seeds a test: enough to keep the report short, few enough to name the culprit. */
const group = 20;

let server: TestServer;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
});
afterAll(() => server.close());

describe('laws 1, 2 and 4: the pipeline equals a from-scratch evaluation after every entry', () => {
  for (let i = 0; i < seeds.length; i += group) {
    const some = seeds.slice(i, i + group);
    test(`seeds ${some[0]} to ${some.at(-1)}`, async () => {
      for (const seed of some) await checkSeed(seed);
    });
  }
});

async function checkSeed(seed: number): Promise<void> {
  const dataset = await makeDataset(seed);
  const name = `seed_${seed}`;
  const store = await openPostgresStore({ connection: { url }, pipeline: name });
  try {
    await check(dataset, name, store);
  } catch (error) {
    throw new Error(`seed ${seed} (replay: TALLYHO_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    await store.close();
    dataset.remove();
  }
}

async function check(dataset: Dataset, name: string, store: Store): Promise<void> {
  const { evaluator, oracle } = await expected(dataset);
  try {
    const reference = join(dataset.folder, 'reference.csv');
    const pipeline: TestPipeline = {
      name,
      store,
      source: dataset.source,
      sink: join(dataset.folder, 'output'),
      patterns: dataset.patterns,
      weight: dataset.weight,
      ...(existsSync(reference) ? { reference } : {}),
      input: { csv: { delimiter: dataset.delimiter, quote: 'auto' }, maxBadRows: { units: BigInt(dataset.maxBadRows), digits: 0 } },
    };
    await runOnce(pipeline);
    await evaluator.run(dataset.source);
    expect(await readLedger(store)).toEqual(evaluator.ledger);
    if (dataset.late !== null) {
      layOver(dataset.late, dataset.source);
      await runOnce(pipeline);
      await evaluator.run(dataset.source);
      expect(await readLedger(store)).toEqual(evaluator.ledger);
    }
    await checkStatistics(dataset, store, oracle);
  } finally {
    await oracle.close();
  }
}

/** A copy over what is there; a folder takes the place of an object of its name, and the other way round. */
function layOver(from: string, to: string): void {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(to, relative(from, join(entry.parentPath, entry.name)));
    const there = statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && there.isDirectory() !== entry.isDirectory()) rmSync(path, { recursive: true });
  }
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
}

async function checkStatistics(dataset: Dataset, store: Store, oracle: Oracle): Promise<void> {
  const row = await store.pipeline();
  if (row === null || row.basis === null) return;
  for (const [index, grain] of row.basis.layout.grains.entries()) {
    const names = grain.dimensions.map((id) => row.basis?.layout.dimensions[id]?.name ?? '');
    expect(await readStatistics(store, testPatterns(dataset), index), `statistics of ${grain.name}`).toEqual(
      await oracle.statistics(names),
    );
  }
}

async function expected(dataset: Dataset): Promise<{ evaluator: Evaluator; oracle: Oracle }> {
  const patterns = testPatterns(dataset);
  const layout = planLayout(patterns, { scale: 2, weight: dataset.weight });
  const oracle = await makeOracle(patterns, { scale: 2, weight: layout.weight, layout });
  const reference = join(dataset.folder, 'reference.csv');
  if (layout.weight === 'reference' && existsSync(reference)) {
    const columns = { customer: 'Source', merchant: 'Target', weight: 'Weight' };
    const parsed = slowParse([{ object: 'reference.csv', bytes: readFileSync(reference) }], {
      layout,
      columns,
      csv: { delimiter: dataset.delimiter, quote: 'auto' },
      reference: true,
    });
    if (parsed.kind === 'rows') {
      const facts = parsed.rows.flatMap(({ dims, weight }) =>
        weight === null ? [] : [{ customer: dims.get('customer') ?? '', merchant: dims.get('merchant') ?? '', weight }],
      );
      await oracle.appendReference(facts);
    }
  }
  const detecting = {
    append: (rows: readonly SlowRow[]) =>
      oracle.append(rows.map(({ dims, amount, weight }) => ({ dims: Object.fromEntries(dims), amount: amount ?? 0n, weight }))),
    fresh: async () => [...(await oracle.fresh())].flatMap(([id, entities]) => entities.map((values) => [id, values] as const)),
  };
  const evaluator = makeEvaluator({
    layout,
    columns: {},
    delimiter: dataset.delimiter,
    maxBadRows: dataset.maxBadRows,
    parquetCsv: (bytes) => parquetCsv(dataset, bytes),
    oracle: detecting,
  });
  return { evaluator, oracle };
}

/** The rows of a Parquet object as CSV with every field quoted; null where the object is no Parquet. */
function parquetCsv(dataset: Dataset, bytes: Buffer): Buffer | null {
  const rows = dataset.parquetRows.get(createHash('sha256').update(bytes).digest('hex'));
  if (rows === undefined) return null;
  const names = Object.keys(rows[0] ?? { customer: '', merchant: '', gender: '', category: '', age: '', amount: '', weight: '' });
  const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;
  return Buffer.from(
    [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))].map((fields) => `${fields.map(quoted).join(',')}\n`).join(''),
  );
}
