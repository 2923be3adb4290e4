/** The contract of the store on the newest server and on the oldest that is promised. */
import postgres from 'postgres';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { storeContract, type StoreWorld } from '../helpers/store-contract.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { startTestServer } from '../helpers/test-server.ts';

for (const major of [18, 14] as const) storeContract(`a store in PostgreSQL ${major}`, missingServer(major), () => makeWorld(major));

async function makeWorld(major: 18 | 14): Promise<StoreWorld> {
  const server = await startTestServer({ major });
  const url = await server.createDatabase();
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const stores: Store[] = [];
  return {
    open: async (pipeline, options) => {
      const store = await openPostgresStore({ connection: { url }, pipeline, ...options });
      stores.push(store);
      return store;
    },
    expireLease: async (pipeline) => {
      await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 second'`;
    },
    close: async () => {
      for (const store of stores) await store.close();
      await admin.end();
      await server.close();
    },
  };
}
