/**
 * Can another user reach a path? Asked before the server is started as that user, so that the answer is a sentence with
 * a mend and not "Permission denied" from somewhere inside PostgreSQL.
 *
 * Reads the permission bits of each folder on the way (no process can ask the system in another user's name). Access
 * lists beyond the bits are not seen.
 */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RunAs } from './run-as.ts';

/** The first folder on the way (from the root) that the user cannot pass; undefined when all that exist can be passed. */
export async function blockedAt(path: string, user: RunAs | undefined): Promise<string | undefined> {
  if (user === undefined) return undefined;
  for (const folder of waysTo(path)) {
    const found = await stat(folder).catch(() => undefined);
    if (found === undefined) return undefined;
    if (!permits(found, user, 0o1)) return folder;
  }
  return undefined;
}

/** Whether the user may do what `bits` ask (4 read, 2 write, 1 pass or run). */
export function permits(file: { readonly mode: number; readonly uid: number; readonly gid: number }, user: RunAs, bits: number): boolean {
  const shift = file.uid === user.uid ? 6 : file.gid === user.gid ? 3 : 0;
  return ((file.mode >> shift) & bits) === bits;
}

/** All folders from the root down to the path itself. */
function waysTo(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...waysTo(parent), path];
}
