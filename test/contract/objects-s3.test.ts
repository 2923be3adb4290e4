import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { makeS3Objects } from '../../src/objects/s3/s3-objects.ts';
import { objectsContract } from '../helpers/objects-contract.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';

const missing = s3ServerMissing();

describe('S3', () => {
  let server: S3Server;
  beforeAll(async () => {
    if (missing === undefined) server = await startS3Server();
  });
  afterAll(() => server?.close());
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  for (const prefix of ['', 'a prefix/é+&/']) {
    objectsContract(`s3, prefix ${JSON.stringify(prefix)}`, async () => {
      const bucket = await server.makeBucket();
      const opened: { close(): Promise<void> }[] = [];
      const open = () => {
        const objects = makeS3Objects({ bucket, prefix, settings: server.settings, code: 'SOURCE_UNREADABLE' });
        opened.push(objects);
        return objects;
      };
      return {
        objects: open(),
        open,
        overwrite: (key, bytes) => server.overwrite(bucket, prefix + key, bytes),
        remove: (key) => server.remove(bucket, prefix + key),
        close: async () => {
          for (const objects of opened) await objects.close();
        },
      };
    });
  }
});
