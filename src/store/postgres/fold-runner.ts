/**
 * Runs the folds of one writer (what a fold is: fold.ts, how it keeps to the epoch: fold-lock.ts): on the writer's own session, or
 * beside its commits, on a second one. That is opened with the first such fold, and its loss is that of the fold under way alone.
 */
import { TallyhoError } from '../../core/error.ts';
import type { FoldRows } from '../../core/detector.ts';
import type { Layout } from '../../core/layout.ts';
import { sqlState } from './failure.ts';
import { fenced } from './fence.ts';
import { writeStatistics } from './fold.ts';
import { beginFold, divisionByZero, endFold, endOwnFold, type FoldStep } from './fold-lock.ts';
import type { Session } from './session.ts';
import { unhurried } from './session-settings.ts';

interface FoldRunnerParts {
  /** The writer's own. */
  readonly session: Session;
  /** A further session for the writer alone. */
  readonly openSession: () => Promise<Session>;
  /** Runs something on a session of the readers. */
  readonly useReader: <T>(work: (session: Session) => Promise<T>) => Promise<T>;
  readonly keepDeltas: number;
}

interface FoldTask extends FoldStep {
  /** null: nothing is counted yet. */
  readonly layout: Layout | null;
  readonly generation: number;
  readonly rows: readonly FoldRows[];
}

export class FoldRunner {
  readonly #parts: FoldRunnerParts;
  #second: Session | null = null;

  constructor(parts: FoldRunnerParts) {
    this.#parts = parts;
  }

  /** FENCED: another writer took over. */
  async run(task: FoldTask): Promise<void> {
    await this.#runOn(this.#parts.session, task);
  }

  /** As `run`, beside commits. `signal` ends its connection, and with it the fold. */
  async runBeside(task: FoldTask, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#second === null || this.#second.ended !== null) this.#second = await this.#parts.openSession();
    const session = this.#second;
    const end = (): void => void session.close().catch(() => {});
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      await this.#runOn(session, task);
    } catch (error) {
      if (session.ended === null || this.#parts.session.ended !== null) throw error;
      throw (await this.#afterLost(task)) ?? error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  async close(): Promise<void> {
    await this.#second?.close();
  }

  async #runOn(session: Session, task: FoldTask): Promise<void> {
    const { name, epoch, from, to, layout, generation, rows } = task;
    try {
      await session.transaction(
        `begin; ${unhurried}`,
        'fold',
        async (statements) => {
          if (!(await beginFold(statements, task))) throw fenced(name, epoch);
          if (layout !== null) await writeStatistics(statements, layout, generation, rows, from < 0);
          await statements.query(deleteDeltas, [to, this.#parts.keepDeltas]);
        },
        (statements) => endFold(statements, task),
      );
    } catch (error) {
      throw error instanceof TallyhoError && sqlState(error.cause) === divisionByZero ? fenced(name, epoch) : error;
    }
  }

  /** What is left of it on the server must hold up no commit. Whoever took over has ended it: then that is what happened. */
  async #afterLost({ name, epoch }: FoldTask): Promise<TallyhoError | null> {
    try {
      const [row] = await this.#parts.useReader(async (session) => {
        await session.query(endOwnFold, [name, epoch]);
        return await session.query<{ epoch: number }>(selectEpoch, [name]);
      });
      return row === undefined || row.epoch === epoch ? null : fenced(name, epoch);
    } catch {
      return null;
    }
  }
}

const selectEpoch = 'select epoch from pipeline where name = $1';

/** Folded deltas beyond the newest $2 are not needed to start. */
const deleteDeltas = 'delete from delta where sequence <= $1 and sequence <= (select last_sequence from pipeline) - $2';
