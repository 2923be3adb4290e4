/** Reads the pieces (pieces.ts) of an object, in their order. */
import { Aggregator } from './aggregator.ts';
import { CsvPart } from './csv-part.ts';
import type { CsvStart } from './piece-taker.ts';
import type { PiecesRead } from './pieces.ts';
import type { Reading } from './reading.ts';
import { Rejections } from './rejections.ts';

export class PieceReader {
  readonly #aggregator: Aggregator;
  readonly #rejections = new Rejections();
  readonly #part: CsvPart;
  readonly #sizes: Uint32Array[] = [];

  constructor(object: string, reading: Reading, start: CsvStart) {
    this.#aggregator = new Aggregator(reading);
    this.#part = new CsvPart(object, reading, this.#aggregator, this.#rejections);
    this.#part.startAtRows(start);
  }

  read(piece: Uint8Array, line: number): void {
    this.#part.readLines(piece, line);
    this.#sizes.push(this.#aggregator.sizes());
  }

  end(): PiecesRead {
    const rejectedRows = this.#rejections.count;
    return {
      rows: this.#part.rows,
      rejectedRows,
      rejected: this.#rejections.take(),
      delta: this.#aggregator.take(),
      sizes: this.#sizes,
    };
  }
}
