/**
 * A DuckDB in memory that can read one folder of ours and nothing else (PROTOCOL.md 2.4): no other files, no extensions,
 * its settings locked. Files in the folder have names that we make. Imported when first needed: the import costs more
 * than reading a chunk.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

const prefix = 'tallyho-parquet-';
const day = 24 * 60 * 60 * 1000;

export class ParquetFolder {
  readonly folder: string;
  readonly #instance: DuckDBInstance;
  #files = 0;

  private constructor(folder: string, instance: DuckDBInstance) {
    this.folder = folder;
    this.#instance = instance;
  }

  /** Makes a folder of its own inside `parent` (default: the system's for temporary files). */
  static async make(parent: string | undefined): Promise<ParquetFolder> {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    if (parent !== undefined) await mkdir(parent, { recursive: true });
    await sweep(parent ?? tmpdir());
    const folder = await mkdtemp(join(parent ?? tmpdir(), prefix));
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '2',
      memory_limit: '1GiB',
      temp_directory: '',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
    });
    const connection = await instance.connect();
    await connection.run(`set allowed_directories = [${literal(folder)}]`);
    await connection.run('set enable_external_access = false');
    await connection.run('set lock_configuration = true');
    connection.closeSync();
    return new ParquetFolder(folder, instance);
  }

  /** A connection of one's own: each has one stream at a time, and its own temporary tables. */
  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  /** A path for a new file. */
  async path(): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    return join(this.folder, `part-${++this.#files}-${randomBytes(4).toString('hex')}.parquet`);
  }

  async close(): Promise<void> {
    this.#instance.closeSync();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Removes what killed processes left behind: folders of our name that nothing was written to for a day. One that an idle
 * engine still holds is made again when it is needed.
 */
async function sweep(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix) && name.length === prefix.length + 6);
  for (const folder of names.map((name) => join(parent, name))) {
    try {
      if ((await stat(folder)).mtimeMs < Date.now() - day) await rm(folder, { recursive: true, force: true });
    } catch {
      // Another's, or gone: nothing of ours to clean.
    }
  }
}

/** A text as SQL; only our own paths are written so. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
