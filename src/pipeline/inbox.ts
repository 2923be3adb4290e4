/**
 * What commands have put into the inbox, done by whoever holds the pipeline (PROTOCOL.md 1.7): each request in a commit of its own,
 * and its answer in that commit. So whichever side is killed, a request is open or done as a whole: an open one is taken by the
 * next who holds the pipeline.
 *
 * A request never ends a detector. One that cannot be read is refused, and so is one that the database refuses for its data,
 * in the life after (PROTOCOL.md 3.4).
 */
import { TallyhoError } from '../core/error.ts';
import type { InboxRequest } from '../store/store.ts';
import { commitReplay, readRows } from './apply-replay.ts';
import { findCandidates, nothingLeftOut, parseFile, type ReplaySummary } from './mended-rows.ts';
import type { PipelineOptions } from './options.ts';
import { isStop } from './pass.ts';
import { encodeRefusal, encodeSummary } from './replay-answer.ts';
import { requestName, type Session } from './session.ts';

/** A person waits for it, so a backlog or a long `poll` does not hold it up; the question is one round trip. */
export const inboxEveryMs = 1_000;

/** A look into it, if the one before was long enough ago. */
export function watchInbox(
  options: PipelineOptions,
  session: Session,
  uncommittable: ReadonlyMap<string, string>,
  signal: AbortSignal,
): () => Promise<void> {
  const { time } = options;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (time.elapsed() - lookedAt < inboxEveryMs) return;
    await takeInbox(options, session, uncommittable, signal);
    lookedAt = time.elapsed();
  };
}

/** Takes all that wait. */
export async function takeInbox(
  options: PipelineOptions,
  session: Session,
  uncommittable: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const request = await session.nextRequest();
    if (request === null) return;
    const why = uncommittable.get(requestName(request.id));
    if (why !== undefined) await session.answer({ id: request.id, answer: encodeRefusal('STORE_FAILED', why) });
    else await replay(options, session, request, signal);
  }
}

async function replay(options: PipelineOptions, session: Session, file: InboxRequest, signal: AbortSignal): Promise<void> {
  const { id } = file;
  const rows = orRefusal(() => parseFile(file));
  if ('refusal' in rows) return await session.answer({ id, answer: rows.refusal });
  // What is open is asked of the database, and a commit that fails must have failed for this request alone.
  await session.committer.flush();
  const found = await findCandidates(options, rows.value, signal).catch((error: unknown) => {
    if (isStop(error, signal)) return null;
    throw error;
  });
  // Told to stop while a chunk was read: the request stays open, and whoever holds the pipeline ends as always.
  if (found === null) return;
  const { candidates, ...named } = found;
  const read = orRefusal(() => readRows(session, options, candidates));
  if ('refusal' in read) return await session.answer({ id, answer: read.refusal });
  const summary = (applied: Pick<ReplaySummary, 'sequence' | 'applied' | 'detections' | 'stillBad'>): string =>
    encodeSummary({ ...named, ...applied, rest: nothingLeftOut });
  const applied = await commitReplay(session, file, read.value, (done) => ({ id, answer: summary(done) }));
  if (applied === null)
    await session.answer({ id, answer: summary({ sequence: null, applied: 0, detections: 0, stillBad: read.value.stillBad }) });
  await session.committer.flush();
}

/** Nothing has happened yet, so whatever is wrong is wrong with the request. */
function orRefusal<T>(read: () => T): { readonly value: T } | { readonly refusal: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof TallyhoError) return { refusal: encodeRefusal(error.code, error.message, error.mend) };
    return { refusal: encodeRefusal('INTERNAL', error instanceof Error ? error.message : String(error)) };
  }
}
