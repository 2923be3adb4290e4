/** The other side of pieces.ts: who takes pieces of an object off the reader's hands. */
import type { Columns } from './header.ts';

/** What is known of an object once its header is read. */
export interface CsvStart {
  readonly quote: number;
  readonly columns: Columns;
}

/** Who reads pieces beside. */
export interface PieceTaker {
  /** Whether it can read so many bytes of the block now. */
  wants(block: Uint8Array, bytes: number): boolean;
  /** Takes block[from .. end), whose first line is `line`; the bytes may be read until they are given back (engine). */
  take(block: Uint8Array, from: number, end: number, line: number, start: CsvStart): void;
}
