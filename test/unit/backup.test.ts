import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readBackupFile, writeBackupFile } from '../../src/store/backup/backup-file.ts';
import { type BackupHeader, BackupReader, beginBackup, verifyBackup } from '../../src/store/backup/format.ts';
import { rowsAsCopy } from '../../src/store/postgres/copy-text.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const header: BackupHeader = {
  schema: 1,
  pipeline: 'p',
  release: '1',
  server: '18',
  at: '2026-11-22T07:30:00.123Z',
  lastSequence: 3,
  generation: 1,
  layout: null,
};
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

type Tables = readonly (readonly [name: string, rows: readonly (readonly (string | null)[])[]])[];

async function write(tables: Tables, to: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const backup = await beginBackup(header, to);
  for (const [table, rows] of tables) {
    await backup.begin({ table, columns: (rows[0] ?? []).map((_, i) => `c${i}`) });
    for (const row of rows) await backup.rows(rowsAsCopy([row.map((text) => (text === null ? null : Buffer.from(text)))]), 1);
    await backup.endTable();
  }
  await backup.end();
}

async function written(tables: Tables): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  await write(tables, (bytes) => Promise.resolve(void pieces.push(Uint8Array.from(bytes))));
  return Buffer.concat(pieces);
}

async function* cutAt(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(bytes: Buffer, size: number): Promise<{ tables: [string, string][]; counts: unknown }> {
  const reader = await BackupReader.open(cutAt(bytes, size));
  expect(reader.header).toMatchObject(header);
  const tables: [string, string][] = [];
  for (let next = await reader.next(); next !== null; next = await reader.next()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.rows()) pieces.push(Uint8Array.from(piece));
    tables.push([next.table, Buffer.concat(pieces).toString()]);
  }
  return { tables, counts: reader.counts };
}

const value = fc.option(
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '.', '\\.', '\\', '\\N', '\n', '\t\r', '{"table":"x"}')),
  { nil: null },
);
const anyTables = fc.uniqueArray(
  fc.tuple(fc.constantFrom('chunk', 'delta', 'detection'), fc.array(fc.tuple(value, value), { maxLength: 5 })),
  {
    selector: ([name]) => name,
  },
);

describe('a backup', () => {
  test('gives back the rows of each table, however its bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(anyTables, fc.integer({ min: 1, max: 40 }), async (tables, size) => {
        const expected = tables.map(([name, rows]) => [
          name,
          rows.map((row) => rowsAsCopy([row.map((text) => (text === null ? null : Buffer.from(text)))]).toString()).join(''),
        ]);
        expect(await read(await written(tables), size)).toEqual({
          tables: expected,
          counts: Object.fromEntries(tables.map(([name, rows]) => [name, rows.length])),
        });
      }),
      { numRuns: 200 },
    );
  });

  const some: Tables = [
    [
      'chunk',
      [
        ['1', 'a\tb\n'],
        ['2', null],
      ],
    ],
    ['delta', []],
  ];

  test('with any byte changed, taken out or cut off, or anything behind it, is refused', async () => {
    const bytes = await written(some);
    await verifyBackup(cutAt(bytes, 7), () => {});
    const refused = async (other: Buffer): Promise<void> => {
      await expect(
        verifyBackup(cutAt(other, 64), () => {}),
        JSON.stringify(other.toString()),
      ).rejects.toThrow(code('BACKUP_INVALID'));
    };
    for (let at = 0; at < bytes.length; at++) {
      await refused(bytes.subarray(0, at));
      await refused(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      await refused(flipped);
    }
    await refused(Buffer.concat([bytes, Buffer.from('\n')]));
    await refused(Buffer.concat([bytes, bytes]));
  });

  test('of another form, or none at all, is refused', async () => {
    for (const text of ['', 'x\n', '{}\n', 'null\n', '{"backup":"tallyho state","version":2}\n'])
      await expect(verifyBackup(cutAt(Buffer.from(text), 9), () => {})).rejects.toThrow(code('BACKUP_INVALID'));
  });
});

describe('its file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = makeTempFolder('backup');
    path = join(folder, 'backup.gz');
  });
  afterEach(() => removeFolder(folder));
  const rows: Tables = [['chunk', Array.from({ length: 5_000 }, (_, i) => [String(i), `value ${(i * 7919) % 10_007}`])]];
  const verify = (): Promise<unknown> => verifyBackup(readBackupFile(path), () => {});

  test('is there whole or not at all, for its owner, and not overwritten unasked', async () => {
    await expect(writeBackupFile(path, false, (to) => write(rows, to).then(() => Promise.reject(new Error('no more'))))).rejects.toThrow(
      'no more',
    );
    expect(readdirSync(folder)).toEqual([]);
    const { bytes } = await writeBackupFile(path, false, (to) => write(rows, to));
    expect(readdirSync(folder)).toEqual(['backup.gz']);
    expect(statSync(path)).toMatchObject({ size: bytes });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await verify();
    await expect(writeBackupFile(path, false, (to) => write([], to))).rejects.toThrow(code('USAGE'));
    await writeBackupFile(path, true, (to) => write([], to));
    expect(gunzipSync(readFileSync(path)).length).toBeLessThan(1_000);
  });

  test('cut, changed, with something behind it, or no gzip is refused', async () => {
    await writeBackupFile(path, false, (to) => write(rows, to));
    const whole = readFileSync(path);
    const refused = async (bytes: Uint8Array): Promise<void> => {
      writeFileSync(path, bytes);
      await expect(verify()).rejects.toThrow(code('BACKUP_INVALID'));
    };
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 60)) {
      await refused(whole.subarray(0, at));
      // The header of a gzip has bytes that mean nothing to its contents.
      if (at < 10) continue;
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      await refused(flipped);
    }
    await refused(Buffer.concat([whole, Buffer.from('x')]));
    await refused(Buffer.concat([whole, gzipSync('x')]));
    await refused(gunzipSync(whole));
  });

  test('that cannot be read or written says so', async () => {
    await expect(verify()).rejects.toThrow(code('BACKUP_UNREADABLE'));
    await expect(writeBackupFile(join(folder, 'nowhere', 'x'), false, (to) => write([], to))).rejects.toThrow(code('BACKUP_UNREADABLE'));
    mkdirSync(path);
    await expect(writeBackupFile(path, true, (to) => write([], to))).rejects.toThrow(code('BACKUP_UNREADABLE'));
    expect(readdirSync(folder)).toEqual(['backup.gz']);
  });
});
