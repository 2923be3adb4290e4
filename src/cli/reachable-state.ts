/**
 * Where the private state can lie. PostgreSQL does not run as root: root's server runs as another user, who must be able to
 * reach the folder (PROTOCOL.md 5.2).
 */
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { blockedAt } from '../store/private-server/reach.ts';
import { runAs } from '../store/private-server/run-as.ts';
import { stateFolderAt } from '../store/private-server/state-folder.ts';

export async function isReachableState(folder: string): Promise<boolean> {
  const state = stateFolderAt(resolve(folder));
  return (await blockedAt(state.root, await runAs(state))) === undefined;
}

/** null where the default, .tallyho/ beside the config, will do. Two folders of one name do not share their state. */
export async function stateFor(folder: string): Promise<string | null> {
  if (await isReachableState(join(folder, '.tallyho'))) return null;
  const hash = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 6);
  return `/var/lib/tallyho/${basename(folder) || 'root'}-${hash}`;
}
