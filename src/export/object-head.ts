/** The header of a CSV object, and how its rows are quoted: by its first bytes alone, with the reader's own grammar (DESIGN.md 4). */
import { isUtf8 } from 'node:buffer';
import { CR, DOUBLE_QUOTE, LF, NO_QUOTE, SINGLE_QUOTE } from '../reader/bytes.ts';
import type { Csv } from '../reader/csv.ts';
import { guessBytes, QuoteGuess } from '../reader/quote-guess.ts';
import { makeFields, RecordScanner, splitRecord, withoutCr } from '../reader/record.ts';

export interface Head {
  readonly columns: readonly string[];
  /** As bytes; `NO_QUOTE` where nothing is quoted. */
  readonly quote: number;
  readonly delimiter: number;
}

const quotes = { '"': DOUBLE_QUOTE, "'": SINGLE_QUOTE, none: NO_QUOTE } as const;
/** The guess looks so far behind a header that is itself no longer than 1 MiB. */
const mostRead = guessBytes + (1 << 20);

/** null where it is not to be had. Reads no more than it needs. */
export async function readHead(blocks: AsyncIterable<Uint8Array>, csv: Csv): Promise<Head | null> {
  let bytes: Uint8Array = new Uint8Array(0);
  for await (const block of blocks) {
    bytes = Buffer.concat([bytes, block]);
    const head = parseHead(bytes, csv, bytes.length >= mostRead);
    if (head !== 'more') return head;
  }
  const head = parseHead(bytes, csv, true);
  return head === 'more' ? null : head;
}

/** `isAll`: no more bytes come. */
function parseHead(bytes: Uint8Array, csv: Csv, isAll: boolean): Head | null | 'more' {
  const start = headerStart(bytes);
  if (start >= bytes.length) return isAll ? null : 'more';
  const delimiter = csv.delimiter.charCodeAt(0);
  const quote = quoteOf(bytes.subarray(start), csv, isAll);
  if (quote === null) return 'more';
  const lf = new RecordScanner(quote, delimiter).scan(bytes, start, bytes.length);
  if (lf < 0 && !isAll) return 'more';
  const end = lf < 0 ? bytes.length : withoutCr(bytes, start, lf);
  if (!isUtf8(bytes.subarray(start, end))) return null;
  const fields = makeFields(splitRecord(bytes, start, end, quote, delimiter, makeFields(0, end - start)), end - start);
  splitRecord(bytes, start, end, quote, delimiter, fields);
  const text = Buffer.from(fields.bytes.buffer, fields.bytes.byteOffset, fields.bytes.byteLength);
  const columns = Array.from(fields.starts, (from, i) => text.toString('utf8', from, fields.ends[i]));
  return { columns, quote, delimiter };
}

/** Behind the BOM and blank lines. */
function headerStart(bytes: Uint8Array): number {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF)) at += bytes[at] === LF ? 1 : 2;
  return at;
}

/** null: more bytes must say. */
function quoteOf(bytes: Uint8Array, csv: Csv, isAll: boolean): number | null {
  if (csv.quote !== 'auto') return quotes[csv.quote];
  const guess = new QuoteGuess(csv.delimiter.charCodeAt(0));
  guess.push(bytes);
  return guess.done || isAll ? guess.quote : null;
}
