/** The bytes of a local file, unpacked where it is gzip by its first bytes (several members, too). */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { TallyhoError } from '../core/error.ts';

const blockSize = 1 << 20;

export async function* openSource(path: string): AsyncGenerator<Uint8Array> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is no regular file');
    if (await isGzip(path)) yield* unpack(path);
    else yield* createReadStream(path, { highWaterMark: blockSize }) as AsyncIterable<Buffer>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TallyhoError('SOURCE_UNREADABLE', `${path} cannot be fed: ${reason}.`, {
      mend: 'Give the path of a CSV file, plain or gzip, that this user may read.',
      cause: error,
    });
  }
}

async function isGzip(path: string): Promise<boolean> {
  const handle = await open(path);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

async function* unpack(path: string): AsyncGenerator<Uint8Array> {
  const packed = createReadStream(path, { highWaterMark: blockSize });
  const gunzip = createGunzip({ chunkSize: blockSize });
  packed.on('error', (error) => gunzip.destroy(error));
  packed.pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
    // Node drops what follows the last member without a word.
    if (gunzip.bytesWritten !== packed.bytesRead) throw new Error('there are other bytes behind the gzip data');
  } finally {
    packed.destroy();
  }
}
