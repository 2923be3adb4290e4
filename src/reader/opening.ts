/**
 * How a CSV object begins: from its first byte to what must be known before its header is read.
 *
 *   skipping   a BOM, then blank lines, which may come in any number
 *   guessing   bytes are gathered until the quote is known; left out where it is configured
 *   over
 */
import { CR, DOUBLE_QUOTE, LF, NO_QUOTE, SINGLE_QUOTE } from './bytes.ts';
import { Carry } from './carry.ts';
import { QuoteGuess } from './quote-guess.ts';
import type { Reading } from './reading.ts';

const bom = [0xef, 0xbb, 0xbf];

export class Opening {
  /** Once it is over, the line on which the header starts. */
  line = 1;
  /** Once it is over. */
  quote: number;
  readonly #guess: QuoteGuess | null;
  #skipping = true;
  /** Of the first three bytes, those that may yet be a BOM; null once that is settled. */
  #bomSeen: number | null = 0;
  readonly #kept = new Carry();

  constructor({ quote, delimiter }: Reading['csv']) {
    const configured = quoteByte(quote);
    this.quote = configured ?? DOUBLE_QUOTE;
    this.#guess = configured === null ? new QuoteGuess(delimiter.charCodeAt(0)) : null;
  }

  /** What is to be read, from the first byte of the header on, as soon as all is known; null before. */
  push(block: Uint8Array): readonly Uint8Array[] | null {
    const start = this.#skipping ? this.#skip(block) : 0;
    if (this.#skipping) return null;
    const rest = start === 0 ? block : block.subarray(start);
    if (!this.#isKnown(rest)) {
      this.#kept.add(rest, 0, rest.length);
      return null;
    }
    return this.#kept.length === 0 ? [rest] : [this.#kept.take(), rest];
  }

  /** The object ends before that. */
  end(): readonly Uint8Array[] {
    if (this.#skipping && this.#bomSeen !== null) this.#settleBom();
    if (this.#skipping && this.#kept.length > 0) this.#begin();
    this.#guess?.end();
    this.quote = this.#guess?.quote ?? this.quote;
    return this.#skipping ? [] : [this.#kept.take()];
  }

  /** What was guessed, without a final stop, for messages about what it may have caused; null where the quote is configured. */
  noteOf(object: string): string | null {
    if (this.#guess === null) return null;
    const where =
      this.#guess.line === null ? 'because no field of the second line is quoted' : `from line ${this.line + this.#guess.line - 1}`;
    return `The quote of ${object} was taken to be ${String.fromCharCode(this.quote)} ${where}; source.csv.quote sets it`;
  }

  /** Returns where the header begins, or the end of the block. */
  #skip(block: Uint8Array): number {
    let p = 0;
    while (p < block.length && this.#skipping) {
      const byte = block[p]!;
      if (this.#bomSeen !== null) {
        if (byte === bom[this.#bomSeen]) {
          p++;
          this.#bomSeen = this.#bomSeen === 2 ? null : this.#bomSeen + 1;
        } else this.#settleBom();
      } else if (byte === LF) {
        this.#kept.clear();
        this.line++;
        p++;
      } else if (byte === CR && this.#kept.length === 0) {
        // Blank if an LF follows, else data.
        this.#kept.add(block, p, p + 1);
        p++;
      } else this.#begin();
    }
    return p;
  }

  #settleBom(): void {
    const seen = this.#bomSeen ?? 0;
    this.#bomSeen = null;
    if (seen === 0) return;
    this.#kept.add(Uint8Array.from(bom), 0, seen);
    this.#begin();
  }

  /** The first byte of the header is there (some may be kept). */
  #begin(): void {
    this.#skipping = false;
    this.#guess?.push(this.#kept.bytes.slice(0, this.#kept.length));
  }

  /** Whether the quote is known with these bytes. */
  #isKnown(bytes: Uint8Array): boolean {
    if (this.#guess === null) return true;
    if (!this.#guess.done) this.#guess.push(bytes);
    if (this.#guess.done) this.quote = this.#guess.quote;
    return this.#guess.done;
  }
}

/** Null: it is to be guessed. */
function quoteByte(quote: Reading['csv']['quote']): number | null {
  if (quote === 'auto') return null;
  if (quote === 'none') return NO_QUOTE;
  return quote === "'" ? SINGLE_QUOTE : DOUBLE_QUOTE;
}
