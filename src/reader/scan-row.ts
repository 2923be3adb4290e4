import { CR, LF } from './bytes.ts';

/**
 * The fast path: finds the fields of one regular record, in place and without copying.
 *
 * Regular: as many fields as the header; each unquoted, or quoted with neither a quote nor an LF inside and nothing
 * after the closing quote. Returns where the next record starts, or -1 for a record that is not regular or has another
 * number of fields: record.ts decides about it. bytes must end with an LF at or after `start`, which is why no index
 * is checked: every loop stops at an LF.
 */
export function scanRow(
  bytes: Uint8Array,
  start: number,
  quote: number,
  delimiter: number,
  starts: Int32Array,
  ends: Int32Array,
  last: number,
): number {
  let p = start;
  for (let column = 0; column <= last; column++) {
    let byte = bytes[p]!;
    if (byte === quote) {
      starts[column] = ++p;
      byte = bytes[p]!;
      while (byte !== quote) {
        if (byte === LF) return -1;
        byte = bytes[++p]!;
      }
      ends[column] = p;
      byte = bytes[++p]!;
      if (byte === CR && column === last) byte = bytes[++p]!;
    } else {
      starts[column] = p;
      while (byte !== delimiter && byte !== LF) byte = bytes[++p]!;
      ends[column] = column === last && p > start && bytes[p - 1] === CR && p > starts[column]! ? p - 1 : p;
    }
    if (byte !== (column === last ? LF : delimiter)) return -1;
    p++;
  }
  return p;
}

/** How many bytes the blank line at `start` has; 0 if the line is not blank. */
export function blankLine(bytes: Uint8Array, start: number): number {
  const byte = bytes[start]!;
  if (byte === LF) return 1;
  return byte === CR && bytes[start + 1] === LF ? 2 : 0;
}
