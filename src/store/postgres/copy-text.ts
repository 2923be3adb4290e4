/** Rows of values in text form as COPY writes them: tabs between, a line end behind each, `\N` for null, and these characters escaped. */
const escapes: ReadonlyMap<number, number> = new Map([
  [0x5c, 0x5c],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0d, 0x72],
]);
const [backslash, tab, lineEnd, letterN] = [0x5c, 0x09, 0x0a, 0x4e];

type Cell = Buffer | null;

export function rowsAsCopy(rows: readonly (readonly Cell[])[]): Buffer {
  let most = 0;
  for (const row of rows) for (const cell of row) most += cell === null ? 3 : 2 * cell.length + 1;
  const out = Buffer.allocUnsafe(most);
  let at = 0;
  for (const row of rows) {
    for (const cell of row) {
      if (cell === null) {
        out[at++] = backslash;
        out[at++] = letterN;
      } else at = putCell(out, at, cell);
      out[at++] = tab;
    }
    out[at - 1] = lineEnd;
  }
  return out.subarray(0, at);
}

function putCell(out: Buffer, start: number, cell: Buffer): number {
  let at = start;
  for (const byte of cell) {
    // What is escaped is a backslash or below a space.
    if (byte < 0x20 || byte === backslash) {
      const escaped = escapes.get(byte);
      if (escaped !== undefined) {
        out[at++] = backslash;
        out[at++] = escaped;
        continue;
      }
    }
    out[at++] = byte;
  }
  return at;
}
