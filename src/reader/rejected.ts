/** What is not counted, and why (DESIGN.md 4). */

/** Reasons of a row, in the order in which they are looked for. */
export const rowReasons = ['bad_encoding', 'too_long', 'column_count', 'missing_key', 'long_key', 'bad_amount', 'bad_weight'] as const;
export type RowReason = (typeof rowReasons)[number];

/** Reasons of a whole chunk; rows then count 0, but for `too_many_bad_rows`. */
export type ChunkReason =
  | 'unreadable'
  | 'bad_header'
  | 'bad_quoting'
  | 'too_many_bad_rows'
  | 'too_large'
  | 'unpack_ratio'
  | 'ambiguous'
  | 'uncommittable';

export interface RejectedRow {
  /** Key of the object (a part, where the chunk is a folder), relative to the source's URL. */
  readonly object: string;
  /** The line on which the record starts; 1 is the first of the object. Of Parquet: the row's number + 1. */
  readonly line: number;
  readonly reason: RowReason;
  /** The record's bytes without its line end, at most the first `keptBytes`. Of Parquet: the row as CSV. */
  readonly raw: Uint8Array;
  /** Number of bytes of the whole record, and their SHA-256 (lower-case hex) where `raw` is cut. */
  readonly length: number;
  readonly sha256: string | null;
}

/** Who takes rejected rows of a chunk as they are found: of those behind the kept ones there may be any number. */
export interface RejectedTaker {
  /** Number of the first row to be given, among the rejected ones of the chunk in reading order; 0 is the first. */
  readonly from: number;
  take(row: RejectedRow, number: number): void;
  /** Asked every few thousand rows: no more come before it is resolved. */
  room(): Promise<void> | undefined;
}

export interface ChunkFault {
  readonly reason: ChunkReason;
  /** The object in which it was found. */
  readonly object: string;
  /** A sentence with what was found, where, and the mend. */
  readonly detail: string;
}

export const keptBytes = 8192;
export const keptRows = 100_000;
