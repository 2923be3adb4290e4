/**
 * Makes the data folder and the password of its role: in a temporary folder that is renamed when whole. So a start that
 * is killed at any moment leaves either nothing or all; what it leaves half done is swept by the next (sweep.ts).
 *
 * Text is compared by code points everywhere (collation builtin C.UTF-8), independent of the machine's locales.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TallyhoError } from '../../core/error.ts';
import type { Binaries } from './binaries.ts';
import { role } from './knock.ts';
import { giveTo, type RunAs } from './run-as.ts';
import type { StateFolder } from './state-folder.ts';

const freshPrefix = 'postgres.new-';

export async function hasData(folder: StateFolder): Promise<boolean> {
  return (await stat(folder.postgres).catch(() => undefined)) !== undefined;
}

/** Under the lock. SERVER_START, SERVER_BINARIES. */
export async function makeData(folder: StateFolder, binaries: Binaries, user: RunAs | undefined): Promise<void> {
  const fresh = await mkdtemp(join(folder.root, freshPrefix));
  try {
    const password = join(fresh, 'password');
    await writeFile(password, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flush: true });
    await giveTo(user, password);
    await giveTo(user, fresh);
    await initdb(binaries, join(fresh, 'data'), password, user);
    await syncFolder(fresh);
    await rename(fresh, folder.postgres);
    await syncFolder(folder.root);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

export function isUnfinishedData(name: string): boolean {
  return name.startsWith(freshPrefix);
}

async function initdb(binaries: Binaries, data: string, passwordFile: string, user: RunAs | undefined): Promise<void> {
  if (user === undefined) requireName();
  // Iterations slow the guessing of passwords that people choose; ours is random, and each connection would pay for them.
  const scram = ['-A', 'scram-sha-256', '-c', 'scram_iterations=1'];
  const args = ['-D', data, '-U', role, ...scram, `--pwfile=${passwordFile}`, '-E', 'UTF8'];
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions');
  try {
    await promisify(execFile)(binaries.initdb, args, { ...serverSpawn(user), windowsHide: true });
  } catch (cause) {
    const { stderr, message, code } = cause as Error & { stderr?: string; code?: string | number };
    // 127: a library is missing. ENOENT, though the program is there: its loader is.
    if (code === 127 || code === 'ENOENT' || code === 'ENOEXEC') throw cannotRun(binaries, cause);
    throw new TallyhoError('SERVER_START', `The private PostgreSQL cannot be set up in ${data}: ${(stderr || message).trim()}`, {
      mend: 'Mend what it names (often a full disk), or give another folder as `state`; nothing of the attempt was kept.',
      cause,
    });
  }
}

/** initdb wants a name for its user, and containers are often run under a bare number. */
function requireName(): void {
  try {
    userInfo();
  } catch (cause) {
    throw new TallyhoError(
      'SERVER_START',
      `The private PostgreSQL cannot be set up: user id ${process.geteuid?.()} has no name on this system.`,
      {
        mend: 'Add a line for it to /etc/passwd (in a container: run as a user of the image), or give a PostgreSQL as `store.url`.',
        cause,
      },
    );
  }
}

function cannotRun(binaries: Binaries, cause: unknown): TallyhoError {
  return new TallyhoError('SERVER_BINARIES', `PostgreSQL's program ${binaries.initdb} does not run on this system.`, {
    mend: 'It needs glibc (Alpine Linux has another libc): use another system, or give a PostgreSQL as `store.url`.',
    cause,
  });
}

/** How every program of PostgreSQL is spawned: as the server's user, with none of our caller's environment. */
export function serverSpawn(user: RunAs | undefined): { uid?: number; gid?: number; cwd: string; env?: NodeJS.ProcessEnv } {
  // Windows' programs need SystemRoot and more of theirs.
  const env = process.platform === 'win32' ? {} : { env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' } };
  return { ...user, cwd: process.platform === 'win32' ? process.cwd() : '/', ...env };
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
