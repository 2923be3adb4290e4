/** The contract of the store on the database of the simulation. */
import { realTime } from '../../src/pipeline/time.ts';
import type { Store } from '../../src/store/store.ts';
import { Database } from '../../simulate/store/database.ts';
import { MemoryStore } from '../../simulate/store/memory-store.ts';
import { directWire } from '../../simulate/store/wire.ts';
import { storeContract } from '../helpers/store-contract.ts';

storeContract('a store in memory (of the simulation)', undefined, async () => {
  const database = new Database(() => realTime.now());
  const stores: Store[] = [];
  return {
    async open(pipeline, options) {
      const store = new MemoryStore({ database, pipeline, wire: directWire, time: realTime, ...options });
      stores.push(store);
      return store;
    },
    expireLease: async (pipeline) => database.expireLease(pipeline),
    async close() {
      for (const store of stores) await store.close();
    },
  };
});
