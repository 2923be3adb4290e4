/** A file that is there as a whole or not at all: written beside its place, synced, renamed. What stood there is replaced. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TallyhoError } from '../core/error.ts';

/** `work` is given what writes; texts leave in pieces, so any number of small ones costs little and holds little. */
export async function writeWhole<T>(path: string, work: (write: (text: string) => Promise<void>) => Promise<T>): Promise<T> {
  // Hidden, so that nobody takes it for the file.
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const handle = await guard(path, () => open(temporary, 'w'));
  try {
    let result: T;
    try {
      result = await work((text) => guard(path, () => writeAll(handle, Buffer.from(text))));
      await guard(path, () => handle.sync());
    } finally {
      await handle.close();
    }
    await guard(path, () => rename(temporary, path));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A write may take less than it was given. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}

async function guard<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TallyhoError('SINK_UNWRITABLE', `Cannot write ${path}: ${reason}`, {
      cause,
      mend: 'Give a path in a folder that is there and can be written, with enough free space.',
    });
  }
}
