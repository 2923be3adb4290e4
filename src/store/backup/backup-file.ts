/**
 * A backup on a disk: gzip of the lines of format.ts. Written under another name, synced, and renamed when it is whole, so
 * that under its own name there is a whole one or none. For its owner's eyes only, since it holds names of customers.
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { access, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createGunzip, createGzip } from 'node:zlib';
import { TallyhoError } from '../../core/error.ts';
import { altered } from './format.ts';

/** `produce` writes; resolves to what it does, and the size of the file in bytes. */
export async function writeBackupFile<T>(
  path: string,
  overwrite: boolean,
  produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<{ readonly result: T; readonly bytes: number }> {
  if (!overwrite && (await isThere(path)))
    throw new TallyhoError('USAGE', `${path} is there already.`, { mend: 'Name another file, or overwrite it with --force.' });
  const part = join(dirname(path), `.${basename(path)}.part-${process.pid}`);
  try {
    const file = await open(part, 'wx', 0o600);
    try {
      const gzip = createGzip({ level: 6 });
      const written = writeAll(file, gzip);
      // What is awaited below says what went wrong; nobody waits for room in what nobody reads any more.
      written.catch(() => gzip.destroy());
      const result = await produce(async (bytes) => {
        if (gzip.destroyed) await written;
        if (!gzip.write(bytes)) await Promise.race([once(gzip, 'drain'), written]);
      });
      gzip.end();
      await written;
      await file.sync();
      const { size } = await file.stat();
      await file.close();
      await rename(part, path);
      await syncFolder(dirname(path));
      return { result, bytes: size };
    } finally {
      await file.close().catch(() => undefined);
    }
  } catch (error) {
    await rm(part, { force: true });
    throw fileError(error, path, 'written');
  }
}

/** The bytes as they were before compression. BACKUP_INVALID where the file is not whole. */
export async function* readBackupFile(path: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const file = createReadStream(path);
  file.once('error', (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const bytes of gunzip) yield bytes as Uint8Array;
    // What is no gzip behind the end is left alone by zlib, and is none of ours.
    if (gunzip.bytesWritten !== (await stat(path)).size) throw altered('something stands behind its end');
  } catch (error) {
    const code = codeOf(error);
    if (code.startsWith('Z_')) throw altered(code === 'Z_BUF_ERROR' ? 'its end is missing' : 'it is no gzip, or was changed', error);
    throw fileError(error, path, 'read');
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

async function writeAll(file: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const bytes of pieces) {
    for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** So that the name outlasts a power cut as well; not to be had everywhere. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Of the file system; errors of ours pass. */
function fileError(error: unknown, path: string, what: string): unknown {
  const code = codeOf(error);
  if (error instanceof TallyhoError || !/^E[A-Z]+$/.test(code)) return error;
  const mend =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'Make room on the disk, or name a file on another.'
      : 'Name a file that this user may have there.';
  return new TallyhoError('BACKUP_UNREADABLE', `The backup ${path} cannot be ${what} (${code}).`, { mend, cause: error });
}
