/**
 * One listing, and all the work that it shows: list, compare with the ledger, read, decide, evaluate, hand to the committer.
 *
 * Reading runs ahead of evaluating, evaluating of committing, committing of publishing; the order of the ledger is that of
 * the listing (natural order) throughout. Only what is new, changed or waiting is held in memory.
 */
import { TallyhoError } from '../core/error.ts';
import type { NotChunks } from '../objects/chunk.ts';
import { isSameChunk } from '../objects/discovery/resolve-chunk.ts';
import { excluded, listWork, type Work } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { readWork, type Step } from './read-work.ts';
import type { Session } from './session.ts';
import { takeChunk } from './take-chunk.ts';

export interface PassResult {
  /** Something was decided: there may be more right away. */
  readonly progressed: boolean;
  /** Versions that moved under the reader or were too young, or others may count by what was corrected: look again soon. */
  readonly again: number;
  readonly notChunks: NotChunks;
  /** Chunks that an earlier run found to have grown, and that have not been mended (list-work.ts). */
  readonly grew: readonly string[];
  readonly listMs: number;
}

export interface PassOptions {
  readonly options: PipelineOptions;
  readonly session: Session;
  readonly once: boolean;
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
  readonly firstSeen: Map<string, number>;
  readonly uncommittable: ReadonlyMap<string, string>;
  /** Between two chunks: what commands ask for does not wait for the end of a backlog. */
  readonly lookIntoInbox: () => Promise<void>;
}

export async function runPass(pass: PassOptions): Promise<PassResult> {
  const { options, session, signal } = pass;
  const started = options.time.elapsed();
  const { work, waiting, notChunks, grew: listed } = await listWork({ ...pass, known: session.known, settings: session.settings });
  const listMs = options.time.elapsed() - started;
  const todo = work.filter(({ chunk }) => chunk.state.kind !== 'waiting').length;
  options.on({ kind: 'listed', todo, waiting, ms: listMs });

  const skipped = { young: 0, moved: 0, freed: 0 };
  const grew = [...listed];
  let progressed = false;
  const byChunk = new Map(work.map((item) => [item.chunk, item]));
  // Whatever ends the pass also ends its reading, and its waiting for young files.
  const ended = new AbortController();
  const stop = (): void => ended.abort(signal.reason);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    for await (const step of readWork({ ...pass, skipped, signal: ended.signal }, work)) {
      if (signal.aborted) break;
      const item = byChunk.get(step.chunk);
      if (item === undefined) throw new TallyhoError('INTERNAL', `the engine named a chunk that was not asked for: ${step.chunk.key}`);
      if (await hasMoved(options, step, signal)) {
        skipped.moved++;
        continue;
      }
      const taken = await takeChunk(pass, item, step.result);
      progressed = taken !== 'nothing' || progressed;
      if (taken === 'nothing' && isStillGrown(item, step)) grew.push(step.chunk.key);
      // What was a duplicate of the contents that are out now is looked at again.
      if (taken === 'correction') skipped.freed = 1;
      if (session.folding.isOverdue) {
        await session.committer.flush();
        session.folding.begin();
      }
      await pass.lookIntoInbox();
    }
  } catch (error) {
    // Told to stop: what was evaluated is committed all the same.
    if (!isStop(error, signal)) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    ended.abort();
  }
  await session.committer.flush();
  return { progressed, again: skipped.young + skipped.moved + skipped.freed, notChunks, grew, listMs };
}

/** Written once more, and the same as when it was found to have grown. */
function isStillGrown({ known }: Work, { result }: Step): boolean {
  const outcome = result?.outcome;
  return known?.reason === 'grew' && outcome !== undefined && outcome.kind !== 'moved' && outcome.contentId === known.contentId;
}

/** Whether the chunk is no longer what was listed. */
async function hasMoved(options: PipelineOptions, { chunk, result }: Step, signal: AbortSignal): Promise<boolean> {
  if (result === null) return false;
  return result.outcome.kind === 'moved' || !(await isSameChunk(options.source, chunk, { exclude: excluded(options), signal }));
}

/** What comes of an abort that was asked for, and of nothing else. */
export function isStop(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
}
