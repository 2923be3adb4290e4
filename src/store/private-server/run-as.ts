/**
 * As whom the server runs. PostgreSQL refuses to run as root, so root starts it as another user and gives that user
 * what belongs to the server; anyone else starts it as himself.
 *
 * Root takes the user who already has the data, else the one who has the state folder (`sudo` once must not lock a user
 * out of his own state), else nobody.
 */
import { chown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateFolder } from './state-folder.ts';

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const nobody: RunAs = { uid: 65534, gid: 65534 };

/** Undefined: as ourselves. */
export async function runAs(folder: StateFolder): Promise<RunAs | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  for (const path of [folder.data, folder.root]) {
    const owner = await lstat(path).catch(() => undefined);
    if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  }
  return nobody;
}

/** Gives a file or folder to the server's user. */
export async function giveTo(user: RunAs | undefined, path: string): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Gives a whole tree, unless its top already belongs to the user (a tree that root copied back from a backup). */
export async function giveTreeTo(user: RunAs | undefined, path: string): Promise<void> {
  if (user === undefined || (await lstat(path)).uid === user.uid) return;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    const inside = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) await chown(inside, user.uid, user.gid);
  }
  // The top last: it tells that all below is done.
  await chown(path, user.uid, user.gid);
}
