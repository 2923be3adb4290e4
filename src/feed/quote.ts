/**
 * Which quote a CSV uses (DESIGN.md 4): the second non-blank physical line, split at the delimiter, decides: the first field
 * that starts with `'` or `"`; `"` if none does.
 */
import type { Csv } from '../reader/csv.ts';

export const lf = 0x0a;
export const cr = 0x0d;
const bom = Buffer.from([0xef, 0xbb, 0xbf]);

/** A byte, or null where no field is quoted. `head` holds the first two non-blank lines, as far as there are any. */
export function quoteOf(head: Uint8Array, csv: Csv): number | null {
  if (csv.quote === 'none') return null;
  if (csv.quote !== 'auto') return csv.quote.charCodeAt(0);
  const second = secondLine(head);
  if (second === null) return 0x22;
  const delimiter = csv.delimiter.charCodeAt(0);
  for (let i = second.start; i < second.end; i++) {
    const starts = i === second.start || head[i - 1] === delimiter;
    if (starts && (head[i] === 0x22 || head[i] === 0x27)) return head[i]!;
  }
  return 0x22;
}

export function bomLength(head: Uint8Array): number {
  return bom.equals(head.subarray(0, 3)) ? 3 : 0;
}

/** The second non-blank line, without its line end; null if there is none. `whole`: its line end was seen. */
export function secondLine(head: Uint8Array): { readonly start: number; readonly end: number; readonly whole: boolean } | null {
  let found = 0;
  for (let start = bomLength(head); start < head.length; ) {
    const lineEnd = head.indexOf(lf, start);
    const whole = lineEnd !== -1;
    const end = whole ? (lineEnd > start && head[lineEnd - 1] === cr ? lineEnd - 1 : lineEnd) : head.length;
    if (end > start && ++found === 2) return { start, end, whole };
    if (!whole) return null;
    start = lineEnd + 1;
  }
  return null;
}
