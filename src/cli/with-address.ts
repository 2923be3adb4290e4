/** The address of a config's store, where its contract is not what is asked for: probes, backups. */
import type { StoreConfig } from '../config/config.ts';
import type { Address } from '../store/postgres/address.ts';
import { openPrivateServer } from '../store/private-server/private-server.ts';
import { connectionOf } from './private-store.ts';

export interface WithAddressOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

/** A private server is started if it does not run, and stays while `work` does. */
export async function withAddress<T>(store: StoreConfig, options: WithAddressOptions, work: (address: Address) => Promise<T>): Promise<T> {
  if (store.kind === 'url') return await work({ url: store.url });
  const server = await openPrivateServer({ folder: store.folder, ...options });
  try {
    return await work(connectionOf(server));
  } finally {
    await server.close();
  }
}
