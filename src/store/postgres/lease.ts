/**
 * Renews the lease by a timer when no commit has done so, with the database's clock.
 *
 * It runs on the main thread for now; whoever blocks that for longer than the lease may be taken over, which costs time
 * and nothing else. `renew` is all it needs, so it can move to a thread with a connection of its own.
 */
/** The lease; renewed with each commit and by a timer. */
export const leaseSeconds = 30;

const everyMs = 10_000;

export class Lease {
  #timer: NodeJS.Timeout | null;
  #renewed = performance.now();
  #renewing = false;

  constructor(renew: () => Promise<void>) {
    this.#timer = setInterval(() => {
      if (this.#renewing || performance.now() - this.#renewed < everyMs) return;
      this.#renewing = true;
      // A failure shows in the next commit: the connection is lost, or the fence is.
      void renew()
        .then(() => this.touch())
        .catch(() => {})
        .finally(() => {
          this.#renewing = false;
        });
    }, everyMs / 2);
    this.#timer.unref();
  }

  /** A transaction has renewed it. */
  touch(): void {
    this.#renewed = performance.now();
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
