/** Records of a small CSV as text: of files that people or we wrote, not of chunks. The grammar is that of record.ts. */
import { makeFields, RecordScanner, splitRecord, withoutCr } from './record.ts';

export interface TextRecord {
  readonly fields: string[];
  /** Its first line; 1 is the first of the file. */
  readonly line: number;
  /** The quote is open to the end of the file. */
  readonly open: boolean;
}

/** From `start` on. Quotes and delimiters by their bytes. */
export function* textRecords(bytes: Uint8Array, start: number, quote: number, delimiter: number): Generator<TextRecord> {
  const scanner = new RecordScanner(quote, delimiter);
  let line = 1;
  for (let at = start; at < bytes.length; ) {
    scanner.reset();
    const lf = scanner.scan(bytes, at, bytes.length);
    const end = lf < 0 ? bytes.length : withoutCr(bytes, at, lf);
    yield { fields: textFields(bytes, at, end, quote, delimiter), line, open: lf < 0 && scanner.open };
    line += 1 + scanner.innerLines;
    at = lf < 0 ? bytes.length : lf + 1;
  }
}

/** The fields of the one record in bytes[start..end). */
export function textFields(bytes: Uint8Array, start: number, end: number, quote: number, delimiter: number): string[] {
  const count = splitRecord(bytes, start, end, quote, delimiter, makeFields(0, end - start));
  const fields = makeFields(count, end - start);
  splitRecord(bytes, start, end, quote, delimiter, fields);
  const text = Buffer.from(fields.bytes.buffer, fields.bytes.byteOffset, fields.bytes.byteLength);
  return Array.from(fields.starts, (from, i) => text.toString('utf8', from, fields.ends[i]));
}
