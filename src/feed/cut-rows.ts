/**
 * Cuts a CSV into pieces of N records, each with the header before it, byte for byte (DESIGN.md 4: the same lines, quotes and
 * blank lines as the reader's, so that a piece has the rows that its bytes had in the whole).
 *
 * One pass, a state for each byte that matters: at a record's start, at a field's start, in text, in quotes, after a quote in
 * quotes. Records end at LF outside of quotes; blank lines are dropped. Held are the records of one piece.
 * A record without any quote is found by its LF alone.
 */
import { TallyhoError } from '../core/error.ts';
import type { Csv } from '../reader/csv.ts';
import { bomLength, cr, lf, quoteOf, secondLine } from './quote.ts';

export interface Piece {
  /** Header and records. */
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** An open quote makes one record of all that follows; memory must end somewhere. */
const longestRecord = 64 << 20;
/** So much is looked at to find the second line. */
const longestHead = 2 << 20;

type State = 'record' | 'field' | 'text' | 'quoted' | 'quote';

export async function* cutRows(blocks: AsyncIterable<Uint8Array>, rows: number, csv: Csv): AsyncGenerator<Piece> {
  const input = blocks[Symbol.asyncIterator]();
  try {
    const head = await readHead(input);
    const quote = quoteOf(head, csv);
    const delimiter = csv.delimiter.charCodeAt(0);
    const start = bomLength(head);

    let header: Uint8Array | null = null;
    const pieces: Uint8Array[] = [];
    let count = 0;
    let held = 0;
    let records = 0;
    let state: State = 'record';

    const keep = (bytes: Uint8Array): void => {
      if (bytes.length > 0) pieces.push(bytes);
    };
    const take = (): Uint8Array => {
      const bytes = Buffer.concat(header === null ? pieces : [header, ...pieces]);
      pieces.length = 0;
      return bytes;
    };

    let block: Uint8Array | undefined = head;
    let from = start;
    // The mark of UTF-8 belongs to the header.
    keep(head.subarray(0, start));
    while (block !== undefined) {
      let i = from;
      let nextQuote = -1;
      /** Where the bytes begin that are not kept yet. */
      let run = from;
      /** Bytes that can only be understood with the next block: a CR that begins a blank line, or a record. */
      let rest = block.subarray(0, 0);
      while (i < block.length) {
        if (state === 'record') {
          let byte = block[i]!;
          if (byte === cr) {
            if (i + 1 === block.length) {
              keep(block.subarray(run, i));
              rest = block.subarray(i);
              run = block.length;
              break;
            }
            if (block[i + 1] === lf) byte = lf;
          }
          if (byte === lf) {
            keep(block.subarray(run, i));
            i += block[i] === cr ? 2 : 1;
            run = i;
            continue;
          }
          const end = block.indexOf(lf, i);
          if (nextQuote < i) {
            const found = quote === null ? -1 : block.indexOf(quote, i);
            nextQuote = found === -1 ? block.length : found;
          }
          if (end !== -1 && end < nextQuote) i = end;
          else state = 'field';
        }

        // To the end of the record, or of the block.
        if (state !== 'record') {
          while (i < block.length) {
            const byte = block[i]!;
            if (state === 'quoted') {
              if (byte === quote) state = 'quote';
            } else if (byte === quote && (state === 'field' || state === 'quote')) state = 'quoted';
            else if (byte === lf) break;
            else state = byte === delimiter ? 'field' : 'text';
            i++;
          }
          if (i === block.length) break;
        }

        i++;
        state = 'record';
        held = 0;
        records++;
        if (header === null) {
          keep(block.subarray(run, i));
          run = i;
          header = take();
        } else if (++count === rows) {
          keep(block.subarray(run, i));
          run = i;
          yield { bytes: take(), rows: count };
          count = 0;
        }
      }
      keep(block.subarray(run));
      if (state !== 'record') {
        held += block.length;
        if (held > longestRecord) throw tooLong(records);
      }
      const next = await input.next();
      if (next.done === true) {
        // A lone CR at the very end is data.
        if (rest.length > 0) {
          keep(rest);
          state = 'text';
        }
        block = undefined;
      } else block = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
      from = 0;
    }
    // The last record may have no line end.
    if (header !== null && state !== 'record') count++;
    if (count > 0) yield { bytes: take(), rows: count };
  } finally {
    await input.return?.();
  }
}

async function readHead(input: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = Buffer.alloc(0);
  while (head.length < longestHead && secondLine(head)?.whole !== true) {
    const next = await input.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

function tooLong(records: number): TallyhoError {
  return new TallyhoError('SOURCE_UNREADABLE', `The record after the first ${records} (the header counts) does not end within 64 MiB.`, {
    mend: 'Most likely a quote is open: look at that record, or set `csv.quote`.',
  });
}
