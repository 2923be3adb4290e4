/**
 * Which quote a file uses: the second non-blank physical line, split at the delimiter, decides by the first field that
 * starts with `'` or `"`; `"` if none does (DESIGN.md 4).
 *
 * A machine that is fed bytes in any pieces; a physical line ends at LF whatever is quoted (nobody knows yet), and is
 * blank if nothing, or one CR, stands before the LF. It gives up after `guessBytes`, so that a file whose second line
 * never ends, or never comes, is read in bounded memory: then nothing was found.
 */
import { CR, DOUBLE_QUOTE, LF, SINGLE_QUOTE } from './bytes.ts';

/** How far the guess looks, from where it is first fed: the first non-blank line. */
export const guessBytes = 2 << 20;

export class QuoteGuess {
  /** The quote, once `done`. */
  quote: number = DOUBLE_QUOTE;
  /** The physical line that decided, or null where none did; counts from the first line that was fed. */
  line: number | null = null;
  done = false;
  #line = 1;
  #nonBlank = 0;
  #length = 0;
  #onlyCr = false;
  #fieldStart = true;
  #fed = 0;
  readonly #delimiter: number;

  constructor(delimiter: number) {
    this.#delimiter = delimiter;
  }

  /** Looks at the next bytes; `done` may be set by it. */
  push(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length && !this.done; i++) this.#step(bytes[i]!);
  }

  /** No more bytes come. */
  end(): void {
    this.done = true;
  }

  #step(byte: number): void {
    if (byte === LF) this.#endLine();
    else {
      if (this.#nonBlank === 1 && this.#fieldStart && (byte === SINGLE_QUOTE || byte === DOUBLE_QUOTE)) {
        this.quote = byte;
        this.line = this.#line;
        this.done = true;
      }
      this.#fieldStart = byte === this.#delimiter;
      this.#onlyCr = this.#length === 0 && byte === CR;
      this.#length++;
    }
    if (++this.#fed >= guessBytes) this.done = true;
  }

  #endLine(): void {
    if (this.#length > 0 && !this.#onlyCr) this.#nonBlank++;
    if (this.#nonBlank === 2) this.done = true;
    this.#line++;
    this.#length = 0;
    this.#onlyCr = false;
    this.#fieldStart = true;
  }
}
