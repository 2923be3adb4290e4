/**
 * Finds where the fields of many records end, 64 bytes at a time, without a branch a byte (the idea is simdjson's).
 *
 * Every byte of a class (quote, delimiter, LF, CR) becomes a bit. The running parity of the quotes tells what lies inside
 * quotes; a mark is a delimiter or LF outside. That is the grammar of src/reader/record.ts only as long as quotes stand
 * where regular records have them, so this is checked, in bits too:
 *   a quote that opens stands where a field starts; behind one that closes stands a mark, or a CR and then an LF;
 *   inside quotes there is no LF.
 * At the first byte that is against it the search ends: what was found before it holds, and scan.ts or TypeScript goes on
 * with the record that it is in.
 */
/** What is looked through at once: small, because the rest of it is looked through again behind every record that TypeScript decides. */
const pieceBytes: usize = 4096;
const LF: i8 = 10;
const CR: i8 = 13;

/** Addresses of the marks; the one before the first is that of the byte before the first record. */
export const marks: usize = memory.data((4096 + 2 * 64) << 2, 64);
/** For each record that ends: the index of its last mark, an LF. */
export const ends: usize = memory.data((4096 + 2 * 64) << 2, 64);

function bitsOf(a: v128, b: v128, c: v128, d: v128, byte: v128): u64 {
  return (
    u64(i8x16.bitmask(i8x16.eq(a, byte))) |
    (u64(i8x16.bitmask(i8x16.eq(b, byte))) << 16) |
    (u64(i8x16.bitmask(i8x16.eq(c, byte))) << 32) |
    (u64(i8x16.bitmask(i8x16.eq(d, byte))) << 48)
  );
}

/** Bit i becomes the parity of bits 0 to i. */
function parity(bits: u64): u64 {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  return bits ^ (bits << 32);
}

/** Finds the marks of the text [from, to), or of its start, where a record starts; returns how many records end in what was seen. */
export function findMarks(from: usize, to: usize, quote: u32, delimiter: u32): u32 {
  return Search.run(from, to, quote, delimiter, true);
}

/** How many lines the text [from, to) has, which ends with an LF, if every one of them is a regular record or blank; else 0. */
export function countLines(from: usize, to: usize, quote: u32, delimiter: u32): u32 {
  return Search.run(from, to, quote, delimiter, false);
}

/** A class, because only its methods may be said to be inline. */
class Search {
  /** `keep`: marks and ends are written, of a piece; else lines are counted, of all of the text. A constant, so that each has a loop of its own. */
  @inline
  static run(from: usize, to: usize, quote: u32, delimiter: u32, keep: bool): u32 {
    const quotes = i8x16.splat(i8(quote));
    const delimiters = i8x16.splat(i8(delimiter));
    const lfs = i8x16.splat(LF);
    const crs = i8x16.splat(CR);
    const stop = keep ? min(to, from + pieceBytes) : to;
    let lines: u32 = 0;
    if (keep) store<u32>(marks, u32(from - 1));
    let mark = marks + 4;
    let end = ends;
    // What the byte before the block was: inside quotes (all ones), a mark, a closing quote, a CR behind one (each one bit).
    let inside: u64 = 0;
    let afterMark: u64 = 1;
    let afterClose: u64 = 0;
    let afterCr: u64 = 0;
    for (let p = from; p < stop; p += 64) {
      const a = v128.load(p);
      const b = v128.load(p, 16);
      const c = v128.load(p, 32);
      const d = v128.load(p, 48);
      const quoteBits = bitsOf(a, b, c, d, quotes);
      const lfBits = bitsOf(a, b, c, d, lfs);
      let found = bitsOf(a, b, c, d, delimiters) | lfBits;
      let wrong: u64 = 0;
      if ((quoteBits | inside | afterClose | afterCr) !== 0) {
        const quoted = parity(quoteBits) ^ inside;
        const crBits = bitsOf(a, b, c, d, crs);
        const closing = quoteBits & ~quoted;
        found &= ~quoted;
        const behind = (closing << 1) | afterClose;
        const lineEnd = behind & ~found & crBits;
        wrong = quoteBits & quoted & ~((found << 1) | afterMark);
        wrong |= lfBits & quoted;
        wrong |= behind & ~found & ~crBits;
        wrong |= ((lineEnd << 1) | afterCr) & ~(lfBits & found);
        inside = u64(i64(quoted) >> 63);
        afterClose = closing >> 63;
        afterCr = lineEnd >> 63;
      }
      afterMark = found >> 63;
      let left = u64(to - p);
      if (left > 64) left = 64;
      let valid: u64 = ~(<u64>0) >> (64 - left);
      wrong &= valid;
      // Only what is before the first wrong byte.
      if (wrong !== 0) valid &= (wrong & -wrong) - 1;
      if (!keep) {
        if (wrong !== 0) return 0;
        lines += u32(popcnt(lfBits & valid));
        continue;
      }
      found &= valid;
      const index = u32((mark - marks) >> 2);
      for (let rest = lfBits & found; rest !== 0; rest &= rest - 1) {
        store<u32>(end, index + u32(popcnt(found & ((rest & -rest) - 1))));
        end += 4;
      }
      const count = usize(popcnt(found));
      const next = mark + (count << 2);
      // Four at a time: those too many are overwritten.
      while (found !== 0) {
        store<u32>(mark, u32(p + usize(ctz(found))));
        found &= found - 1;
        store<u32>(mark, u32(p + usize(ctz(found))), 4);
        found &= found - 1;
        store<u32>(mark, u32(p + usize(ctz(found))), 8);
        found &= found - 1;
        store<u32>(mark, u32(p + usize(ctz(found))), 12);
        found &= found - 1;
        mark += 16;
      }
      mark = next;
      if (wrong !== 0) break;
    }
    return keep ? u32((end - ends) >> 2) : lines;
  }
}
