/**
 * A database server in memory: the state of each pipeline, who holds it, and until when. What it does, it does at once and as a
 * whole; everything that takes time or fails on the way is the wire's (wire.ts).
 */
import { emptyState, type State } from './state.ts';
import type { Holder } from '../../src/store/store.ts';
import type { Connection } from './wire.ts';

/** As the real store's. */
const leaseMs = 30_000;

export interface Pipeline {
  state: State;
  holder: Connection | null;
  leaseUntil: number;
  since: number;
}

/** What is the claimer's own, though the server may still show it as a live holder. */
export interface Own {
  readonly epoch: number | null;
  readonly connection: Connection | null;
}

export class Database {
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #now: () => number;
  /** Turned off by a planted bug only. */
  checksEpoch = true;
  /** Told of every claim and of every write, as it takes place. */
  onClaim: (state: State) => void = () => {};
  onWrite: (doing: string, epoch: number, before: State, after: State) => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  state(name: string): State | null {
    return this.#pipelines.get(name)?.state ?? null;
  }

  isHeld(name: string): boolean {
    const pipeline = this.#pipelines.get(name);
    return pipeline !== undefined && this.#isHeld(pipeline);
  }

  holderOf(name: string): Holder | null {
    const pipeline = this.#pipelines.get(name);
    if (pipeline === undefined || !this.#isHeld(pipeline)) return null;
    const renewed = pipeline.leaseUntil - leaseMs;
    return {
      host: 'simulated',
      process: 1,
      since: new Date(pipeline.since),
      renewedSecondsAgo: Math.floor((this.#now() - renewed) / 1000),
    };
  }

  /** Raises the epoch; null while somebody else holds it. */
  claim(name: string, connection: Connection, own: Own): State | null {
    const pipeline = this.#pipelines.get(name) ?? { state: emptyState(name), holder: null, leaseUntil: 0, since: 0 };
    this.#pipelines.set(name, pipeline);
    const isOurs = pipeline.state.epoch === own.epoch || (pipeline.holder !== null && pipeline.holder === own.connection);
    if (this.#isHeld(pipeline) && !isOurs) return null;
    pipeline.state = { ...pipeline.state, epoch: pipeline.state.epoch + 1 };
    pipeline.holder = connection;
    pipeline.since = this.#now();
    pipeline.leaseUntil = this.#now() + leaseMs;
    this.onClaim(pipeline.state);
    return pipeline.state;
  }

  /** A transaction of the writer of `epoch`, which must not be that of an older one; null: it is. */
  write(name: string, epoch: number, doing: string, change: (state: State) => State | null): State | null {
    const pipeline = this.#pipelines.get(name);
    if (pipeline === undefined || (this.checksEpoch && pipeline.state.epoch !== epoch)) return null;
    const before = pipeline.state;
    const after = change(before);
    if (after === null) return null;
    pipeline.state = after;
    pipeline.leaseUntil = this.#now() + leaseMs;
    this.onWrite(doing, epoch, before, after);
    return after;
  }

  /** A transaction of whoever needs no lease. */
  change(name: string, change: (state: State) => State): void {
    const pipeline = this.#pipelines.get(name);
    if (pipeline !== undefined) pipeline.state = change(pipeline.state);
  }

  release(name: string, epoch: number): void {
    const pipeline = this.#pipelines.get(name);
    if (pipeline?.state.epoch === epoch) pipeline.holder = null;
  }

  /** As if the holder had been silent for longer than its lease. */
  expireLease(name: string): void {
    const pipeline = this.#pipelines.get(name);
    if (pipeline !== undefined) pipeline.leaseUntil = -Infinity;
  }

  #isHeld({ holder, leaseUntil }: Pipeline): boolean {
    return holder !== null && !holder.isGone && leaseUntil > this.#now();
  }
}
