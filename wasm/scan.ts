/**
 * Finds the fields of one regular record, in place: the grammar of src/reader/scan-row.ts, sixteen bytes at a time. It is for
 * the records for which marks.ts finds nothing: long ones, and such with quotes as data.
 *
 * A record has an LF at or after `start`, and 16 bytes behind it are memory: no loop checks an end.
 */
const LF: u8 = 10;
const CR: u8 = 13;

/** Where the next quote or LF is. */
function closing(p: usize, quotes: v128, lfs: v128): usize {
  while (true) {
    const bytes = v128.load(p);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, lfs)));
    if (found !== 0) return p + ctz(found);
    p += 16;
  }
}

/**
 * Writes [start, end] of each of the `last + 1` fields at `fields`; returns where the next record starts, or 0 for a record
 * that is not regular or has another number of fields.
 */
export function scanRow(start: usize, quote: u32, delimiter: u32, last: u32, fields: usize): usize {
  const quotes = i8x16.splat(i8(quote));
  const delimiters = i8x16.splat(i8(delimiter));
  const lfs = i8x16.splat(i8(LF));
  const lastField = fields + ((<usize>last) << 3);
  let p = start;
  for (let field = fields; field < lastField; field += 8) {
    if (<u32>load<u8>(p) === quote) {
      store<u32>(field, u32(++p));
      p = closing(p, quotes, lfs);
      if (<u32>load<u8>(p) !== quote) return 0;
      store<u32>(field, u32(p++), 4);
    } else {
      store<u32>(field, u32(p));
      p = closing(p, delimiters, lfs);
      store<u32>(field, u32(p), 4);
    }
    if (<u32>load<u8>(p++) !== delimiter) return 0;
  }
  if (<u32>load<u8>(p) === quote) {
    store<u32>(lastField, u32(++p));
    p = closing(p, quotes, lfs);
    if (<u32>load<u8>(p) !== quote) return 0;
    store<u32>(lastField, u32(p++), 4);
    if (load<u8>(p) === CR) p++;
  } else {
    store<u32>(lastField, u32(p));
    const first = p;
    p = closing(p, delimiters, lfs);
    store<u32>(lastField, u32(p > first && load<u8>(p - 1) === CR ? p - 1 : p), 4);
  }
  return load<u8>(p) === LF ? p + 1 : 0;
}
