/**
 * Put if absent, durable, and never seen in part (PROTOCOL.md 4.4).
 *
 *   make the folders -> write `.tmp-<random>` beside the target -> fsync it -> link it to the target's name
 *   -> fsync the folder and each folder above that gained an entry -> unlink the temporary name
 *
 * `link` is the one moment at which the object begins to be there, whole, and it fails if the name is taken: then the bytes
 * are compared. Killed at any step, either nothing stands under the name or all of it; a temporary file may stay behind
 * (`sweep`). Where there are no hard links: if the name is free, rename; only the lease keeps two writers apart there.
 *
 * `same` is as durable as `put`: whoever put it may have been killed before its own fsync of the folder.
 *
 * What comes before the link can be done ahead (`prepareFile`): nobody sees it, and of a killed process it is swept.
 *
 * What only touches the system's caches is called synchronously, which costs a tenth of the CPU of a promise for each; what
 * waits for the disk (fsync) is not. Puts that want the same folder synced at the same time share an fsync (FolderSyncs).
 */
import { closeSync, fsync, linkSync, lstatSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { type FileHandle, lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PutResult } from '../objects.ts';
import { openFile } from './read.ts';
import { temporaryName } from './temporary.ts';
import { isGone, systemCode } from './version.ts';

/** The steps that a file system may refuse or a test may interrupt. */
export interface PutSteps {
  readonly link: (from: string, to: string) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly unlink: (path: string) => Promise<void>;
  readonly syncFolder: (path: string) => Promise<void>;
}

export const realSteps: PutSteps = {
  link: async (from, to) => linkSync(from, to),
  rename: async (from, to) => renameSync(from, to),
  unlink: async (path) => unlinkSync(path),
  syncFolder,
};

/** An fsync serves all who asked before it began. */
export class FolderSyncs {
  readonly #sync: PutSteps['syncFolder'];
  /** By path: the one that runs, and the one that begins after it. */
  readonly #running = new Map<string, { readonly now: Promise<void>; next: Promise<void> | null }>();

  constructor(sync: PutSteps['syncFolder']) {
    this.#sync = sync;
  }

  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#begin(path);
    running.next ??= running.now.then(
      () => this.#begin(path),
      () => this.#begin(path),
    );
    return running.next;
  }

  #begin(path: string): Promise<void> {
    const now = this.#sync(path).finally(() => {
      if (this.#running.get(path) === running) this.#running.delete(path);
    });
    const running = { now, next: null };
    this.#running.set(path, running);
    return now;
  }
}

/** Folders whose own entries are known to be on disk, so that they need no fsync again. Bounded; forgetting only costs time. */
export class DurableFolders {
  readonly #known = new Set<string>();

  has(path: string): boolean {
    return this.#known.has(path);
  }

  add(path: string): void {
    if (this.#known.size >= 10_000) this.#known.clear();
    this.#known.add(path);
  }

  clear(): void {
    this.#known.clear();
  }
}

const mostAttempts = 20;

export interface Putting {
  readonly durable: DurableFolders;
  readonly syncs: FolderSyncs;
  readonly steps: PutSteps;
}

/** Bytes that lie beside their target, synced. */
export interface Beside {
  readonly temporary: string;
  /** Folders whose entry was not on disk then, the deepest first. */
  readonly fresh: readonly string[];
}

/** The part of a put before its object has its name; null where it failed, so that the put begins afresh and says why. */
export async function prepareFile(root: string, key: string, bytes: Uint8Array, { durable, steps }: Putting): Promise<Beside | null> {
  let temporary: string | null = null;
  try {
    const fresh = makeFolders(root, key, durable);
    temporary = join(dirname(join(root, key)), temporaryName());
    await writeNew(temporary, bytes);
    return { temporary, fresh };
  } catch {
    if (temporary !== null) await steps.unlink(temporary).catch(() => {});
    return null;
  }
}

export async function putFile(
  root: string,
  key: string,
  bytes: Uint8Array,
  { durable, syncs, steps }: Putting,
  prepared: Beside | null = null,
): Promise<PutResult> {
  const path = join(root, key);
  const folder = dirname(path);
  let beside = prepared;
  for (let attempt = 1; ; attempt++) {
    const fresh = beside === null ? makeFolders(root, key, durable) : beside.fresh.filter((made) => !durable.has(made));
    const temporary = beside === null ? join(folder, temporaryName()) : beside.temporary;
    let result: PutResult | 'again';
    try {
      if (beside === null) await writeNew(temporary, bytes);
      beside = null;
      result = await nameIt(temporary, path, bytes, steps);
      if (result === 'put' || result === 'same') {
        await Promise.all([folder, ...fresh.map((made) => dirname(made))].map((path) => syncs.sync(path)));
        for (const made of fresh) durable.add(made);
      }
    } catch (error) {
      await steps.unlink(temporary).catch(() => {});
      if (systemCode(error) !== 'ENOENT' || attempt === mostAttempts) throw error;
      // Another process's `sweep`, or somebody who removed the folder: nothing was put, so from the start.
      durable.clear();
      continue;
    }
    // It stands under its name; a temporary name that stays is no harm.
    await steps.unlink(temporary).catch(() => {});
    if (result !== 'again') return result;
    if (attempt === mostAttempts) throw new Error(`${path} comes and goes: ${mostAttempts} times it was there, and then not`);
  }
}

/** Makes the folders of `key` below the root. Those whose entry may not be on disk yet, the deepest first. */
function makeFolders(root: string, key: string, durable: DurableFolders): string[] {
  const fresh: string[] = [];
  let path = root;
  for (const component of key.split('/').slice(0, -1)) {
    path = join(path, component);
    if (durable.has(path)) continue;
    try {
      mkdirSync(path);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    if (!lstatSync(path).isDirectory()) throw new Error(`${path} is a link or a file, and should be a folder`);
    fresh.unshift(path);
  }
  return fresh;
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = openSync(path, 'wx', 0o666);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    await synced(file);
  } finally {
    closeSync(file);
  }
}

const noHardLinks = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS']);

async function nameIt(temporary: string, path: string, bytes: Uint8Array, steps: PutSteps): Promise<PutResult | 'again'> {
  try {
    await steps.link(temporary, path);
    return 'put';
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return compare(path, bytes);
    if (!noHardLinks.has(code)) throw error;
  }
  const there = await lstat(path).catch((error: unknown) => {
    if (isGone(error)) return null;
    throw error;
  });
  if (there !== null) return compare(path, bytes);
  await steps.rename(temporary, path);
  return 'put';
}

/** `again`: it is gone by now. */
async function compare(path: string, bytes: Uint8Array): Promise<PutResult | 'again'> {
  const handle = await openFile(path);
  if (handle === 'gone') return 'again';
  if (handle === 'link') return 'other';
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size !== bytes.length) return 'other';
    if (!(await holds(handle, bytes))) return 'other';
    // Windows syncs no file that is open for reading.
    if (process.platform !== 'win32') await handle.sync();
    return 'same';
  } finally {
    await handle.close();
  }
}

async function holds(handle: FileHandle, bytes: Uint8Array): Promise<boolean> {
  const block = Buffer.allocUnsafe(Math.min(1 << 20, bytes.length + 1));
  let at = 0;
  while (true) {
    const { bytesRead } = await handle.read(block, 0, block.length, null);
    if (bytesRead === 0) return at === bytes.length;
    if (Buffer.compare(block.subarray(0, bytesRead), bytes.subarray(at, at + bytesRead)) !== 0) return false;
    at += bytesRead;
  }
}

const synced = promisify(fsync);

export async function syncFolder(path: string): Promise<void> {
  let folder: number;
  try {
    folder = openSync(path, 'r');
  } catch (error) {
    // Windows opens no folders; its metadata is journalled.
    if (process.platform === 'win32') return;
    throw error;
  }
  try {
    await synced(folder);
  } catch (error) {
    // Some file systems have no fsync for folders, and say so; there is no more to be done then.
    const code = systemCode(error);
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && process.platform !== 'win32') throw error;
  } finally {
    closeSync(folder);
  }
}
