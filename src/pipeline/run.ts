/**
 * Drives a pipeline: claim, load, then list, read, evaluate, commit, publish and fold until told to stop.
 *
 * A failure that may pass (a lost connection, a bucket that does not answer) ends the session: memory is thrown away, and
 * after a pause a new session claims, loads and goes on (PROTOCOL.md 3.4). What cannot heal ends the run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../core/error.ts';
import type { NotChunks } from '../objects/chunk.ts';
import type { Writer } from '../store/store.ts';
import { isDataError } from './data-error.ts';
import type { PipelineOptions } from './options.ts';
import { runPass } from './pass.ts';
import { openSession, type Session } from './session.ts';
import { makeTally, type RunSummary, type Tally } from './summary.ts';

export interface RunMode {
  /** Take all that is there, publish, fold, and end. */
  readonly once: boolean;
  /** Aborted: finish the commit in hand, publish, fold, and end without an error. */
  readonly signal: AbortSignal;
}

/** The statistics tables lag behind the ledger by no more than this. */
const foldEveryMs = 10_000;
const firstRetryMs = 200;
const longestRetryMs = 30_000;
/** `--once` gives up after so many failures in a row; a watching detector never does. */
const onceAttempts = 6;

interface Run {
  readonly options: PipelineOptions;
  readonly mode: RunMode;
  readonly startTime: Date;
  readonly tally: Tally;
  readonly firstSeen: Map<string, number>;
  readonly uncommittable: Map<string, string>;
  /** Set after a group failed for a reason in its data. */
  oneByOne: boolean;
  /** How many uncommittable versions the session before knew. */
  leftOut: number;
  /** Failures since the last success. */
  failures: number;
  notChunks: NotChunks;
  published: number;
  incidents: number;
  lastSequence: number;
}

export async function runPipeline(options: PipelineOptions, mode: RunMode): Promise<RunSummary> {
  const started = performance.now();
  const run: Run = {
    options,
    mode,
    startTime: options.clock(),
    tally: makeTally(),
    firstSeen: new Map(),
    uncommittable: new Map(),
    oneByOne: false,
    leftOut: 0,
    failures: 0,
    notChunks: { count: 0, examples: [] },
    published: 0,
    incidents: 0,
    lastSequence: 0,
  };
  for (;;) {
    try {
      await live(run);
      return summarize(run, performance.now() - started);
    } catch (error) {
      if (mode.signal.aborted && !(error instanceof TallyhoError)) return summarize(run, performance.now() - started);
      const inMs = retryIn(run, error);
      if (inMs === null) throw error;
      options.on({ kind: 'retry', error: error instanceof Error ? error : new Error(String(error)), inMs });
      await sleep(inMs, undefined, { signal: mode.signal }).catch(() => undefined);
      if (mode.signal.aborted) throw error;
    }
  }
}

/** Claims, works, releases. Returns when it is done; throws when this life is over. */
async function live(run: Run): Promise<void> {
  const { options, mode } = run;
  const writer = await options.store.claim({ waitMs: options.claimWaitMs, signal: mode.signal });
  try {
    options.on({ kind: 'claimed', epoch: writer.pipeline.epoch, lastSequence: writer.pipeline.lastSequence });
    const session = await openSession({
      options,
      writer,
      startTime: run.startTime,
      tally: run.tally,
      oneByOne: run.oneByOne,
      uncommittable: run.uncommittable,
      signal: mode.signal,
    });
    try {
      await watch(run, writer, session);
      await session.fold();
      await session.publisher.drain();
    } finally {
      run.published += session.publisher.published;
      run.incidents += session.publisher.incidents;
      run.lastSequence = session.committer.lastSequence;
    }
  } finally {
    await writer.release().catch(() => undefined);
  }
}

async function watch(run: Run, writer: Writer, session: Session): Promise<void> {
  const { options, mode } = run;
  let folded = performance.now();
  let dirty = session.entries.lastSequence > writer.pipeline.foldedSequence;
  for (;;) {
    const before = session.committer.lastSequence;
    const pass = await runPass({ ...run, writer, session, once: mode.once, signal: mode.signal });
    run.notChunks = pass.notChunks;
    run.failures = 0;
    dirty ||= session.committer.lastSequence > before;
    if (mode.signal.aborted) {
      options.on({ kind: 'stopping' });
      return;
    }
    if (mode.once && pass.again === 0) return;
    if (dirty && (!pass.progressed || performance.now() - folded > foldEveryMs)) {
      await session.fold();
      dirty = false;
      folded = performance.now();
    }
    if (pass.progressed) continue;
    await session.publisher.drain();
    if (!mode.once) options.on({ kind: 'idle' });
    // A listing that takes long must not be all that a bucket sees of us (PROTOCOL.md 6).
    const pause = Math.max(options.input.pollMs, 2 * pass.listMs);
    await sleep(pause, undefined, { signal: mode.signal }).catch(() => undefined);
    if (mode.signal.aborted) {
      options.on({ kind: 'stopping' });
      return;
    }
  }
}

/** How long to wait before a new life, or null if there is none. */
function retryIn(run: Run, error: unknown): number | null {
  if (!(error instanceof TallyhoError)) return null;
  if (isDataError(error)) return retryWithoutTheData(run);
  if (error.retry === 'never' || error.code === 'HELD') return null;
  run.failures++;
  if (run.mode.once && run.failures >= onceAttempts) return null;
  return Math.min(longestRetryMs, firstRetryMs * 2 ** (run.failures - 1));
}

/**
 * The database refuses what a commit holds: commit the chunks one by one, and leave out the one that fails (PROTOCOL.md
 * 3.4). Connection, disk and fencing errors never come here.
 */
function retryWithoutTheData(run: Run): number | null {
  const progress = !run.oneByOne || run.uncommittable.size > run.leftOut;
  run.oneByOne = true;
  run.leftOut = run.uncommittable.size;
  return progress ? firstRetryMs : null;
}

function summarize(run: Run, ms: number): RunSummary {
  const { tally } = run;
  const order = run.options.patterns.set.patterns.map((pattern) => pattern.id);
  return {
    seconds: ms / 1000,
    outcomes: tally.outcomes,
    rows: tally.rows,
    quarantinedRows: tally.quarantinedRows,
    detections: order.map((patternId) => ({ patternId, count: tally.detections.get(patternId) ?? 0 })),
    files: run.published,
    incidents: run.incidents,
    grew: tally.grew,
    notChunks: run.notChunks,
    lastSequence: run.lastSequence,
  };
}
