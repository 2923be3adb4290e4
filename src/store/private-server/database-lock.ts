/**
 * The lock of a state folder where there is no flock(2) program: DuckDB, which we ship anyway, takes one (fcntl,
 * LockFileEx) on each database that it opens, so the lock is a small database that is never written. Only the bindings
 * are loaded, and only here.
 *
 * An fcntl lock ends when its process closes *any* descriptor of the file. So the holder must never open the lock file
 * by another way; stat is fine.
 *
 * The file comes into being whole, by link: a start killed in between must not leave half a database behind, which
 * would block the folder for ever.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, constants, link, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Lock } from './lock.ts';

/** The three calls that we need of @duckdb/node-bindings. */
interface Bindings {
  create_config(): unknown;
  set_config(config: unknown, name: string, value: string): void;
  open(path: string, config: unknown): Promise<unknown>;
  close_sync(database: unknown): void;
}

/**
 * Undefined when another process holds it, `onBusy` being told the reason. DuckDB gives no code for that, so every
 * failure to open counts as held: the safe side, and the caller's patience is limited.
 */
export async function tryDatabaseLock(file: string, onBusy: (why: string) => void): Promise<Lock | undefined> {
  const duckdb = loadBindings();
  await makeLockFile(duckdb, file);
  let database: unknown;
  try {
    database = await openDatabase(duckdb, file);
  } catch (error) {
    onBusy(error instanceof Error ? error.message : String(error));
    return undefined;
  }
  const locked = await stat(file, { bigint: true }).catch(() => undefined);
  return {
    descriptor: null,
    intact: async () => {
      const now = await stat(file, { bigint: true }).catch(() => undefined);
      return now !== undefined && now.ino === locked?.ino;
    },
    release: () => duckdb.close_sync(database),
  };
}

async function makeLockFile(duckdb: Bindings, file: string): Promise<void> {
  while (!(await exists(file))) {
    const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
    duckdb.close_sync(await openDatabase(duckdb, fresh));
    try {
      await link(fresh, file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EEXIST: another process was first. ENOENT: and it has already swept our fresh file away.
      if (code !== 'EEXIST' && code !== 'ENOENT') await copyFile(fresh, file, constants.COPYFILE_EXCL).catch(ignoreExisting);
    } finally {
      await rm(fresh, { force: true });
    }
  }
}

/** Names of lock files that were never linked: a start was killed in between. */
export function isUnfinishedLock(name: string): boolean {
  return name.startsWith('server.lock.new-');
}

function openDatabase(duckdb: Bindings, file: string): Promise<unknown> {
  const config = duckdb.create_config();
  duckdb.set_config(config, 'threads', '1');
  duckdb.set_config(config, 'autoload_known_extensions', 'false');
  return duckdb.open(file, config);
}

function loadBindings(): Bindings {
  // Through node-api, whose dependency they are: a strict package manager shows them to nobody else.
  const nodeApi = createRequire(import.meta.url).resolve('@duckdb/node-api');
  return createRequire(nodeApi)('@duckdb/node-bindings') as Bindings;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
