/** What the writer and the thread that renews its lease say to each other. */
import type { Address } from './address.ts';

/** The thread's `workerData`: the one way that the password takes. */
export interface RenewalTask {
  readonly connection: Address;
  readonly pipeline: string;
  readonly epoch: number;
  /** By how much each renewal extends the lease. */
  readonly seconds: number;
  readonly everyMs: number;
  /** A main thread that was not heard for longer hangs for ever, for all that can be known. */
  readonly patienceMs: number;
  /** One Int32: it moves while the main thread is alive. */
  readonly beats: SharedArrayBuffer;
}

/** Of the thread. To it there is one message only: to end. */
export type RenewalAnswer =
  /** Another holds the pipeline, or nobody: the thread ends. */
  | { readonly kind: 'fenced' }
  /** Renewals fail; it goes on trying. No secrets. */
  | { readonly kind: 'failed'; readonly why: string };
