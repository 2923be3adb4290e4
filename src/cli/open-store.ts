/** The store of a config: a PostgreSQL by its URL, or the private one. */
import { stat } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { TallyhoError } from '../core/error.ts';
import { openPostgresStore } from '../store/postgres/postgres-store.ts';
import { stateFolderAt } from '../store/private-server/state-folder.ts';
import type { Store, StoreReader } from '../store/store.ts';
import { assertFolder } from './assert-folders.ts';
import { makePrivateStore } from './private-store.ts';

export interface OpenStoreOptions {
  readonly readOnly: boolean;
  readonly onProgress: (text: string) => void;
  /** The private server is on its way, and nothing can be done but wait. */
  readonly onWaiting?: () => void;
  readonly takeOver?: boolean;
  readonly signal: AbortSignal | undefined;
}

/** With a URL it connects at once; the private server waits for the first call. */
export async function openStore({ store, pipeline }: Config, options: OpenStoreOptions): Promise<Store> {
  const { keepDeltas } = store;
  if (store.kind === 'url') return openPostgresStore({ connection: { url: store.url }, pipeline, keepDeltas, readOnly: options.readOnly });
  return makePrivateStore({ folder: store.folder, pipeline, keepDeltas, ...options });
}

/** To read only. null: no private state was ever made, and looking for one must not make it. */
export async function openReader(config: Config): Promise<(StoreReader & Pick<Store, 'close' | 'describe'>) | null> {
  if (config.store.kind === 'private' && !(await hasState(config.store.folder))) return null;
  return openStore(config, { readOnly: true, onProgress: () => undefined, signal: undefined });
}

/** A folder that may not be looked into is no missing one: to say that nothing has run would be false. STATE_UNREACHABLE. */
export async function hasState(folder: string): Promise<boolean> {
  await assertFolder('state', folder, 'state');
  try {
    await stat(stateFolderAt(folder).data);
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    throw new TallyhoError('STATE_UNREACHABLE', `The state folder ${folder} cannot be read (${code ?? 'unknown error'}).`, {
      mend: 'Run as the user who made this state, or give another folder as `state`.',
      cause,
    });
  }
}
