/** The contract of objects on the bucket of the simulation. */
import { Bucket } from '../../simulate/bucket/bucket.ts';
import { BucketObjects, directPort } from '../../simulate/bucket/bucket-objects.ts';
import { objectsContract } from '../helpers/objects-contract.ts';

objectsContract('a bucket in memory (of the simulation)', async () => {
  const bucket = new Bucket();
  const open = (): BucketObjects => new BucketObjects({ bucket, port: directPort(() => 0) });
  return {
    objects: open(),
    open,
    overwrite: async (key, bytes) => bucket.write(key, bytes, 0),
    remove: async (key) => bucket.write(key, null, 0),
    close: async () => {},
  };
});
