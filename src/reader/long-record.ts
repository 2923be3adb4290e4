/**
 * A record over `maxRecordBytes`: its bytes come in pieces and are not kept, but for the first `keptBytes`.
 *
 * What is known of it at its end: length, SHA-256, whether it is UTF-8 without U+0000. A CR that ends a piece is held
 * back, because it belongs to the line end if the LF follows.
 */
import { createHash } from 'node:crypto';
import { CR } from './bytes.ts';
import { keptBytes, type RejectedRow } from './rejected.ts';
import { Utf8Check } from './utf8.ts';

const carriageReturn = Uint8Array.of(CR);

export class LongRecord {
  #length = 0;
  #heldCr = false;
  readonly #raw = new Uint8Array(keptBytes);
  readonly #hash = createHash('sha256');
  readonly #check = new Utf8Check();

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#heldCr) this.#take(carriageReturn);
    this.#heldCr = bytes[bytes.length - 1] === CR;
    this.#take(this.#heldCr ? bytes.subarray(0, -1) : bytes);
  }

  /** `atLf`: its LF was found; else the object ended. */
  end(object: string, line: number, atLf: boolean): RejectedRow {
    if (this.#heldCr && !atLf) this.#take(carriageReturn);
    const reason = this.#check.end() ? 'too_long' : 'bad_encoding';
    return { object, line, reason, raw: this.#raw, length: this.#length, sha256: this.#hash.digest('hex') };
  }

  #take(bytes: Uint8Array): void {
    if (this.#length < keptBytes) this.#raw.set(bytes.subarray(0, keptBytes - this.#length), this.#length);
    this.#length += bytes.length;
    this.#hash.update(bytes);
    this.#check.push(bytes);
  }
}
