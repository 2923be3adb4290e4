/**
 * Keeps the lease, with the database's clock: renewed with each commit, else by a timer on the writer's session, which is thereby
 * known to live; and beside both by a thread (renewal-thread.ts), which does so while this one computes.
 *
 * The thread costs a moment of CPU and a connection, so it starts when a run has lasted: the claim gave the whole lease, and most
 * of `run --once` is over before.
 */
import type { RenewalThread } from './renewal-thread.ts';

/** The lease; renewed with each commit and by a timer. */
export const leaseSeconds = 30;

export const renewEveryMs = 10_000;
/** The longest step that is taken for work: far longer than any that was ever seen. */
export const patienceMs = 300_000;
const threadAfterMs = 2_000;

export interface LeaseParts {
  /** Renews it on the writer's session. */
  readonly renew: () => Promise<void>;
  /** Whether the writer's session is gone: then there is nothing to keep. */
  readonly isLost: () => boolean;
  readonly startThread: () => Pick<RenewalThread, 'beat' | 'end'>;
}

export class Lease {
  readonly #parts: LeaseParts;
  readonly #timers: readonly NodeJS.Timeout[];
  #thread: ReturnType<LeaseParts['startThread']> | null = null;
  #renewed = performance.now();
  #renewing = false;
  #ended: Promise<void> | null = null;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#timers = [setInterval(() => this.#look(), renewEveryMs / 2), setTimeout(() => this.#startThread(), threadAfterMs)];
    for (const timer of this.#timers) timer.unref();
  }

  /** A transaction has renewed it. */
  touch(): void {
    this.#renewed = performance.now();
  }

  /** No renewal begins any more. Resolves when none is under way in the thread. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#ended ??= this.#thread?.end() ?? Promise.resolve();
    await this.#ended;
  }

  #startThread(): void {
    if (!this.#parts.isLost()) this.#thread = this.#parts.startThread();
  }

  #look(): void {
    if (this.#parts.isLost()) return void this.end();
    this.#thread?.beat();
    if (this.#renewing || performance.now() - this.#renewed < renewEveryMs) return;
    this.#renewing = true;
    // A failure shows in the next commit: the connection is lost, or the fence is.
    void this.#parts
      .renew()
      .then(() => this.touch())
      .catch(() => {})
      .finally(() => {
        this.#renewing = false;
      });
  }
}
