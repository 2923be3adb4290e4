/**
 * The order in which chunks are processed (DESIGN.md 5), and the byte order beneath it.
 *
 * A key is split at every run of ASCII digits into text, number, text, ... (the first text may be empty) and compared piece
 * by piece: texts by their UTF-8 bytes, a proper prefix first; numbers as integers of any length; ties by the bytes of the
 * whole key. So `chunk_2` before `chunk_10`, and `a10/x` before `a/0`: the text `a` is a proper prefix of `a/`.
 *
 * Both functions are total orders over well-formed strings, allocate nothing and cost O(length).
 */

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

/**
 * UTF-16 code units, moved so that they compare as the UTF-8 bytes of their code points do: surrogates (beyond U+FFFF) come
 * after U+E000..U+FFFF. Only the first differing unit decides, and in well-formed strings it is a surrogate on both sides
 * or a whole code point on one.
 */
function weight(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Compares as the UTF-8 bytes do: negative, 0 or positive. */
export function compareUtf8(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return weight(x) - weight(y);
  }
  return a.length - b.length;
}

/** Compares in natural order: negative, 0 (only for equal keys) or positive. */
export function compareNatural(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (true) {
    // Two texts, up to a digit or the end. In text neither i nor j stands on a digit unless its text ends here.
    while (true) {
      const x = i < a.length ? a.charCodeAt(i) : -1;
      const y = j < b.length ? b.charCodeAt(j) : -1;
      const xEnds = x === -1 || isDigit(x);
      const yEnds = y === -1 || isDigit(y);
      if (xEnds || yEnds) {
        if (xEnds !== yEnds) return xEnds ? -1 : 1;
        // Both texts end: the one without a number after it has fewer pieces.
        if (x === -1 || y === -1) {
          if (x !== y) return x === -1 ? -1 : 1;
          return compareUtf8(a, b);
        }
        break;
      }
      if (x !== y) return weight(x) - weight(y);
      i++;
      j++;
    }
    // Two numbers, without their leading zeros: the longer is greater, else the first differing digit decides.
    while (i < a.length && a.charCodeAt(i) === 0x30) i++;
    while (j < b.length && b.charCodeAt(j) === 0x30) j++;
    let first = 0;
    while (true) {
      const inA = i < a.length && isDigit(a.charCodeAt(i));
      const inB = j < b.length && isDigit(b.charCodeAt(j));
      if (!inA || !inB) {
        if (inA !== inB) return inA ? 1 : -1;
        break;
      }
      if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (first !== 0) return first;
  }
}
