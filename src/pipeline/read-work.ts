/** Reads what is to be read, and keeps what needs no reading in its place among it. */
import type { ReadResult, ReadTask } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { settlesAt } from '../objects/discovery/settled.ts';
import { decideUnread } from './decide.ts';
import type { Work } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { readAhead } from './read-ahead.ts';
import type { Session } from './session.ts';

/** A chunk in its turn; `result` is null where the listing alone decides. */
export interface Step {
  readonly chunk: ChunkVersion;
  readonly result: ReadResult | null;
}

export interface ReadWork {
  readonly options: PipelineOptions;
  readonly session: Session;
  readonly once: boolean;
  /** When each young file was first seen as it is: a clock that is ahead must not keep it waiting for ever. */
  readonly firstSeen: Map<string, number>;
  /** Counts the files that were left for the next listing. */
  readonly skipped: { young: number };
  readonly signal: AbortSignal;
}

/** Results in the order of the work. */
export async function* readWork(reading: ReadWork, work: readonly Work[]): AsyncIterable<Step> {
  const unread: { readonly before: number; readonly chunk: ChunkVersion }[] = [];
  let asked = 0;
  let given = 0;
  async function* tasks(signal: AbortSignal): AsyncIterable<ReadTask> {
    for await (const step of readTasks({ ...reading, signal }, work)) {
      if ('want' in step) {
        asked++;
        yield step;
      } else {
        unread.push({ before: asked, chunk: step.chunk });
      }
    }
  }
  const { options, session } = reading;
  const aggregate = options.early?.aggregate ?? options.engine.aggregate.bind(options.engine);
  const ahead = readAhead((signal) => aggregate(tasks(signal), session.readPlan, signal), reading.signal);
  try {
    for (let result = await ahead.next(); result !== null; result = await ahead.next()) {
      while (unread[0] !== undefined && unread[0].before <= given) {
        const { chunk } = unread.shift() as { chunk: ChunkVersion };
        yield { chunk, result: null };
      }
      given++;
      yield { chunk: result.task.chunk, result };
    }
    for (const { chunk } of unread) yield { chunk, result: null };
  } finally {
    await ahead.close();
  }
}

/** What to read. With `once` a young file is waited for, since its place in the order is its own. */
async function* readTasks(reading: ReadWork, work: readonly Work[]): AsyncIterable<ReadTask | Work> {
  noteYoung(reading, work);
  for (const item of work) {
    if (reading.signal.aborted) return;
    const { chunk, known } = item;
    if (decideUnread(chunk) !== null) {
      yield item;
    } else if (await isYoung(reading, chunk)) {
      reading.skipped.young++;
    } else {
      const inForce = known?.inForce ?? null;
      const bytes = known?.inForceBytes ?? null;
      const applied = inForce === null || bytes === null || chunk.folder ? null : { contentId: inForce, bytes };
      yield { chunk, want: inForce === null || reading.options.input.onChanged === 'correct' ? 'rows' : 'id', applied };
    }
  }
}

/** Files of a clock that is ahead count from when they were first listed; of those that are gone or settled nothing is kept. */
function noteYoung({ options, firstSeen }: ReadWork, work: readonly Work[]): void {
  const now = options.time.now();
  const before = new Map(firstSeen);
  firstSeen.clear();
  if (options.input.settleMs === 0) return;
  for (const { chunk } of work) {
    const name = `${chunk.key}\0${chunk.version}`;
    if (chunk.modified + options.input.settleMs > now) firstSeen.set(name, before.get(name) ?? now);
  }
}

async function isYoung({ options, once, signal, firstSeen }: ReadWork, chunk: ChunkVersion): Promise<boolean> {
  const { settleMs } = options.input;
  if (settleMs === 0) return false;
  const now = options.time.now();
  const left = settlesAt(chunk.modified, now, settleMs, firstSeen.get(`${chunk.key}\0${chunk.version}`) ?? now) - now;
  if (left <= 0) return false;
  if (!once) return true;
  try {
    await options.time.sleep(left, signal);
  } catch {
    return true;
  }
  return false;
}
