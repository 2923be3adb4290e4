/**
 * Wall time by phase: for each, the time during which at least one act of it was under way.
 *
 * Phases overlap (files are put while the next chunk is read), so their times do not add up to the run's, and one that
 * waits for the main thread counts that as well. `count` is the number of acts, `bytes` what they moved.
 */
export interface Phase {
  readonly name: string;
  /** With an act under way, ms. */
  readonly wallMs: number;
  /** From the start of the process to the first act, ms. */
  readonly firstAtMs: number;
  readonly count: number;
  readonly bytes: number;
}

interface Open {
  underWay: number;
  since: number;
  wallMs: number;
  firstAtMs: number;
  count: number;
  bytes: number;
}

export class Phases {
  readonly #now: () => number;
  readonly #phases = new Map<string, Open>();

  /** `now`: ms since the start of the process. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** An act begins; call what is returned, once, when it is over. */
  begin(name: string): (bytes?: number) => void {
    const now = this.#now();
    const phase = this.#phases.get(name) ?? { underWay: 0, since: 0, wallMs: 0, firstAtMs: now, count: 0, bytes: 0 };
    this.#phases.set(name, phase);
    phase.count++;
    if (phase.underWay++ === 0) phase.since = now;
    return (bytes = 0) => {
      phase.bytes += bytes;
      if (--phase.underWay === 0) phase.wallMs += this.#now() - phase.since;
    };
  }

  async during<T>(name: string, work: () => Promise<T>, bytesOf: (result: T) => number = () => 0): Promise<T> {
    const end = this.begin(name);
    let bytes = 0;
    try {
      const result = await work();
      bytes = bytesOf(result);
      return result;
    } finally {
      end(bytes);
    }
  }

  /** One act as long as the iteration. */
  async *through<T>(name: string, items: AsyncIterable<T>, bytesOf: (item: T) => number = () => 0): AsyncIterable<T> {
    const end = this.begin(name);
    let bytes = 0;
    try {
      for await (const item of items) {
        bytes += bytesOf(item);
        yield item;
      }
    } finally {
      end(bytes);
    }
  }

  /** In the order in which they began. Those under way count up to now. */
  all(): readonly Phase[] {
    const now = this.#now();
    const phases = Array.from(this.#phases, ([name, { underWay, since, wallMs, firstAtMs, count, bytes }]) => ({
      name,
      wallMs: wallMs + (underWay > 0 ? now - since : 0),
      firstAtMs,
      count,
      bytes,
    }));
    return phases.sort((a, b) => a.firstAtMs - b.firstAtMs);
  }
}
