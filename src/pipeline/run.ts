/**
 * Drives a pipeline: claim, load, then list, read, evaluate, commit, publish and fold until told to stop.
 *
 * A failure that may pass (a lost connection, a bucket that does not answer) ends the session: memory is thrown away, and
 * after a pause a new session claims, loads and goes on (PROTOCOL.md 3.4). What cannot heal ends the run.
 */
import { crc32 } from '../core/crc32.ts';
import { TallyhoError } from '../core/error.ts';
import type { NotChunks } from '../objects/chunk.ts';
import type { CommitRequest, PipelineRow, Store } from '../store/store.ts';
import { inboxEveryMs, watchInbox } from './inbox.ts';
import { isDataError } from './data-error.ts';
import type { PipelineOptions } from './options.ts';
import { isStop, runPass } from './pass.ts';
import { openSession, type Session } from './session.ts';
import { makeTally, type RunSummary, type Tally } from './summary.ts';

export interface RunMode {
  /** Take all that is there, publish, fold, and end. */
  readonly once: boolean;
  /** Aborted: finish the commit in hand, publish, fold, and end without an error. */
  readonly signal: AbortSignal;
}

const firstRetryMs = 200;
export const longestRetryMs = 30_000;
/** `--once` gives up after so many failures without anything done in between; a watching detector never does. */
const onceAttempts = 6;

interface Run {
  readonly options: PipelineOptions;
  readonly mode: RunMode;
  readonly startTime: Date;
  readonly tally: Tally;
  readonly firstSeen: Map<string, number>;
  readonly uncommittable: Map<string, string>;
  /** A group failed for a reason in its data: until a pass has succeeded each entry is a commit of its own. */
  oneByOne: boolean;
  /** How many uncommittable versions the session before knew. */
  leftOut: number;
  /** A commit whose answer was lost. */
  unknown: CommitRequest | null;
  /** Failures since something was done. */
  failures: number;
  notChunks: NotChunks;
  files: number;
  /** Put, and perhaps not marked: another life may put them again. */
  readonly unmarked: Set<string>;
  readonly incidents: Set<string>;
  lastSequence: number;
  /** Said once: an output that is ahead later on, after a failover, is another matter. */
  adopt: boolean;
  /** Of the last claim. */
  epoch: number;
}

export async function runPipeline(options: PipelineOptions, mode: RunMode): Promise<RunSummary> {
  const { time } = options;
  const started = time.elapsed();
  const run: Run = {
    options: { ...options, confirm: askOnce(options.confirm) },
    mode,
    startTime: options.clock(),
    tally: makeTally(),
    firstSeen: new Map(),
    uncommittable: new Map(),
    oneByOne: false,
    leftOut: 0,
    unknown: null,
    failures: 0,
    notChunks: { count: 0, examples: [] },
    files: 0,
    unmarked: new Set(),
    incidents: new Set(),
    lastSequence: 0,
    adopt: options.adopt ?? false,
    epoch: 0,
  };
  for (;;) {
    try {
      await live(run);
      return summarize(run, time.elapsed() - started);
    } catch (error) {
      if (isStop(error, mode.signal)) return summarize(run, time.elapsed() - started);
      const inMs = retryIn(run, error);
      // A failure on the way out is told: what is not done yet is done by the next start.
      if (inMs === null || mode.signal.aborted) throw error;
      options.on({ kind: 'retry', error: error instanceof Error ? error : new Error(String(error)), inMs });
      await time.sleep(inMs, mode.signal).catch(() => undefined);
      if (mode.signal.aborted) return summarize(run, time.elapsed() - started);
    }
  }
}

/** Whoever said yes is not asked again because a connection was lost in between. */
function askOnce(confirm: PipelineOptions['confirm']): PipelineOptions['confirm'] {
  let confirmed = false;
  return async (detections) => {
    confirmed ||= await confirm(detections);
    return confirmed;
  };
}

/** Claims, works, releases. Returns when it is done; throws when this life is over. */
async function live(run: Run): Promise<void> {
  const { options, mode } = run;
  const onHeld = (by: string): void => options.on({ kind: 'held', by });
  const onLeaseTrouble = (why: string): void => options.on({ kind: 'lease-trouble', why });
  const writer = await options.store.claim({ waitMs: options.claimWaitMs, signal: mode.signal, onHeld, onLeaseTrouble });
  try {
    const { epoch, lastSequence } = writer.pipeline;
    assertNotBehind(run, writer.pipeline, options.store.describe);
    run.epoch = epoch;
    run.lastSequence = lastSequence;
    options.on({ kind: 'claimed', epoch, lastSequence });
    await tallyUnknown(run, options.store);
    const session = await openSession({
      options: { ...options, adopt: run.adopt },
      writer,
      startTime: run.startTime,
      tally: run.tally,
      groupSize: () => (run.oneByOne ? 1 : options.commitChunks),
      uncommittable: run.uncommittable,
      onCommitted() {
        run.failures = 0;
      },
      onPut(key) {
        if (!run.unmarked.has(key)) run.files++;
        run.unmarked.add(key);
      },
      onMarked(keys) {
        run.failures = 0;
        for (const key of keys) run.unmarked.delete(key);
      },
      onUnknown(request) {
        run.unknown = request;
      },
      signal: mode.signal,
    });
    run.adopt = false;
    try {
      await watch(run, session);
      await finish(session);
    } catch (error) {
      // What came before the bad chunk is as good as ever.
      if (error instanceof TallyhoError && error.code === 'HALTED') await finish(session);
      throw error;
    } finally {
      await session.close();
      for (const key of session.publisher.incidents) run.incidents.add(key);
      run.lastSequence = session.committer.lastSequence;
    }
  } finally {
    await writer.release().catch(() => undefined);
  }
}

async function finish(session: Session): Promise<void> {
  await session.committer.flush();
  await session.folding.finish();
  await session.publisher.drain();
}

async function watch(run: Run, session: Session): Promise<void> {
  const { options, mode } = run;
  const { once, signal } = mode;
  const lookIntoInbox = watchInbox(options, session, run.uncommittable, signal);
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    // One that has nothing to commit learns here that it was taken over, or that its connection is gone.
    session.assertHeld();
    await lookIntoInbox();
    const pass = await runPass({ ...run, session, once, isFirst, signal, lookIntoInbox }).catch((error: unknown) => {
      if (isStop(error, signal)) return null;
      throw error;
    });
    if (pass === null) break;
    run.notChunks = pass.notChunks;
    for (const key of pass.grew) if (!run.tally.grew.includes(key)) run.tally.grew.push(key);
    run.oneByOne = false;
    if (signal.aborted) break;
    if (once && pass.again === 0) return;
    if (pass.progressed) continue;
    await session.publisher.drain();
    // A listing that takes long must not be all that a bucket sees of us (PROTOCOL.md 6).
    await rest(run, session, lookIntoInbox, Math.max(options.input.pollMs, 2 * pass.listMs));
  }
  options.on({ kind: 'stopping' });
}

/** Until it is time to list again. Meanwhile the tables are brought up; then, and only then, the detector is idle. */
async function rest(run: Run, { folding }: Session, lookIntoInbox: () => Promise<void>, ms: number): Promise<void> {
  const { once, signal } = run.mode;
  const { time } = run.options;
  const until = time.elapsed() + ms;
  let isIdle = false;
  for (;;) {
    folding.begin();
    if (folding.isDone && !isIdle) {
      isIdle = true;
      run.failures = 0;
      if (!once) run.options.on({ kind: 'idle' });
    }
    const left = until - time.elapsed();
    if (left <= 0 || signal.aborted) return;
    await folding.wait(Math.min(left, inboxEveryMs), signal);
    await lookIntoInbox();
  }
}

/**
 * After a failover the database may be an older one: a standby that had not received everything (PROTOCOL.md 4.5). Going on from
 * there would give sequence numbers twice. What an earlier process knew is seen in the output alone (sink-ahead.ts).
 */
function assertNotBehind(run: Run, { epoch, lastSequence }: PipelineRow, where: string): void {
  if (epoch > run.epoch && lastSequence >= run.lastSequence) return;
  throw new TallyhoError(
    'STORE_BEHIND',
    `The state in ${where} ends at entry ${lastSequence} of epoch ${epoch}, but this detector knows of entry ${run.lastSequence} and epoch ${run.epoch}: it is an older copy.`,
    { mend: 'Let the server that was written last take over again, or bring back its newest backup. Nothing was committed to this one.' },
  );
}

/** Counts what the commit before a lost connection did after all. */
async function tallyUnknown(run: Run, store: Store): Promise<void> {
  const entries = run.unknown?.entries ?? [];
  const first = entries[0]?.line;
  if (first === undefined) return;
  for await (const batch of store.chunks({ key: first.key, outcome: first.outcome })) {
    const isThere = batch.some(
      ({ version, sequence, detectionTime }) =>
        version === first.version && sequence === first.sequence && detectionTime.getTime() === first.detectionTime.getTime(),
    );
    if (!isThere) continue;
    for (const { line, detections } of entries)
      run.tally.line(
        line,
        detections.map(({ patternId }) => patternId),
      );
    break;
  }
  run.unknown = null;
}

/** How long to wait before a new life, or null if there is none. */
function retryIn(run: Run, error: unknown): number | null {
  if (!(error instanceof TallyhoError)) return null;
  if (isDataError(error)) return retryWithoutTheData(run);
  if (error.retry === 'never' || error.code === 'HELD') return null;
  run.failures++;
  if (run.mode.once && run.failures >= onceAttempts) return null;
  return retryPause(run.options.name, run.failures);
}

/**
 * Twice as long each time, up to a limit; the second half of it differs from pipeline to pipeline, so that after the loss of a
 * server its detectors do not all come back at once. By the name and not by chance: a simulation runs the same way each time.
 */
export function retryPause(name: string, failures: number): number {
  const longest = Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1));
  const bytes = Buffer.from(`${failures} ${name}`);
  return Math.round((longest / 2) * (1 + crc32(bytes, 0, bytes.length) / 2 ** 32));
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
    notCountedRows: tally.notCountedRows,
    detections: order.map((patternId) => ({ patternId, count: tally.detections.get(patternId) ?? 0 })),
    files: run.files,
    incidents: run.incidents.size,
    grew: tally.grew,
    notChunks: run.notChunks,
    lastSequence: run.lastSequence,
  };
}
