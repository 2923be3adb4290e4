/** Parquet files for tests, written by DuckDB from a query. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { makeTempFolder, removeFolder } from './temp-folder.ts';

export async function parquetOf(query: string, options = ''): Promise<Buffer> {
  const folder = makeTempFolder('parquet-file');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const path = join(folder, 'x.parquet');
    await connection.run(`copy (${query}) to '${path}' (format parquet${options})`);
    const bytes = await readFile(path);
    await rm(path);
    return bytes;
  } finally {
    connection.closeSync();
    instance.closeSync();
    removeFolder(folder);
  }
}

/** Changes the names of columns in the footer: old and new must be of one length, and `old` stand nowhere else. */
export function renamed(parquet: Buffer, old: string, name: string): Buffer {
  const copy = Buffer.from(parquet);
  for (let at = copy.indexOf(old); at >= 0; at = copy.indexOf(old, at + old.length)) copy.write(name, at, 'utf8');
  return copy;
}
