/**
 * Where the private state can lie. PostgreSQL does not run as root: root's server runs as another user, who must be able to
 * reach the folder (PROTOCOL.md 5.2).
 */
import { join, resolve } from 'node:path';
import { blockedAt } from '../store/private-server/reach.ts';
import { runAs } from '../store/private-server/run-as.ts';
import { stateFolderAt } from '../store/private-server/state-folder.ts';

export async function isReachableState(folder: string): Promise<boolean> {
  const state = stateFolderAt(resolve(folder));
  return (await blockedAt(state.root, await runAs(state))) === undefined;
}

/** null where the default, .tallyho/ beside the config, will do. */
export async function stateFor(folder: string, name: string): Promise<string | null> {
  return (await isReachableState(join(folder, '.tallyho'))) ? null : `/var/lib/tallyho/${name}`;
}
