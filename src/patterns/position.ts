/**
 * From an offset in the value of a YAML scalar to the line and column in the file.
 *
 * The value and the raw scalar are walked side by side: any run of white space in one answers any run in the other
 * (folding, indentation), a doubled quote and a backslash escape stand for one character. Exact for plain and
 * single-quoted scalars and for blocks; in a double-quoted scalar every escape counts as one character.
 */

interface Place {
  readonly line: number;
  readonly column: number;
}

function isSpace(c: string | undefined): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\r';
}

/** Length of the escape that begins at `raw[i]`, a backslash. */
function escapeLength(raw: string, i: number): number {
  const kind = raw[i + 1];
  return kind === 'x' ? 4 : kind === 'u' ? 6 : kind === 'U' ? 10 : 2;
}

/** The offset in `raw` that answers `offset` in `value`. */
function rawOffset(raw: string, value: string, offset: number): number {
  const quote = raw[0] === "'" || raw[0] === '"' ? raw[0] : null;
  const isBlock = raw[0] === '|' || raw[0] === '>';
  let i = quote !== null ? 1 : 0;
  if (isBlock) {
    while (i < raw.length && raw[i] !== '\n') i++;
    while (isSpace(raw[i])) i++;
  }
  let v = 0;
  while (v < offset && i < raw.length) {
    if (isSpace(value[v]) && isSpace(raw[i])) {
      while (v < offset && isSpace(value[v])) v++;
      // Inside a run the answer is its beginning, behind it the next character.
      if (v === offset && isSpace(value[v])) return i;
      while (isSpace(raw[i])) i++;
      continue;
    }
    if (quote === "'" && raw[i] === "'" && raw[i + 1] === "'") i += 2;
    else if (quote === '"' && raw[i] === '\\') i += escapeLength(raw, i);
    else i++;
    v++;
  }
  return i;
}

/** Line and column (from 1) of `value[offset]`; without an origin they count within the value. */
export function locate(
  value: string,
  offset: number,
  origin: { readonly line: number; readonly column: number; readonly raw?: string } | null,
): Place {
  const raw = origin?.raw ?? value;
  const before = raw.slice(0, origin?.raw === undefined ? offset : rawOffset(raw, value, offset));
  const lines = before.split('\n');
  const last = lines.at(-1) ?? '';
  const line = (origin?.line ?? 1) + lines.length - 1;
  return { line, column: lines.length === 1 ? (origin?.column ?? 1) + last.length : last.length + 1 };
}
