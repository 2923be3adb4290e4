/**
 * The file in which people mend quarantined rows: one CSV that says of each row where it comes from, then what is in it.
 *
 *   _object,_version,_line,_reason,_raw,step,customer,merchant,amount    the title line: five of ours, then those of the object
 *   chunk_3.csv,9f2c...,17,bad_amount,,12,C1,M1,"4,55"                   a row that could be split: its fields, `_raw` is empty
 *   chunk_3.csv,9f2c...,23,column_count,"13,C1,M1,4,55",,,,              one that could not: `_raw` has its text, the rest is empty
 *
 * Where the titles change, a further title line says so. `_version` is the content id, because that of a listing changes with a
 * touch of the file. Fields behind the titles of ours win over `_raw` if any of them is filled.
 *
 * It begins with a BOM, without which Excel takes UTF-8 for something else. No cell is a formula to a spreadsheet: one that would be
 * gets a `'` before it, and loses it on the way back. Both ways together change nothing.
 */
import type { RejectedRow } from '../reader/rejected.ts';
import { makeFields, splitRecord } from '../reader/record.ts';
import type { Head } from './object-head.ts';

export const ownTitles = ['_object', '_version', '_line', '_reason', '_raw'] as const;

export const fileStart = '\uFEFF';

/** The title line of rows of objects with these columns. */
export function titleLine(columns: readonly string[]): string {
  return csvLine([...ownTitles, ...columns].map(guarded));
}

/** `head`: of the row's object; null where it is not known. */
export function rowLine(row: RejectedRow, version: string, head: Head | null): string {
  const fields = head === null ? null : fieldsOf(row, head);
  const raw = fields === null ? rawText(row) : '';
  const cells = fields ?? (head?.columns ?? []).map(() => '');
  return csvLine([row.object, version, String(row.line), row.reason, raw, ...cells].map(guarded));
}

/** What is shown of a row that cannot be split: what is no text in it, and NULs, as U+FFFD. */
export function rawText({ raw, length }: Pick<RejectedRow, 'raw' | 'length'>): string {
  // With `stream`, a character that the cut went through is left out.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(raw, { stream: length > raw.length }).replaceAll('\0', '\uFFFD');
}

/** The fields of a row that is whole, is text, and has as many as the header; else null. */
function fieldsOf({ raw, length, reason }: RejectedRow, { columns, quote, delimiter }: Head): string[] | null {
  if (reason === 'bad_encoding' || reason === 'too_long' || length > raw.length) return null;
  const fields = makeFields(columns.length, raw.length);
  if (splitRecord(raw, 0, raw.length, quote, delimiter, fields) !== columns.length) return null;
  const text = Buffer.from(fields.bytes.buffer, fields.bytes.byteOffset, fields.bytes.byteLength);
  return columns.map((_, i) => text.toString('utf8', fields.starts[i], fields.ends[i]));
}

/** Numbers are no formulas, whatever their sign. */
const formula = /^'*(?![+-]?\d+(?:\.\d+)?$)[=+\-@\t\r]/;

export function guarded(cell: string): string {
  return formula.test(cell) ? `'${cell}` : cell;
}

export function unguarded(cell: string): string {
  return cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell;
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\n`;
}

function csvCell(cell: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
