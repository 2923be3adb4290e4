import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TallyhoError } from '../core/error.ts';
import type { BankSim } from './bank-sim.ts';
import type { OnRows } from './row-bytes.ts';

export interface WriteOptions {
  /** Path of the transactions file; its folder is made if missing, a file that is there is replaced. */
  readonly file: string;
  /** Path of the reference file; none by default. */
  readonly reference?: string;
  /** Rows written so far, and rows to write in both files together. Called for every block of some 3,000 rows. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the writing with its reason; nothing is left behind. */
  readonly signal?: AbortSignal;
}

export interface Written {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes the transactions and, if asked for, the reference: each in full under a temporary name beside its
 * target, synced; then both are renamed. So a reader sees the old file or the whole new one, never a part,
 * and a failure leaves no trace. One block is in memory at a time.
 *
 * Throws USAGE if both are the same path, SINK_UNWRITABLE if the disk refuses.
 */
export async function writeBankSim(bankSim: BankSim, options: WriteOptions): Promise<{ file: Written; reference?: Written }> {
  const { onProgress, signal } = options;
  const path = resolve(options.file);
  const referencePath = options.reference === undefined ? undefined : resolve(options.reference);
  if (path === referencePath) {
    throw new TallyhoError('USAGE', `generate: the transactions and their reference cannot both be ${path}.`, {
      mend: 'Give the reference another name.',
    });
  }

  const total = referencePath === undefined ? bankSim.rows : 2 * bankSim.rows;
  const progress =
    (before: number): OnRows =>
    (rows) =>
      onProgress?.(before + rows, total);
  const drafts: Draft[] = [];
  try {
    drafts.push(await writeDraft(path, bankSim.csv(progress(0)), signal));
    if (referencePath !== undefined) drafts.push(await writeDraft(referencePath, bankSim.reference(progress(bankSim.rows)), signal));
    for (const draft of drafts) await guard(draft.path, () => rename(draft.temporary, draft.path));
  } catch (error) {
    for (const { temporary } of drafts) await rm(temporary, { force: true });
    throw error;
  }
  const [file, reference] = drafts.map(({ path, bytes }): Written => ({ path, bytes }));
  return reference === undefined ? { file: file! } : { file: file!, reference };
}

interface Draft extends Written {
  readonly temporary: string;
}

async function writeDraft(path: string, blocks: Iterable<Uint8Array>, signal: AbortSignal | undefined): Promise<Draft> {
  // Hidden, so that a detector that watches this folder does not take it for a chunk.
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const handle = await guard(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    return open(temporary, 'w');
  });
  let bytes = 0;
  try {
    try {
      for (const block of blocks) {
        signal?.throwIfAborted();
        await guard(path, () => writeAll(handle, block));
        bytes += block.length;
      }
      await guard(path, () => handle.sync());
    } finally {
      await guard(path, () => handle.close());
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { path, temporary, bytes };
}

/** A write may take less than it was given. */
async function writeAll(handle: FileHandle, block: Uint8Array): Promise<void> {
  for (let at = 0; at < block.length; ) at += (await handle.write(block, at)).bytesWritten;
}

async function guard<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TallyhoError('SINK_UNWRITABLE', `generate: cannot write ${path}: ${reason}`, {
      cause,
      mend: 'Give a path in a folder that can be written, with enough free space.',
    });
  }
}
