/** Whether bytes are text to us: UTF-8 without U+0000. */
import { isUtf8 } from 'node:buffer';

/** Through Buffer, whose `indexOf` is memchr: that of Uint8Array is many times slower. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  const piece = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return isUtf8(piece) && piece.indexOf(0) < 0;
}

/** The same for bytes that come in pieces. The start of a character that a piece ends in waits for the next. */
export class Utf8Check {
  #good = true;
  #waiting: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): void {
    if (!this.#good) return;
    const joined = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    const whole = joined.length - unfinished(joined);
    this.#good = isText(joined, 0, whole);
    this.#waiting = joined.slice(whole);
  }

  /** Whether all of it was text. */
  end(): boolean {
    return this.#good && this.#waiting.length === 0;
  }
}

/** How many bytes at the end are the start of a character whose rest is not there. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return size > back ? back : 0;
  }
  return 0;
}
