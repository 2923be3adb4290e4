/**
 * Rejected rows of an applied chunk, read from the source once more: the ledger keeps the first 100,000 of a chunk (PROTOCOL.md 2.5), and
 * those behind them are in its bytes alone.
 *
 * What is read is what was quarantined only if the bytes are those that were applied and are read as they were: content id, rows, bad
 * rows and each row that the ledger has must be the same. That is known at the end, so whoever takes rows before takes them back.
 */
import type { Engine, ReadPlan, ReadOutcome } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { RejectedTaker } from '../reader/rejected.ts';
import type { StoredLine, StoreReader } from '../store/store.ts';

export interface ReadAgain {
  readonly store: Pick<StoreReader, 'quarantined'>;
  readonly engine: Engine;
  readonly plan: ReadPlan;
  readonly signal: AbortSignal;
}

/** A line of the ledger that says what was read then. */
export type LineRead = Pick<StoredLine, 'position' | 'key' | 'folder' | 'contentId' | 'rows' | 'quarantined'>;

/** Whether all rows that `taker` was given are rejected rows of `line`. */
export async function readRejected(
  { store, engine, plan, signal }: ReadAgain,
  line: LineRead,
  chunk: ChunkVersion,
  taker: RejectedTaker,
): Promise<boolean> {
  if (chunk.state.kind !== 'ready') return false;
  for await (const { outcome } of engine.aggregate([{ chunk, want: 'rows', applied: null, taker }], plan, signal)) {
    signal.throwIfAborted();
    return outcome.kind === 'rows' && isAsItWas(line, outcome) && (await hasItsRows(store, line, outcome));
  }
  return false;
}

type RowsRead = Extract<ReadOutcome, { readonly kind: 'rows' }>;

function isAsItWas({ contentId, rows, quarantined }: LineRead, read: RowsRead): boolean {
  return read.contentId === contentId && read.rows === rows && read.rejectedRows === quarantined;
}

/** Other settings may reject as many rows, and others. */
async function hasItsRows(store: ReadAgain['store'], { position, key }: LineRead, { rejected }: RowsRead): Promise<boolean> {
  for await (const page of store.quarantined({ key })) {
    for (const row of page) {
      const same = rejected[row.number];
      if (row.position !== position || same === undefined) continue;
      if (same.object !== row.object || same.line !== row.line || same.reason !== row.reason) return false;
    }
  }
  return true;
}

/** Which of a chunk's rejected rows the ledger has: those up to a number, and single ones behind it (of which replays have said what they were). */
export class KeptRows {
  /** The number of the first that it does not have. */
  first = 0;
  readonly #others = new Set<number>();

  get count(): number {
    return this.first + this.#others.size;
  }

  /** In the order of their numbers. */
  add(number: number): void {
    if (number === this.first) this.first++;
    else this.#others.add(number);
  }

  has(number: number): boolean {
    return number < this.first || this.#others.has(number);
  }
}
