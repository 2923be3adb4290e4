/**
 * Reads the parts of a chunk, one after the other, into one delta. One reader serves many chunks, one at a time, and
 * keeps its tables between them; what it hands out is self-contained.
 */
import type { Delta } from '../core/delta.ts';
import { type Aggregation, Aggregator } from './aggregator.ts';
import { CsvPart } from './csv-part.ts';
import type { PieceTaker } from './piece-taker.ts';
import { Pieces, type PiecesRead } from './pieces.ts';
import type { Reading } from './reading.ts';
import type { RejectedRow } from './rejected.ts';
import { Rejections } from './rejections.ts';

export interface ChunkRows {
  /** Rows read: accepted and rejected. */
  readonly rows: number;
  readonly rejectedRows: number;
  readonly rejected: readonly RejectedRow[];
  readonly delta: Delta;
}

export class ChunkReader {
  readonly reading: Reading;
  /** For readers of other formats (Parquet), which find rows themselves. */
  readonly aggregator: Aggregator;
  readonly rejections: Rejections;
  readonly #pieces: Pieces;

  constructor(reading: Reading, aggregation: Aggregation = 'auto') {
    this.reading = reading;
    this.aggregator = new Aggregator(reading, aggregation);
    this.rejections = new Rejections();
    this.#pieces = new Pieces(reading);
  }

  /** A reader of the next part. `object` is its key, for rejected rows and messages; `beside`: whoever may read pieces of it. */
  csv(object: string, beside: PieceTaker | null = null): CsvPart {
    return new CsvPart(object, this.reading, this.aggregator, this.rejections, beside);
  }

  /** What was read beside of the part that has ended. */
  addPieces(part: CsvPart, read: PiecesRead): void {
    this.#pieces.add(part.givenAt, read);
    this.rejections.merge(read.rejected, read.rejectedRows);
  }

  /** What the parts since the last call have given; `rows` is the sum of theirs. */
  take(rows: number): ChunkRows {
    const rejectedRows = this.rejections.count;
    return { rows, rejectedRows, rejected: this.rejections.take(), delta: this.#pieces.join(this.aggregator.take()) };
  }

  /** Forgets the parts since the last call: the chunk has a fault. */
  clear(): void {
    this.aggregator.clear();
    this.rejections.clear();
    this.#pieces.clear();
  }
}
