/**
 * The grammar of a record (DESIGN.md 4), once as a scanner that finds its end in any pieces of bytes, and once as a
 * splitter of a whole record into fields. The fast path (scan-row.ts) knows a part of it.
 *
 *   record = field { delimiter field } , ended by LF or CR LF outside quotes, or by the end of the object
 *   field  = quote { byte but quote | quote quote } quote tail      starts with the quote; `""` of the inside is one quote
 *          | tail                                                   does not
 *   tail   = { byte but delimiter or LF }                           quotes and lone CRs in it are data
 *
 * So text after a closing quote is data, and a quote in it opens nothing: `"a"b` is ab, `"a"b"c,d"` is the fields
 * `ab"c` and `d"`, `"a""b"` is a"b, `"a" "b"` is `a "b"`. A CR belongs to the line end only directly before its LF.
 */
import { CR, LF } from './bytes.ts';

const states = { fieldStart: 0, tail: 1, quoted: 2, closed: 3 } as const;

export class RecordScanner {
  /** LFs inside quotes so far. */
  innerLines = 0;
  #state: number = states.fieldStart;
  readonly #quote: number;
  readonly #delimiter: number;

  constructor(quote: number, delimiter: number) {
    this.#quote = quote;
    this.#delimiter = delimiter;
  }

  /** Inside quotes: at the end of the object that is an open quote. */
  get open(): boolean {
    return this.#state === states.quoted;
  }

  reset(): void {
    this.innerLines = 0;
    this.#state = states.fieldStart;
  }

  /** Where in bytes[from..to) the LF is that ends the record, or -1: it goes on in the next bytes. */
  scan(bytes: Uint8Array, from: number, to: number): number {
    const quote = this.#quote;
    const delimiter = this.#delimiter;
    let state = this.#state;
    let p = from;
    while (p < to) {
      const byte = bytes[p]!;
      if (state === states.quoted) {
        if (byte === quote) state = states.closed;
        else if (byte === LF) this.innerLines++;
      } else if (byte === LF) break;
      else if (byte === delimiter) state = states.fieldStart;
      else state = byte === quote && state !== states.tail ? states.quoted : states.tail;
      p++;
    }
    this.#state = state;
    return p < to ? p : -1;
  }
}

/** The fields of a record: field i is bytes[starts[i] .. ends[i]). */
export interface Fields {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export function makeFields(count: number, bytes: number): Fields {
  return { bytes: new Uint8Array(bytes), starts: new Int32Array(count), ends: new Int32Array(count) };
}

/**
 * Splits the record bytes[start..end), without its line end, into `fields`, unquoted; returns how many it has. Those
 * beyond the room in `fields` are counted only. `fields.bytes` must have room for the record.
 */
export function splitRecord(bytes: Uint8Array, start: number, end: number, quote: number, delimiter: number, fields: Fields): number {
  const { bytes: out, starts, ends } = fields;
  let count = 0;
  let at = 0;
  let p = start;
  for (;;) {
    const first = at;
    if (p < end && bytes[p] === quote) {
      p++;
      while (p < end) {
        const byte = bytes[p++]!;
        if (byte === quote) {
          if (p === end || bytes[p]! !== quote) break;
          p++;
        }
        out[at++] = byte;
      }
    }
    while (p < end && bytes[p]! !== delimiter) out[at++] = bytes[p++]!;
    if (count < starts.length) {
      starts[count] = first;
      ends[count] = at;
    }
    count++;
    if (p >= end) return count;
    p++;
  }
}

/** End of the record without its line end, where its LF stands at `lf`. */
export function withoutCr(bytes: Uint8Array, start: number, lf: number): number {
  return lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
}
