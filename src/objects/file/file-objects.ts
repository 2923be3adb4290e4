/** Objects in a folder of this machine. A listing costs about 10 µs a file, and memory for the names of the folders in hand. */
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { assertLaw, type ErrorCode, TallyhoError } from '../../core/error.ts';
import { compareUtf8 } from '../../core/natural-order.ts';
import { printable, whyNoKey } from '../key.ts';
import type { Objects, PreparedPut } from '../objects.ts';
import { decode, listFiles, walk } from './list.ts';
import { namesOf } from './names.ts';
import { type Beside, DurableFolders, FolderSyncs, prepareFile, type PutSteps, putFile, realSteps } from './put.ts';
import { getFile, readFile } from './read.ts';
import { isTemporary } from './temporary.ts';
import { isGone, systemCode } from './version.ts';

export interface FileObjectsOptions {
  readonly root: string;
  /** Whether a root that is not there is made (a sink), or an error (a source: an empty one would hide a wrong path). */
  readonly create?: boolean;
  /** What a failure of the folder is called: SOURCE_UNREADABLE unless given. */
  readonly code?: ErrorCode;
  readonly steps?: PutSteps;
}

export function makeFileObjects(options: FileObjectsOptions): Objects {
  const root = resolve(options.root);
  const { create = false, code = 'SOURCE_UNREADABLE', steps = realSteps } = options;
  const putting = { durable: new DurableFolders(), syncs: new FolderSyncs(steps.syncFolder), steps };
  const besides = new WeakMap<PreparedPut, Promise<Beside | null>>();
  let made = false;

  async function prepare(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!create || made) return;
    const first = await mkdir(root, { recursive: true });
    if (first !== undefined) {
      for (let folder = root; folder.length >= first.length; folder = dirname(folder)) await steps.syncFolder(dirname(folder));
    }
    made = true;
  }

  /** Throws what the person can act on, with the object's key if it is about one; errors of ours and an abort pass through. */
  function fail(error: unknown, what: string, signal?: AbortSignal, key?: string): never {
    if (error instanceof TallyhoError || signal?.aborted === true) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const named = key === undefined ? `folder ${root}` : `object ${printable(key)} in the folder ${root}`;
    const forbidden = key !== undefined && isForbidden(error);
    throw new TallyhoError(code, `The ${named} cannot be ${what}: ${reason}.`, {
      mend: forbidden ? `Give this user the right to read ${printable(key)}: see its permissions.` : mend(error, root, create),
      cause: error,
    });
  }

  async function run<T>(what: string, work: () => Promise<T>, signal?: AbortSignal, key?: string): Promise<T> {
    try {
      await prepare(signal);
      return await work();
    } catch (error) {
      return fail(error, what, signal, key);
    }
  }

  async function* runAll<T>(what: string, work: () => AsyncIterable<T>, signal?: AbortSignal, key?: string): AsyncGenerator<T> {
    try {
      await prepare(signal);
      yield* work();
    } catch (error) {
      fail(error, what, signal, key);
    }
  }

  /** What was prepared, for whoever comes first. */
  async function take(prepared: PreparedPut | undefined): Promise<Beside | null> {
    const ready = prepared === undefined ? undefined : besides.get(prepared);
    if (prepared === undefined || ready === undefined) return null;
    besides.delete(prepared);
    return await ready;
  }

  return {
    url: root.endsWith(sep) ? root : `${root}${sep}`,
    list: (signal, under = '') => runAll('listed', () => listFiles(root, under, signal), signal),
    folders: (signal) =>
      run(
        'listed',
        async () => {
          const names: string[] = [];
          for await (const page of namesOf(root, signal)) {
            for (const { kind, bytes } of page) {
              const { name, why } = decode(bytes.slice(0, -1));
              if (kind === 'folder' && why === null) names.push(name);
            }
          }
          return names.sort(compareUtf8);
        },
        signal,
      ),
    read: (object, signal, makeBlock) =>
      runAll('read', () => readFile(join(root, assertKey(object.key)), object, signal, makeBlock), signal, object.key),
    get: (key, signal) => run('read', () => getFile(join(root, assertKey(key))), signal, key),
    put: (key, bytes, signal, prepared) =>
      run('written', async () => putFile(root, assertKey(key), bytes, putting, await take(prepared)), signal),
    prepare(key, bytes) {
      assertKey(key);
      const ready = prepare().then(
        () => prepareFile(root, key, bytes, putting),
        () => null,
      );
      const prepared: PreparedPut = {
        async drop() {
          const beside = await take(prepared);
          if (beside !== null) await steps.unlink(beside.temporary).catch(() => {});
        },
      };
      besides.set(prepared, ready);
      return prepared;
    },
    sweep: (folders) => run('swept', () => sweepFiles(root, folders)),
    close: () => Promise.resolve(),
  };
}

/** Unlinks our temporary files in all folders, or directly in those named. */
async function sweepFiles(root: string, folders: readonly string[] | undefined): Promise<void> {
  const remove = (path: string): Promise<void> => unlink(path).catch(unlessGone);
  if (folders === undefined) {
    for await (const page of walk(root, '')) {
      for (const entry of page) if (entry.kind === 'temporary') await remove(join(root, entry.key));
    }
    return;
  }
  for (const folder of folders) {
    for (const name of (await readdir(join(root, folder)).catch(unlessGone)) ?? []) {
      if (isTemporary(name)) await remove(join(root, folder, name));
    }
  }
}

function unlessGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
  return undefined;
}

/** A key that would leave the root or name a temporary file is a bug of the caller. */
function assertKey(key: string): string {
  assertLaw(whyNoKey(key) === null && !key.endsWith('/'), 'keys of objects are relative, clean and name no folder');
  return key;
}

function isForbidden(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(systemCode(error));
}

function mend(error: unknown, root: string, create: boolean): string {
  switch (systemCode(error)) {
    case 'ENOENT':
      return create ? 'Somebody removed it; start again.' : 'Make the folder, or correct the path.';
    case 'ENOTDIR':
      return `${root} must be a folder; give the folder in which the file lies.`;
    case 'EACCES':
    case 'EPERM':
      return 'Give this user the right to it.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'Make room on the disk; nothing that is there was touched.';
    case 'EROFS':
      return 'It is mounted read-only; give another folder.';
    default:
      return 'See what the system says about it; trying again is safe.';
  }
}
