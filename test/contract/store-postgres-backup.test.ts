/** Backups of a state in PostgreSQL: all of it, of one moment, back whole or not at all. */
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readBackupFile } from '../../src/store/backup/backup-file.ts';
import { BackupReader, type RowCounts } from '../../src/store/backup/format.ts';
import { migrations } from '../../src/store/migrations/migrations.ts';
import { exportState } from '../../src/store/postgres/export-state.ts';
import { importState } from '../../src/store/postgres/import-state.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { ledgerTables } from '../../src/store/postgres/state-tables.ts';
import type { Store } from '../../src/store/store.ts';
import { all, oddTexts, someRows } from '../helpers/store-contract.ts';
import { commitRows, freshDetector, makeEntry, makeSample, type SampleRow, totalsOf } from '../helpers/store-samples.ts';
import { describeSchema } from '../helpers/store-schema.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const pipeline = 'backed up';
const sample = makeSample();
const rowsOf = (seed: number): SampleRow[] => someRows(60, seed);
const missing = missingServer(14);

let newest: TestServer;
let oldest: TestServer;
beforeAll(async () => {
  newest = await startTestServer();
  oldest = missing === undefined ? await startTestServer({ major: 14 }) : newest;
});
afterAll(async () => {
  await newest?.close();
  if (oldest !== newest) await oldest?.close();
});

const opened: Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});
async function open(url: string): Promise<Store> {
  const store = await openPostgresStore({ connection: { url }, pipeline });
  opened.push(store);
  return store;
}

async function exported(url: string, onPiece: () => Promise<void> = async () => {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const write = async (bytes: Uint8Array): Promise<void> => {
    pieces.push(Uint8Array.from(bytes));
    await onPiece();
  };
  expect(await exportState({ connection: { url }, pipeline, release: '1', now: new Date(0), write, rowsAtOnce: 7 })).not.toBeNull();
  return Buffer.concat(pieces);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield await Promise.resolve(bytes.subarray(at, at + 10_000));
}

async function imported(url: string, bytes: Buffer, replace = false): Promise<RowCounts> {
  return importState({ connection: { url }, pipeline, backup: await BackupReader.open(pieces(bytes)), replace });
}

/** Two folded chunks, one that is not, a quarantined one with odd rows, files published and not. */
async function fill(url: string): Promise<Store> {
  const store = await open(url);
  const writer = await store.claim({ waitMs: 0 });
  const detector = freshDetector(sample);
  await writer.setBasis({ layout: sample.layout, input: sample.input });
  await commitRows(sample, writer, detector, [rowsOf(1), rowsOf(2)]);
  await writer.fold(detector.takeFold(), 2);
  await commitRows(sample, writer, detector, [rowsOf(3)], 2);
  const rejected = oddTexts.map((text, i) => ({
    object: `odd ${i}`,
    line: i + 1,
    reason: 'bad_amount' as const,
    raw: Buffer.from(`${text}\t\\\0\r\n`),
    length: 9,
    sha256: i % 2 === 0 ? null : 'ab',
  }));
  const odd = makeEntry(
    { key: 'tab\\t\\N.csv', rows: rejected.length, quarantined: rejected.length, detail: 'a\tb\\.\nc\\N' },
    { rejected },
  );
  await writer.commit({ from: 3, to: 3, entries: [odd], sameContent: [] });
  const files = await writer.pendingFiles(null, 100);
  expect(files.length).toBeGreaterThan(1);
  await writer.markPublished(files.slice(0, 1).map(({ key }) => key));
  await writer.release();
  return store;
}

async function contents(store: Store): Promise<unknown> {
  const detector = freshDetector(sample);
  await store.load(detector);
  const row = await store.pipeline();
  return {
    ledger: await all(store.chunks()),
    rejected: await all(store.rejected()),
    detections: await all(store.detections()),
    totals: sample.layout.grains.map((_, grain) => totalsOf(detector, grain)),
    files: await store.files(),
    row: row === null ? null : { ...row, epoch: 0, held: false },
  };
}

test('holds every table of the schema but the record of its steps', async () => {
  const url = await newest.createDatabase();
  const store = await open(url);
  await (await store.claim({ waitMs: 0 })).release();
  const admin = postgres(url, { max: 1 });
  try {
    const tables = await admin<
      { name: string }[]
    >`select table_name as name from information_schema.tables where table_schema = ${pipeline}`;
    expect(tables.map(({ name }) => name).sort()).toEqual([...ledgerTables, 'migration'].sort());
  } finally {
    await admin.end();
  }
});

describe.skipIf(missing !== undefined)(`between PostgreSQL 18 and 14${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('goes there and back: the same state, schema and bytes, and it goes on', async () => {
    const [first, second, third] = [await newest.createDatabase(), await oldest.createDatabase(), await newest.createDatabase()];
    const store = await fill(first);
    const before = await contents(store);
    const bytes = await exported(first);
    await imported(second, bytes);
    const again = await exported(second);
    await imported(third, again);
    const back = await open(third);
    expect(await contents(back)).toEqual(before);
    expect(await contents(await open(second))).toEqual(before);

    const schemaOf = async (url: string): Promise<string> => {
      const admin = postgres(url, { max: 1 });
      try {
        return await describeSchema(admin, `"${pipeline}"`);
      } finally {
        await admin.end();
      }
    };
    expect(await schemaOf(third)).toBe(await schemaOf(first));

    // Both go on: fold what was not folded, and take one more chunk.
    const pending: unknown[] = [];
    for (const one of [store, back]) {
      const writer = await one.claim({ waitMs: 0 });
      const detector = freshDetector(sample);
      await writer.load(detector);
      pending.push(await writer.pendingFiles(null, 100));
      await commitRows(sample, writer, detector, [rowsOf(4)], 3);
      await writer.fold(detector.takeFold(), 4);
      await writer.release();
    }
    expect(pending[1]).toEqual(pending[0]);
    expect(await contents(back)).toEqual(await contents(store));
  });
});

describe('an export', () => {
  test('is of one moment, whatever is committed and folded meanwhile', async () => {
    const url = await newest.createDatabase();
    const store = await fill(url);
    const before = await contents(store);
    const writer = await store.claim({ waitMs: 0 });
    const detector = freshDetector(sample);
    await writer.load(detector);
    let done = false;
    const bytes = await exported(url, async () => {
      if (done) return;
      done = true;
      await commitRows(sample, writer, detector, [rowsOf(4)], 3);
      await writer.fold(detector.takeFold(), 4);
    });
    await writer.release();
    expect(done).toBe(true);
    const other = await newest.createDatabase();
    await imported(other, bytes);
    expect(await contents(await open(other))).toEqual(before);
  });

  test('of a state that has no folded row yet, while the first rows are folded beside it', async () => {
    const url = await newest.createDatabase();
    const store = await open(url);
    const writer = await store.claim({ waitMs: 0 });
    const detector = freshDetector(sample);
    await writer.setBasis({ layout: sample.layout, input: sample.input });
    await commitRows(sample, writer, detector, [rowsOf(1)]);
    const before = await contents(store);
    let done = false;
    const bytes = await exported(url, async () => {
      if (done) return;
      done = true;
      await commitRows(sample, writer, detector, [rowsOf(2)], 1);
      // Its rows are frozen, so any snapshot sees them.
      await writer.fold(detector.takeFold(), 2);
    });
    await writer.release();
    const other = await newest.createDatabase();
    await imported(other, bytes);
    const back = await open(other);
    expect(await contents(back)).toEqual(before);
    // The first fold makes the key of its tables.
    const later = await back.claim({ waitMs: 0 });
    const loaded = freshDetector(sample);
    await later.load(loaded);
    await later.fold(loaded.takeFold(), 1);
    await later.release();
    expect(await contents(back)).toMatchObject({ totals: (before as { totals: unknown }).totals });
  });

  test('where nothing ever ran writes nothing', async () => {
    const url = await newest.createDatabase();
    const write = (): Promise<void> => Promise.reject(new Error('something was written'));
    expect(await exportState({ connection: { url }, pipeline, release: '1', now: new Date(0), write })).toBeNull();
  });
});

describe('an import', () => {
  test('needs an empty store, or to be told; the epoch goes above all that the place has seen', async () => {
    const [from, to] = [await newest.createDatabase(), await newest.createDatabase()];
    await fill(from);
    const bytes = await exported(from);
    const store = await open(to);
    // Made and never used: as good as empty.
    await (await store.claim({ waitMs: 0 })).release();
    await imported(to, bytes);
    await expect(imported(to, bytes)).rejects.toThrow(code('STATE_PRESENT'));
    for (let i = 0; i < 5; i++) await (await store.claim({ waitMs: 0 })).release();
    const epoch = (await store.pipeline())?.epoch ?? 0;
    await imported(to, bytes, true);
    expect((await store.pipeline())?.epoch).toBeGreaterThan(epoch);
  });

  test('is refused while a detector runs, and one that has lost its lease is fenced', async () => {
    const [from, to] = [await newest.createDatabase(), await newest.createDatabase()];
    await fill(from);
    const bytes = await exported(from);
    const store = await fill(to);
    const writer = await store.claim({ waitMs: 0 });
    await expect(imported(to, bytes, true)).rejects.toThrow(code('HELD'));
    const admin = postgres(to, { max: 1 });
    await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 second'`;
    await admin.end();
    await imported(to, bytes, true);
    await expect(writer.commit({ from: 3, to: 3, entries: [makeEntry({ key: 'late' })], sameContent: [] })).rejects.toThrow(code('FENCED'));
    await writer.release();
  });

  test('that fails at any place leaves all as it was', async () => {
    const [from, to, empty] = [await newest.createDatabase(), await newest.createDatabase(), await newest.createDatabase()];
    await fill(from);
    const bytes = await exported(from);
    const store = await fill(to);
    const before = await contents(store);
    for (const share of [0.3, 0.7, 0.999]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * share));
      await expect(imported(to, cut, true)).rejects.toThrow(code('BACKUP_INVALID'));
      await expect(imported(empty, cut)).rejects.toThrow(code('BACKUP_INVALID'));
    }
    const wrong = Buffer.from(bytes.toString('latin1').replace('"sha256":"', '"sha256":"0'), 'latin1');
    await expect(imported(to, wrong, true)).rejects.toThrow(code('BACKUP_INVALID'));
    expect(await contents(store)).toEqual(before);
    expect(await (await open(empty)).pipeline()).toBeNull();
  });

  test('of another pipeline, or of a newer release, is refused before anything is asked', async () => {
    const from = await newest.createDatabase();
    await fill(from);
    const bytes = await exported(from);
    const other = async (change: (text: string) => string, name = pipeline): Promise<RowCounts> =>
      importState({
        connection: { url: 'postgres://127.0.0.1:1/x' },
        pipeline: name,
        backup: await BackupReader.open(pieces(Buffer.from(change(bytes.toString('latin1')), 'latin1'))),
        replace: false,
      });
    await expect(other((text) => text, 'other')).rejects.toThrow(code('BACKUP_INVALID'));
    await expect(other((text) => text.replace('"schema":', '"schema":9'))).rejects.toThrow(code('BACKUP_INVALID'));
  });

  test('by an older release is brought up to this one, and goes on', async () => {
    const url = await newest.createDatabase();
    const file = new URL('../fixtures/backup/schema-1.gz', import.meta.url).pathname;
    const backup = await BackupReader.open(readBackupFile(file));
    expect(backup.header.schema).toBe(1);
    await importState({ connection: { url }, pipeline: 'tallyho', backup, replace: false });
    const store = await openPostgresStore({ connection: { url }, pipeline: 'tallyho' });
    opened.push(store);
    expect((await all(store.chunks())).map(({ key, outcome, sequence }) => [key, outcome, sequence])).toEqual([
      ['chunk_1.csv', 'applied', 1],
      ['chunk_2.csv', 'applied', 2],
    ]);
    const writer = await store.claim({ waitMs: 0 });
    expect(writer.pipeline).toMatchObject({ lastSequence: 2, foldedSequence: 2 });
    await writer.commit({ from: 2, to: 2, entries: [makeEntry({ key: 'later' })], sameContent: [] });
    await writer.release();
    const admin = postgres(url, { max: 1 });
    try {
      const steps = await admin<{ version: number }[]>`select version from tallyho.migration order by version`;
      expect(steps.map(({ version }) => version)).toEqual(migrations.map(({ version }) => version));
    } finally {
      await admin.end();
    }
  });
});
