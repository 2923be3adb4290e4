/**
 * What this thread (beside.ts) and the one beside it (beside-main.ts) say to each other. Blocks are shared memory: nothing is
 * copied. Work is done in the order in which it is sent.
 */
import type { CsvStart } from '../../reader/piece-taker.ts';
import type { PiecesRead } from '../../reader/pieces.ts';
import type { Reading } from '../../reader/reading.ts';

export interface BesideTask {
  readonly object: string;
  readonly reading: Reading;
  readonly counters: SharedArrayBuffer;
}

/** Words of `counters`. */
export const counters = {
  /** How many works were done. */
  done: 0,
  /** Not 0: somebody waits for a message that there are more. */
  waiting: 1,
} as const;

export type BesideWork =
  /** Hash the first `bytes` bytes. */
  | { readonly kind: 'hash'; readonly buffer: ArrayBufferLike; readonly bytes: number }
  /** Read the lines in bytes from .. end, the first of which is `line`. */
  | {
      readonly kind: 'piece';
      readonly buffer: ArrayBufferLike;
      readonly from: number;
      readonly end: number;
      readonly line: number;
      readonly start: CsvStart;
    }
  | { readonly kind: 'end' };

export type BesideAnswer =
  | { readonly kind: 'done' }
  /** To `end`; null: there were no pieces. */
  | { readonly kind: 'ended'; readonly digest: string; readonly pieces: PiecesRead | null };
