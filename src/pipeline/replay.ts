/**
 * `rejected replay`: a file of mended rows is applied, by this process if it gets the pipeline, else by the detector that has it
 * (PROTOCOL.md 1.7).
 *
 *   claimed              the file is applied here
 *   held                 it is put into the inbox as a request, and its answer waited for
 *   held, then nobody    whoever held it ended without taking the request: it is claimed, and the inbox is taken here. Not at once:
 *                        a detector that only lost its connection, or waits before it tries again, must find its pipeline free
 *
 * Exactly once does not rest on who applies it: the database lets each row be resolved once, and a request is answered by the commit
 * that does it.
 */
import { TallyhoError } from '../core/error.ts';
import type { Writer } from '../store/store.ts';
import { commitReplay, readRows } from './apply-replay.ts';
import { takeInbox } from './inbox.ts';
import { type Candidate, findCandidates, nothingLeftOut, parseFile, type ReplayFile, type ReplaySummary } from './mended-rows.ts';
import type { PipelineOptions } from './options.ts';
import { publishAll } from './publish-all.ts';
import { decodeAnswer } from './replay-answer.ts';
import { longestRetryMs } from './run.ts';
import { openSession, type Session } from './session.ts';
import { makeTally } from './summary.ts';

export interface ReplayOptions {
  /** For a request, if one is made: never given before. */
  readonly id: string;
  /** Called when the file is in the inbox; from then on it will be applied, whatever becomes of this process. */
  readonly onHandedOver: (holder: string) => void;
  /** How long the pipeline is left to a detector that may come back. */
  readonly leaveMs?: number;
}

const pollMs = 250;
/** What a detector keeps in memory beside its statistics. */
const mostHandedOver = 64 << 20;

export async function replayRejected(
  options: PipelineOptions,
  file: ReplayFile,
  handOver: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplaySummary> {
  const rows = parseFile(file);
  const writer = await claim(options, signal);
  if (!('held' in writer))
    return await holding(writer, async () => {
      const { candidates, ...named } = await findCandidates(options, rows, signal);
      if (candidates.length > 0) return { ...named, rest: nothingLeftOut, ...(await apply(options, writer, file, candidates, signal)) };
      // A replay that was killed behind its commit may have left this to do.
      await publishAll(options, writer, signal);
      return { ...named, sequence: null, applied: 0, detections: 0, stillBad: [], rest: nothingLeftOut };
    });
  if (file.bytes.length > mostHandedOver)
    throw new TallyhoError('HELD', `${writer.held.message} It takes files of at most ${mostHandedOver >> 20} MiB.`, {
      mend: 'Split the file, and replay each part; or stop the detector first.',
      cause: writer.held,
    });
  await options.store.request({ id: handOver.id, kind: 'replay', name: file.name, bytes: file.bytes });
  handOver.onHandedOver(writer.held.message);
  return await waitForAnswer(options, handOver, signal);
}

/** The error says who holds it. */
async function claim({ store, claimWaitMs, on }: PipelineOptions, signal: AbortSignal): Promise<Writer | { readonly held: TallyhoError }> {
  try {
    const onLeaseTrouble = (why: string): void => on({ kind: 'lease-trouble', why });
    return await store.claim({ waitMs: Math.min(claimWaitMs, 1_000), signal, onLeaseTrouble });
  } catch (error) {
    if (error instanceof TallyhoError && error.code === 'HELD') return { held: error };
    throw error;
  }
}

async function waitForAnswer(options: PipelineOptions, { id, leaveMs }: ReplayOptions, signal: AbortSignal): Promise<ReplaySummary> {
  const { store, time } = options;
  const leave = leaveMs ?? longestRetryMs + 5_000;
  let freeSince: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    const [request] = await store.requests({ id });
    if (request === undefined)
      throw new TallyhoError('STORE_BEHIND', 'The file that was handed over to the detector is not in its inbox any more.', {
        mend: 'An older backup may have been brought back. Replay the file again: what was applied is not applied twice.',
      });
    if (request.answer !== null) return decodeAnswer(request.answer);
    if ((await store.pipeline())?.held === true) freeSince = null;
    else freeSince ??= time.elapsed();
    if (freeSince !== null && time.elapsed() - freeSince >= leave && !(await takeHere(options, signal))) freeSince = null;
    else await time.sleep(pollMs, signal);
  }
}

/** false: somebody else was faster. */
async function takeHere(options: PipelineOptions, signal: AbortSignal): Promise<boolean> {
  const writer = await claim({ ...options, claimWaitMs: 0 }, signal);
  if ('held' in writer) return false;
  await holding(writer, () => inSession(options, writer, signal, (session) => takeInbox(options, session, new Map(), signal)));
  return true;
}

async function apply(
  options: PipelineOptions,
  writer: Writer,
  file: ReplayFile,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Pick<ReplaySummary, 'sequence' | 'applied' | 'detections' | 'stillBad'>> {
  return await inSession(options, writer, signal, async (session) => {
    const read = readRows(session, options, candidates);
    signal.throwIfAborted();
    const applied = await commitReplay(session, file, read, () => null);
    return applied ?? { sequence: null, applied: 0, detections: 0, stillBad: read.stillBad };
  });
}

async function holding<T>(writer: Writer, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await writer.release().catch(() => undefined);
  }
}

/** Behind the work all is committed, folded and published. */
async function inSession<T>(
  options: PipelineOptions,
  writer: Writer,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession({
    options,
    writer,
    startTime: options.clock(),
    tally: makeTally(),
    groupSize: () => 1,
    uncommittable: new Map(),
    onCommitted: () => undefined,
    onPut: () => undefined,
    onMarked: () => undefined,
    onUnknown: () => undefined,
    signal,
  });
  try {
    const done = await work(session);
    await session.committer.flush();
    await session.folding.finish();
    await session.publisher.drain();
    return done;
  } finally {
    await session.close();
  }
}
