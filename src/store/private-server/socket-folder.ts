/**
 * The folder of the server's socket: fresh, short, for the server's user alone (0700), under the system's temporary
 * folder. The name tells the state folder, so that folders left by killed servers are found again.
 */
import { createHash } from 'node:crypto';
import { access, constants, lstat, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { TallyhoError } from '../../core/error.ts';
import { socketPath, socketPort } from './knock.ts';
import { blockedAt } from './reach.ts';
import { giveTo, type RunAs } from './run-as.ts';
import type { StateFolder } from './state-folder.ts';

/** SERVER_START. */
export async function makeSocketFolder(folder: StateFolder, user: RunAs | undefined): Promise<string> {
  for (const temporary of temporaryFolders()) {
    if (!(await suits(temporary, user))) continue;
    const made = await mkdtemp(join(temporary, prefix(folder)));
    await giveTo(user, made);
    return made;
  }
  throw new TallyhoError('SERVER_START', `No folder for the private server's socket: tried ${temporaryFolders().join(', ')}.`, {
    mend: 'Set TMPDIR to a folder with a short path that the server can write to.',
  });
}

/** The two files of a socket, then the folder; nothing else, and nobody else's. */
export async function removeSocketFolder(path: string): Promise<void> {
  const socket = socketPath(path, socketPort);
  await rm(socket, { force: true });
  await rm(`${socket}.lock`, { force: true });
  await rmdir(path).catch(() => {});
}

/** Folders that earlier servers of this state left behind, beside the one in use. */
export async function leftSocketFolders(folder: StateFolder, inUse: string, user: RunAs | undefined): Promise<string[]> {
  const temporary = dirname(inUse);
  // The server's user, and ourselves: a start that was killed before it gave its folder away left it as ours.
  const owners = [user?.uid, process.geteuid?.()];
  const left: string[] = [];
  for (const name of await readdir(temporary)) {
    if (!name.startsWith(prefix(folder)) || name === basename(inUse)) continue;
    const found = await lstat(join(temporary, name)).catch(() => undefined);
    // In a folder for all, the name proves nothing.
    if (found?.isDirectory() === true && owners.includes(found.uid)) left.push(join(temporary, name));
  }
  return left;
}

function prefix(folder: StateFolder): string {
  return `tallyho-${createHash('sha256').update(folder.root).digest('hex').slice(0, 8)}-`;
}

function temporaryFolders(): string[] {
  return [...new Set([tmpdir(), '/tmp', '/var/tmp'])];
}

async function suits(temporary: string, user: RunAs | undefined): Promise<boolean> {
  // A socket's path has room for 103 bytes; commas and quotes have a meaning in the server's setting and in postgres.js.
  if (!/^[\w./+-]{1,55}$/.test(temporary)) return false;
  try {
    await access(temporary, constants.W_OK | constants.X_OK);
    return (await blockedAt(temporary, user)) === undefined;
  } catch {
    return false;
  }
}
