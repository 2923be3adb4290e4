/**
 * Columns of integers as the text form of COPY, without a string a number. (Back: copy-rows.ts.)
 *
 * Text, because it is no slower to write than the binary form, a third of the bytes, and no slower for the server to read
 * (76,000 rows of 9 columns: 9 ms warm either way; 2.6 MB, 8 MB as binary).
 */
import type { Integers } from '../../core/integers.ts';

const [minus, zero] = [0x2d, 0x30];

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
