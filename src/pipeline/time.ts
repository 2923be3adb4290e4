/**
 * How the pipeline tells the time and waits. Nothing else in this zone asks a clock or sets a timer (a lint rule), so a simulation
 * can run years of it in seconds, and the same way each time. What goes into the ledger is `PipelineOptions.clock`, not this.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Time {
  /** ms since 1970: what modification times of objects are compared with. */
  now(): number;
  /** ms since any moment, never set back. */
  elapsed(): number;
  /** Rejects with the signal's AbortError when that is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const realTime: Time = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
