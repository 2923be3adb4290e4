/**
 * Sets as parameters: PostgreSQL's text form of an array, for `unnest($1::...[])`. Built here because it is the hot path
 * of every commit, and because the client would ask the server for all array types at each connection.
 */
import type { Integers } from '../../core/integers.ts';

export function textArray(values: readonly (string | null)[]): string {
  let out = '{';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null;
    if (i > 0) out += ',';
    out += value === null ? 'NULL' : quoted(value);
  }
  return `${out}}`;
}

function quoted(value: string): string {
  return /["\\]/.test(value) ? `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : `"${value}"`;
}

export function numberArray(values: readonly (number | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`;
}

export function booleanArray(values: readonly boolean[]): string {
  return `{${values.map((value) => (value ? 't' : 'f')).join(',')}}`;
}

export function timeArray(values: readonly Date[]): string {
  return `{${values.map((value) => value.toISOString()).join(',')}}`;
}

export function bytesArray(values: readonly Uint8Array[]): string {
  return `{${values.map((value) => `"\\\\x${hex(value)}"`).join(',')}}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** All of them one after the other. */
export function joinBase64(values: readonly Uint8Array[]): string {
  const [only] = values;
  const all = values.length === 1 && only !== undefined ? only : Buffer.concat(values);
  return Buffer.from(all.buffer, all.byteOffset, all.byteLength).toString('base64');
}

/** Rows `from` to `to` of a column of ids. */
export function idsArray(values: Uint32Array, from: number, to: number): string {
  return `{${values.subarray(from, to).join(',')}}`;
}

/** Rows `from` to `to` of a column of integers, exact. */
export function integersArray(column: Integers, from: number, to: number): string {
  if (column.narrow !== null) return `{${column.narrow.subarray(from, to).join(',')}}`;
  const texts: string[] = [];
  for (let i = from; i < to; i++) texts.push(column.big(i).toString());
  return `{${texts.join(',')}}`;
}
