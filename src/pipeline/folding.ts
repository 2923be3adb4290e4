/**
 * When the statistics tables are brought up to what is committed, beside all other work.
 *
 *   resting -> folding    `begin`: something is committed that the tables have not, and nothing was for a moment, or they lag too far
 *   folding -> resting    the tables have it
 *   folding -> failed     for good: nobody knows what they have. The session ends, and the next one reads how far they are
 *
 * A fold takes what was applied, so it begins only while all that was evaluated is committed: rows are taken in the moment in
 * which that is seen. What is applied later belongs to the next one. At most one is in flight.
 */
import { assertLaw, TallyhoError } from '../core/error.ts';
import type { Detector, FoldRows } from '../core/detector.ts';
import type { Writer } from '../store/store.ts';
import type { PipelineEvent } from './events.ts';
import type { Time } from './time.ts';

export interface Folding {
  /** Begins one if it is time for it; all that was evaluated is committed. Throws what ended one before. */
  begin(): void;
  /** Whether the tables have lagged for longer than they may, and no fold is on its way. Throws as `begin`. */
  readonly isOverdue: boolean;
  /** The tables have all that is committed, and no fold is on its way. */
  readonly isDone: boolean;
  /** Resolves when `begin` may have something to do or to throw: at the end of a fold, at its time, or after `ms`. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Folds all that is committed; no other work is to come. */
  finish(): Promise<void>;
  /** Ends what is under way, whatever becomes of it, and begins nothing further. */
  close(): Promise<void>;
}

export interface FoldingOptions {
  readonly detector: Pick<Detector, 'takeFold' | 'beginFold' | 'returnFold'>;
  readonly writer: Pick<Writer, 'fold'>;
  readonly folded: number;
  /** Sequence numbers of the last entries that were evaluated and committed. */
  readonly last: () => { readonly evaluated: number; readonly committed: number };
  readonly time: Time;
  readonly on: (event: PipelineEvent) => void;
}

/** The tables lag behind the ledger by no more than this, besides what a fold takes. */
const foldEveryMs = 10_000;
/** Nothing was committed for so long: a chunk that follows closely finds the server at its service. */
const quietMs = 300;

export function makeFolding({ detector, writer, folded: before, last, time, on }: FoldingOptions): Folding {
  const ended = new AbortController();
  const state = { folded: before, inFlight: null as Promise<void> | null, failure: null as Error | null };
  /** When the tables were last seen to have all that was committed, or a fold ended. */
  let levelAt = time.elapsed();
  /** The last commit that was seen. */
  const seen = { sequence: before, at: time.elapsed() };

  function lags(): boolean {
    const isLagging = last().committed > state.folded;
    if (!isLagging) levelAt = time.elapsed();
    return isLagging;
  }

  function quietAt(): number {
    const { committed } = last();
    if (committed !== seen.sequence) Object.assign(seen, { sequence: committed, at: time.elapsed() });
    return seen.at + quietMs;
  }

  function isLate(): boolean {
    return lags() && time.elapsed() - levelAt > foldEveryMs;
  }

  function check(): void {
    if (state.failure !== null) throw state.failure;
  }

  /** Rows of this moment. Beside other work they are made some at a time, and chunks go on in between. */
  async function take(beside?: AbortSignal): Promise<readonly FoldRows[]> {
    if (beside === undefined) return detector.takeFold();
    const making = detector.beginFold();
    for (;;) {
      const next = making.next();
      if (next.done === true) return next.value;
      // To its end even if it is in vain: only then can it be passed back.
      if (!beside.aborted) await time.sleep(0, beside).catch(() => undefined);
    }
  }

  async function fold(beside?: AbortSignal): Promise<void> {
    const { evaluated, committed: to } = last();
    assertLaw(evaluated === to, 'what is folded is committed');
    const started = time.elapsed();
    const rows = await take(beside);
    try {
      await writer.fold(rows, to, beside);
    } catch (error) {
      detector.returnFold(rows);
      throw error;
    }
    state.folded = to;
    levelAt = time.elapsed();
    on({ kind: 'folded', to, rows: rows.reduce((sum, { entities }) => sum + entities.length, 0), ms: levelAt - started });
  }

  async function settle(): Promise<void> {
    while (state.inFlight !== null) await state.inFlight;
  }

  return {
    begin() {
      check();
      if (state.inFlight !== null || ended.signal.aborted || !lags()) return;
      if (!isLate() && time.elapsed() < quietAt()) return;
      state.inFlight = fold(ended.signal)
        .catch((error: unknown) => {
          state.failure = error instanceof Error ? error : new TallyhoError('INTERNAL', String(error));
        })
        .finally(() => {
          state.inFlight = null;
        });
    },
    get isOverdue() {
      check();
      return state.inFlight === null && isLate();
    },
    get isDone() {
      return state.inFlight === null && state.failure === null && !lags();
    },
    async wait(ms, signal) {
      const untilQuiet = state.inFlight === null && lags() ? Math.max(1, quietAt() - time.elapsed()) : ms;
      const over = new AbortController();
      // Not AbortSignal.any: whatever it makes leaves something with `signal`, which lives as long as the process.
      const stop = (): void => over.abort();
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      const pause = time.sleep(Math.min(ms, untilQuiet), over.signal).catch(() => undefined);
      await (state.inFlight === null ? pause : Promise.race([pause, state.inFlight]));
      signal.removeEventListener('abort', stop);
      over.abort();
    },
    async finish() {
      await settle();
      check();
      if (lags()) await fold();
    },
    async close() {
      ended.abort();
      await settle();
    },
  };
}
