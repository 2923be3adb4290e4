/**
 * Integers between PostgreSQL's text and columns, without a string a number.
 *
 * Reading: digits are summed in float64 while there are at most 15, hence exactly; longer ones go through BigInt.
 */
import { Integers } from '../../core/integers.ts';

const [comma, open, close, minus, zero] = [0x2c, 0x7b, 0x7d, 0x2d, 0x30];

/** The text of an array, `{1,2,3}`, as ids. */
export function parseIds(text: Uint8Array, size: number): Uint32Array {
  const ids = new Uint32Array(size);
  const end = text.length > 2 ? text.length : 0;
  let count = 0;
  let value = 0;
  for (let at = 1; at < end; at++) {
    const byte = text[at] ?? 0;
    if (byte === comma || byte === close) {
      ids[count++] = value;
      value = 0;
    } else value = value * 10 + (byte - zero);
  }
  checkCount(text, count, size);
  return ids;
}

/** The text of an array, `{1,-2,170141183460469231731687303715884105727}`, as integers. */
export function parseIntegers(text: Uint8Array, size: number): Integers {
  const column = new Integers(size);
  column.resize(size);
  const end = text.length > 2 ? text.length : 0;
  let count = 0;
  let start = 1;
  let value = 0;
  for (let at = 1; at < end; at++) {
    const byte = text[at] ?? 0;
    if (byte !== comma && byte !== close) {
      if (byte !== minus) value = value * 10 + (byte - zero);
      continue;
    }
    const isNegative = text[start] === minus;
    if (at - start - (isNegative ? 1 : 0) > 15) column.set(count, BigInt(Buffer.from(text.subarray(start, at)).toString('latin1')));
    else if (column.narrow !== null) column.narrow[count] = isNegative ? 0 - value : value;
    else column.set(count, isNegative ? 0 - value : value);
    count++;
    start = at + 1;
    value = 0;
  }
  checkCount(text, count, size);
  return column;
}

function checkCount(text: Uint8Array, count: number, size: number): void {
  if (text[0] !== open || count !== size) throw new Error(`an array of ${count} integers, where ${size} were expected`);
}

export type Column = Uint32Array | Integers;

const pieceBytes = 1 << 18;
/** 39 digits, a sign and a separator. */
const longestInteger = 41;

/** Rows `from` to `to` of the columns as the text form of COPY. */
export function* copyText(columns: readonly Column[], from: number, to: number): Generator<Uint8Array> {
  const reserve = columns.length * longestInteger;
  let piece = Buffer.allocUnsafe(pieceBytes + reserve);
  let at = 0;
  for (let row = from; row < to; row++) {
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column === undefined) continue;
      if (i > 0) piece[at++] = 0x09;
      if (column instanceof Uint32Array) at = writeDigits(piece, at, column[row] ?? 0);
      else if (column.narrow !== null) at = writeDigits(piece, at, column.narrow[row] ?? 0);
      else at += piece.write(column.big(row).toString(), at, 'latin1');
    }
    piece[at++] = 0x0a;
    if (at > pieceBytes) {
      yield piece.subarray(0, at);
      piece = Buffer.allocUnsafe(pieceBytes + reserve);
      at = 0;
    }
  }
  if (at > 0) yield piece.subarray(0, at);
}

/** A safe integer as digits; returns where it ends. */
function writeDigits(into: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  if (rest < 0) {
    into[at++] = minus;
    rest = -rest;
  }
  let digits = 1;
  for (let limit = 10; rest >= limit; limit *= 10) digits++;
  const end = at + digits;
  let position = end;
  // Divisions of what fits 32 bits are those of integers, several times faster.
  while (rest > 0x7fffffff) {
    const quotient = Math.floor(rest / 10);
    into[--position] = zero + (rest - quotient * 10);
    rest = quotient;
  }
  let small = rest | 0;
  while (position > at) {
    const quotient = (small / 10) | 0;
    into[--position] = zero + (small - quotient * 10);
    small = quotient;
  }
  return end;
}
