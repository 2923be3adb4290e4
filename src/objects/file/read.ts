/**
 * The bytes of exactly the version that was listed (PROTOCOL.md 2.2).
 *
 * Size, mtime, ctime and inode of the open file and of what stands under its name are compared before the first byte and
 * after the last; the last block is handed out only when they agree. Opened so that a link is not followed and a FIFO
 * does not block. Opening and reading may wait for the disk; of what has just been opened the times are known, and asking
 * for them at once costs less than a turn through the threads. Of a large file some reads are under way at a time: one that begins
 * when the one before has been taken waits twice for whatever else this process, or the machine, is doing.
 */
import { type BigIntStats, constants, fstatSync, lstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { TallyhoError } from '../../core/error.ts';
import type { MakeBlock, ObjectInfo } from '../objects.ts';
import { isGone, systemCode, versionOf } from './version.ts';

const blockSize = 1 << 20;
const readsAtOnce = 4;

export async function* readFile(
  path: string,
  object: ObjectInfo,
  signal?: AbortSignal,
  // A block of its own each time: readers keep, slice and transfer them.
  makeBlock: MakeBlock = (bytes) => Buffer.allocUnsafeSlow(bytes),
): AsyncGenerator<Uint8Array> {
  const handle = await openFile(path);
  if (handle === 'gone') throw new TallyhoError('OBJECT_MISSING', `${path} is not there any more.`);
  if (handle === 'link') throw changed(path, 'it is a link now');
  try {
    assertSame(handle, path, object);
    const underWay: Promise<Uint8Array>[] = [];
    for (let asked = 0, given = 0; given < object.size; ) {
      signal?.throwIfAborted();
      for (; underWay.length < readsAtOnce && asked < object.size; asked += blockSize) {
        const reading = fill(makeBlock(Math.min(blockSize, object.size - asked)), handle, asked, path);
        // Told when its turn comes; nobody waits for what is behind a failure.
        reading.catch(() => {});
        underWay.push(reading);
      }
      const block = (await underWay.shift()) ?? new Uint8Array();
      given += block.length;
      if (given === object.size) assertSame(handle, path, object);
      yield block;
    }
  } finally {
    // Waits for the reads under way.
    await handle.close();
  }
}

async function fill(block: Uint8Array, handle: FileHandle, from: number, path: string): Promise<Uint8Array> {
  let filled = 0;
  while (filled < block.length) {
    const { bytesRead } = await handle.read(block, filled, block.length - filled, from + filled);
    if (bytesRead === 0) throw changed(path, 'it became shorter');
    filled += bytesRead;
  }
  return block;
}

/** The whole of a small file, or null if there is no regular file of that name. */
export async function getFile(path: string): Promise<Uint8Array | null> {
  const handle = await openFile(path);
  if (typeof handle === 'string') return null;
  try {
    return (await handle.stat()).isFile() ? await handle.readFile() : null;
  } finally {
    await handle.close();
  }
}

export async function openFile(path: string): Promise<FileHandle | 'gone' | 'link'> {
  try {
    // Windows has neither flag: links are then seen by the comparison with lstat.
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (isGone(error)) return 'gone';
    if (systemCode(error) === 'ELOOP') return 'link';
    throw error;
  }
}

function assertSame(handle: FileHandle, path: string, object: ObjectInfo): void {
  const opened = fstatSync(handle.fd, { bigint: true });
  const named = statOf(path);
  if (versionOf(opened) !== object.version) throw changed(path, 'its size, times or inode are others');
  if (named === null) throw changed(path, 'it was taken away while it was read');
  if (versionOf(named) !== object.version) throw changed(path, 'another file took its place');
}

function statOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function changed(path: string, how: string): TallyhoError {
  return new TallyhoError('OBJECT_CHANGED', `${path} changed since it was listed: ${how}.`, {
    mend: 'List it again; it is then read as it is.',
  });
}
