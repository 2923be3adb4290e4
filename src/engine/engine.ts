/**
 * The contract of an engine: chunks -> deltas per chunk and rejected rows. `local` reads in process; `spark` lets Spark read.
 *
 * An implementation owes:
 *   - results in the order of the tasks, one each; a fault of one chunk never touches another;
 *   - the same delta, row counts, rejected rows and reasons for the same bytes, whatever the engine (DESIGN.md 4);
 *   - `rows` = rows in the delta + `rejectedRows`; `rejected` holds the first 100,000 of these, in order of object and line;
 *   - to a taker, all of these from its number on, in that order, and a bounded number before it is asked for room;
 *   - bytes of exactly the version that was listed, else the outcome `moved`;
 *   - bounded memory: what grows is the delta, not the bytes.
 */
import type { Delta } from '../core/delta.ts';
import type { Layout } from '../core/layout.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { ChunkFault, RejectedRow, RejectedTaker } from '../reader/rejected.ts';
import type { Csv } from '../reader/csv.ts';

/** How rows are to be read: the layout says what is needed, the rest how the input looks. */
export interface ReadPlan {
  readonly layout: Layout;
  /** Our name -> its header, for names that differ. */
  readonly columns: Readonly<Record<string, string>>;
  readonly csv: Csv;
  /** Largest size of a chunk after unpacking, in bytes (`too_large`). */
  readonly maxChunkBytes: number;
  /** The rows are facts of the reference file, not transactions: they feed the measures of the weight only (reader/reading.ts). */
  readonly reference?: boolean;
}

export interface ReadTask {
  readonly chunk: ChunkVersion;
  /** `rows`: read and aggregate. `id`: only the content id (the key was applied before; its rows will not count). */
  readonly want: 'rows' | 'id';
  /** With `id`: what was applied under this key, so that growth can be told (an object only; null for folders). */
  readonly applied: { readonly contentId: string; readonly bytes: number } | null;
  /** With `rows`: is given rejected rows too, kept or not, in the order and with the numbers that `rejected` has. */
  readonly taker?: RejectedTaker;
}

export type ReadOutcome =
  | {
      readonly kind: 'rows';
      readonly contentId: string;
      /** Rows read: accepted and rejected. */
      readonly rows: number;
      readonly rejectedRows: number;
      readonly rejected: readonly RejectedRow[];
      readonly delta: Delta;
      /** Facts to tell with errors, such as a guessed quote. */
      readonly notes: readonly string[];
    }
  /** `grew`: longer than what was applied, and its first `applied.bytes` bytes have the applied content id (PROTOCOL.md 2.2). */
  | { readonly kind: 'id'; readonly contentId: string; readonly grew: boolean }
  /** The chunk cannot be read as a whole. Its content id is that of its bytes all the same. */
  | { readonly kind: 'fault'; readonly contentId: string; readonly fault: ChunkFault }
  /** It changed or went away under the reader: list again. */
  | { readonly kind: 'moved'; readonly detail: string };

export interface ReadResult {
  readonly task: ReadTask;
  readonly outcome: ReadOutcome;
  /** Bytes of the objects as stored (before unpacking). */
  readonly bytes: number;
}

export interface Engine {
  aggregate(tasks: AsyncIterable<ReadTask> | Iterable<ReadTask>, plan: ReadPlan, signal: AbortSignal): AsyncIterable<ReadResult>;
  close(): Promise<void>;
}
