/**
 * The server's log: one file that PostgreSQL (and the supervisor) append to, cut when it grows.
 *
 * PostgreSQL writes to the file itself and not through a pipe of ours: a pipe would break with a killed supervisor and
 * block with a stopped one. It is opened for append, so it can be cut under the writer; a line written between the copy
 * and the cut is lost, which a log may do.
 */
import { chmod, copyFile, open, stat, truncate } from 'node:fs/promises';
import { giveTo, type RunAs } from './run-as.ts';

/** With the one before it: never more than about twice this. */
const largestLog = 4 * 1024 * 1024;

/** Makes the log where it is missing, readable to its owner only: errors may quote data. */
export async function makeLog(file: string, user: RunAs | undefined): Promise<void> {
  const handle = await open(file, 'a', 0o600);
  await handle.close();
  await giveTo(user, file);
}

export async function boundLog(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.size <= largestLog) return;
  await copyFile(file, `${file}.1`);
  await chmod(`${file}.1`, 0o600);
  await truncate(file);
}

/** The last lines of the log from a place on (its size before something went wrong). */
export async function logSince(file: string, start: number): Promise<string> {
  const most = 2000;
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const from = Math.max(Math.min(start, size), size - most);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(most), 0, most, from);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}

export async function logSize(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}
