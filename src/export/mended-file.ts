/**
 * The file that comes back: the rows of a quarantine file (quarantine-file.ts), mended. What a spreadsheet does to a CSV on its way
 * does no harm: a semicolon or a tab as the delimiter (the first title says which), CRLF, a lost or an added BOM, empty cells
 * behind the last column, blank lines.
 */
import { isUtf8 } from 'node:buffer';
import { TallyhoError } from '../core/error.ts';
import { DOUBLE_QUOTE, NO_QUOTE, SINGLE_QUOTE } from '../reader/bytes.ts';
import type { Csv } from '../reader/csv.ts';
import { QuoteGuess } from '../reader/quote-guess.ts';
import { RecordScanner } from '../reader/record.ts';
import { textFields, textRecords } from '../reader/text-records.ts';
import { ownTitles, unguarded } from './quarantine-file.ts';

export interface MendedRow {
  /** Where it stands in the file; 1 is the first line. */
  readonly fileLine: number;
  /** What it names: object, content id, line. */
  readonly object: string;
  readonly version: string;
  /** NaN where that is no number. */
  readonly line: number;
  readonly raw: string;
  readonly columns: readonly string[];
  /** Under the columns, and behind them what is not empty. */
  readonly cells: readonly string[];
}

/** Fails as a whole, with USAGE, where it is no such file. */
export function parseMended(bytes: Uint8Array): readonly MendedRow[] {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  if (!isUtf8(bytes)) throw unusable('it is not UTF-8; save it as CSV in UTF-8');
  const delimiter = delimiterOf(bytes, start);
  const rows: MendedRow[] = [];
  let columns: readonly string[] = [];
  for (const { fields, line, open } of textRecords(bytes, start, DOUBLE_QUOTE, delimiter)) {
    if (open) throw unusable(`line ${line} has an open quote to the end`);
    if (fields.every((field) => field === '')) continue;
    if (fields[0] === ownTitles[0]) {
      if (ownTitles.some((title, i) => fields[i] !== title))
        throw unusable(`line ${line} does not have the titles ${ownTitles.join(', ')}`);
      columns = withoutEmptyEnd(fields.slice(ownTitles.length), 0).map(unguarded);
      continue;
    }
    const [object = '', version = '', number = '', , raw = '', ...cells] = fields.map(unguarded);
    const at = /^\d{1,15}$/.test(number) ? Number(number) : Number.NaN;
    rows.push({ fileLine: line, object, version, line: at, raw, columns, cells: withoutEmptyEnd(cells, columns.length) });
  }
  return rows;
}

/** Fields as a CSV line without line end: commas, each in double quotes. */
export function quotedLine(fields: readonly string[]): Uint8Array {
  return Buffer.from(fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(','));
}

/**
 * What a row was mended to; null where nothing is there. The columns win over `_raw`, whose text is read as a line of a chunk: where
 * the quote is to be guessed, by itself. `lines`: the text ends before its end.
 */
export function mendedFields({ raw, cells, columns }: MendedRow, csv: Csv): readonly string[] | 'lines' | null {
  if (cells.some((cell) => cell !== '')) return [...cells, ...columns.slice(cells.length).map(() => '')];
  if (raw === '') return null;
  const bytes = Buffer.from(raw);
  const delimiter = csv.delimiter.charCodeAt(0);
  const quote = quoteOf(bytes, csv, delimiter);
  const scanner = new RecordScanner(quote, delimiter);
  if (scanner.scan(bytes, 0, bytes.length) >= 0 || scanner.open) return 'lines';
  return textFields(bytes, 0, bytes.length, quote, delimiter);
}

function quoteOf(bytes: Uint8Array, csv: Csv, delimiter: number): number {
  if (csv.quote !== 'auto') return { '"': DOUBLE_QUOTE, "'": SINGLE_QUOTE, none: NO_QUOTE }[csv.quote];
  const guess = new QuoteGuess(delimiter);
  // It looks at the second line.
  guess.push(Buffer.from('-\n'));
  guess.push(bytes);
  return guess.quote;
}

function delimiterOf(bytes: Uint8Array, start: number): number {
  const title = Buffer.from(bytes.subarray(start, start + ownTitles[0].length + 3)).toString('latin1');
  const delimiter = /^"?_object"?([,;\t])/.exec(title)?.[1];
  if (delimiter === undefined) throw unusable(`it does not begin with the title ${ownTitles[0]}`);
  return delimiter.charCodeAt(0);
}

function withoutEmptyEnd(cells: readonly string[], from: number): string[] {
  let end = cells.length;
  while (end > from && cells[end - 1] === '') end--;
  return cells.slice(0, end);
}

function unusable(why: string): TallyhoError {
  return new TallyhoError('USAGE', `The file cannot be replayed: ${why}.`, {
    mend: 'Take what `tallyho rejected export` writes, and mend the fields of its rows.',
  });
}
