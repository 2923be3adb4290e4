/** A file that is there as a whole or not at all: written beside its place, synced, renamed. What stood there is replaced. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TallyhoError } from '../core/error.ts';
import type { CuttableFile } from '../export/rows-out.ts';

/** What `work` writes leaves as it comes: whoever has many small texts joins them. */
export async function writeWhole<T>(path: string, work: (file: CuttableFile) => Promise<T>): Promise<T> {
  // Hidden, so that nobody takes it for the file.
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const handle = await guard(path, () => open(temporary, 'w'));
  try {
    let result: T;
    try {
      result = await work(cuttable(path, handle));
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

function cuttable(path: string, handle: FileHandle): CuttableFile {
  let length = 0;
  return {
    write: (text) =>
      guard(path, async () => {
        const bytes = Buffer.from(text);
        // A write may take less than it was given.
        for (let at = 0; at < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, length);
          at += bytesWritten;
          length += bytesWritten;
        }
      }),
    mark: () => length,
    cutBack: (mark) =>
      guard(path, async () => {
        await handle.truncate(mark);
        length = mark;
      }),
  };
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
