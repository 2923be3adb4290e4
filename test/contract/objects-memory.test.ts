import { objectsContract } from '../helpers/objects-contract.ts';
import { MemoryObjects } from '../helpers/objects-memory.ts';

objectsContract('memory (of the tests)', async () => {
  const objects = new MemoryObjects(100);
  return {
    objects,
    open: () => objects,
    overwrite: async (key, bytes) => objects.set(key, bytes),
    remove: async (key) => objects.remove(key),
    close: async () => {},
  };
});
