/**
 * DESIGN.md 4 for CSV, written to be read, not to be fast: whole texts, strings, BigInt, no code in common with src.
 * Bytes are held as a string with one character a byte (latin1) until a field is decoded.
 */
import type { Layout } from '../../../src/core/layout.ts';
import type { Csv } from '../../../src/reader/csv.ts';
import type { RowReason } from '../../../src/reader/rejected.ts';
import { slowGunzip } from './gunzip.ts';

export interface SlowReading {
  readonly layout: Layout;
  readonly columns: Readonly<Record<string, string>>;
  readonly csv: Csv;
  readonly reference?: boolean;
}

export interface SlowRow {
  readonly object: string;
  readonly line: number;
  /** Values of the needed dimensions by name. */
  readonly dims: ReadonlyMap<string, string>;
  /** In units of 10^-scale; null where none is needed or there. */
  readonly amount: bigint | null;
  readonly weight: bigint | null;
}

export interface SlowRejected {
  readonly object: string;
  readonly line: number;
  readonly reason: RowReason;
  readonly raw: Buffer;
}

export type SlowResult =
  | { readonly kind: 'rows'; readonly rows: SlowRow[]; readonly rejected: SlowRejected[] }
  | { readonly kind: 'fault'; readonly reason: 'unreadable' | 'bad_header' | 'bad_quoting'; readonly object: string };

export interface SlowPart {
  readonly object: string;
  readonly bytes: Uint8Array;
}

const MiB = 1048576;

/** A chunk of CSV and gzip parts: all rows, or the fault of the first part that has one. */
export function slowParse(parts: readonly SlowPart[], reading: SlowReading): SlowResult {
  const rows: SlowRow[] = [];
  const rejected: SlowRejected[] = [];
  for (const part of parts) {
    const result = slowParsePart(part, reading);
    if (result.kind === 'fault') return result;
    rows.push(...result.rows);
    rejected.push(...result.rejected);
  }
  return { kind: 'rows', rows, rejected };
}

interface SlowRecord {
  readonly line: number;
  readonly raw: string;
  readonly fields: string[];
  readonly open: boolean;
}

function slowParsePart({ object, bytes }: SlowPart, reading: SlowReading): SlowResult {
  const nothing: SlowResult = { kind: 'rows', rows: [], rejected: [] };
  if (bytes.length === 0) return nothing;
  const unpacked = object.endsWith('.gz') ? slowGunzip(Buffer.from(bytes)) : Buffer.from(bytes);
  if (unpacked === null) return { kind: 'fault', reason: 'unreadable', object };
  const text = unpacked.toString('latin1').replace(/^\xef\xbb\xbf/, '');

  const { delimiter } = reading.csv;
  const records = slowRecords(text, quoteOf(text, reading.csv), delimiter);
  const header = records.shift();
  if (header === undefined) return nothing;
  const columns = headerColumns(header, reading);
  if (columns === null) return { kind: 'fault', reason: 'bad_header', object };
  if (header.open || records.some((record) => record.open)) return { kind: 'fault', reason: 'bad_quoting', object };

  const rows: SlowRow[] = [];
  const rejected: SlowRejected[] = [];
  for (const record of records) {
    const row = slowRow(object, record, columns, header.fields.length, reading);
    if (typeof row === 'string') rejected.push({ object, line: record.line, reason: row, raw: Buffer.from(record.raw, 'latin1') });
    else rows.push(row);
  }
  return { kind: 'rows', rows, rejected };
}

/** The quote, or an empty text for none. */
export function quoteOf(text: string, csv: Csv): string {
  if (csv.quote === 'none') return '';
  if (csv.quote !== 'auto') return csv.quote;
  const head = text.replace(/^(\r?\n)+/, '').slice(0, 2 * MiB);
  const lines = head.split('\n');
  // The last piece has no LF behind it, so a CR at its end is data.
  const second = lines.filter((line, i) => line !== '' && !(line === '\r' && i < lines.length - 1))[1] ?? '';
  const quoted = second.split(csv.delimiter).find((field) => field.startsWith("'") || field.startsWith('"'));
  return quoted?.[0] ?? '"';
}

export function slowRecords(text: string, quote: string, delimiter: string): SlowRecord[] {
  const records: SlowRecord[] = [];
  let line = 1;
  let i = 0;
  while (i < text.length) {
    const start = i;
    const fields: string[] = [];
    let open = false;
    for (;;) {
      let field = '';
      if (quote !== '' && text[i] === quote) {
        open = true;
        i++;
        while (i < text.length && open) {
          if (text[i] !== quote) field += text[i++];
          else if (text[i + 1] === quote) {
            field += quote;
            i += 2;
          } else {
            open = false;
            i++;
          }
        }
      }
      while (i < text.length && text[i] !== delimiter && text[i] !== '\n') field += text[i++];
      fields.push(field);
      if (text[i] !== delimiter) break;
      i++;
    }
    const terminated = i < text.length;
    let raw = text.slice(start, i);
    if (terminated && raw.endsWith('\r')) {
      raw = raw.slice(0, -1);
      fields.push((fields.pop() ?? '').slice(0, -1));
    }
    if (!(terminated && raw === '')) records.push({ line, raw, fields, open });
    i++;
    line += text.slice(start, i).split('\n').length - 1;
  }
  return records;
}

interface SlowColumns {
  readonly dims: readonly { readonly name: string; readonly key: boolean; readonly column: number }[];
  readonly amount: number | null;
  readonly weight: number | null;
  readonly weightIsAmount: boolean;
}

/** Whether the reference feeds a base grain that has this dimension. */
function fedByReference(layout: Layout, dimension: number): boolean {
  return layout.grains.some(
    (grain, i) =>
      grain.base === i &&
      grain.dimensions.includes(dimension) &&
      grain.additive.some((measure) => measure.kind !== 'count' && measure.of === 'weight'),
  );
}

/** Null if a needed column is missing or twice. */
function headerColumns(header: SlowRecord, { layout, columns, reference = false }: SlowReading): SlowColumns | null {
  if (header.raw.length > MiB || utf8(header.raw) === null) return null;
  const names = header.fields.map((field) => utf8(field));
  let fault = false;
  const column = (name: string, optional = false): number | null => {
    const wanted = new Map(Object.entries(columns)).get(name) ?? name;
    const found = names.flatMap((field, i) => (field === wanted ? [i] : []));
    if (found.length > 1 || (found.length === 0 && !optional)) fault = true;
    return found[0] ?? null;
  };
  const dims = layout.dimensions
    .filter((_, id) => !reference || fedByReference(layout, id))
    .map(({ name, key }) => ({ name, key, column: column(name) ?? -1 }));
  const amount = layout.amount && !reference ? column('amount') : null;
  const weight = reference || layout.weight === 'column' ? column('weight') : layout.weight === 'amount' ? column('weight', true) : null;
  return fault ? null : { dims, amount, weight, weightIsAmount: layout.weight === 'amount' && weight === null && !reference };
}

function slowRow(object: string, record: SlowRecord, columns: SlowColumns, width: number, { layout }: SlowReading): SlowRow | RowReason {
  const { line, raw, fields } = record;
  if (utf8(raw) === null || raw.includes('\0')) return 'bad_encoding';
  if (raw.length > MiB) return 'too_long';
  if (fields.length !== width) return 'column_count';
  const keys = columns.dims.filter(({ key }) => key).map(({ column }) => fields[column] ?? '');
  if (keys.includes('')) return 'missing_key';
  if (keys.some((key) => key.length > 256)) return 'long_key';
  const amount = columns.amount === null ? null : slowDecimal(fields[columns.amount] ?? '', layout.scale);
  if (amount === undefined) return 'bad_amount';
  const weightText = columns.weight === null ? '' : (fields[columns.weight] ?? '');
  const weight = columns.weightIsAmount ? amount : weightText === '' ? null : slowDecimal(weightText, layout.scale);
  if (weight === undefined) return 'bad_weight';
  const dims = new Map(columns.dims.map(({ name, column }) => [name, utf8(fields[column] ?? '') ?? '']));
  return { object, line, dims, amount, weight };
}

/** Units of 10^-scale; undefined if it is no legal decimal. */
export function slowDecimal(text: string, scale: number): bigint | undefined {
  const match = /^([+-]?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (whole.length > Math.min(15, 18 - scale) || /[^0]/.test(fraction.slice(scale))) return undefined;
  const units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
  return sign === '-' ? -units : units;
}

/** The text of bytes, or null if they are not UTF-8: what is not comes back as other bytes. */
function utf8(bytes: string): string | null {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return Buffer.from(text, 'utf8').toString('latin1') === bytes ? text : null;
}
