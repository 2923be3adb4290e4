/** Removes what killed starts left half done. Under the lock, when the server runs, so that nobody waits for it. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnfinishedDoor } from './door.ts';
import { isUnfinishedLock } from './database-lock.ts';
import { isUnfinishedData } from './make-data.ts';
import type { RunAs } from './run-as.ts';
import { leftSocketFolders, removeSocketFolder } from './socket-folder.ts';
import type { StateFolder } from './state-folder.ts';

/** `socketFolder` is the one in use; empty where there is none. */
export async function sweep(folder: StateFolder, socketFolder: string, user: RunAs | undefined): Promise<void> {
  for (const name of await readdir(folder.root)) {
    if (isUnfinishedData(name) || isUnfinishedLock(name) || isUnfinishedDoor(name)) {
      await rm(join(folder.root, name), { recursive: true, force: true, maxRetries: 3 });
    }
  }
  if (socketFolder === '') return;
  for (const left of await leftSocketFolders(folder, socketFolder, user)) await removeSocketFolder(left);
}
