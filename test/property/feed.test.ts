import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutRows } from '../../src/feed/cut-rows.ts';

/** The dialect of DESIGN.md 4 in the plainest words, one byte at a time over the whole text: records and blank lines, as they stand. */
function records(text: string): string[] {
  const bom = text.startsWith('\xef\xbb\xbf') ? text.slice(0, 3) : '';
  const body = text.slice(bom.length);
  const lines = body
    .split('\n')
    .map((line) => (line.endsWith('\r') && body.includes('\n') ? line.slice(0, -1) : line))
    .filter((line) => line !== '');
  const quote = lines[1]?.split(',').find((field) => /^['"]/.test(field))?.[0] ?? '"';
  const found: string[] = [];
  for (let i = 0; i < body.length; ) {
    const blank = /^\r?\n/.exec(body.slice(i));
    if (blank !== null) {
      i += blank[0].length;
      continue;
    }
    let end = i;
    // One field after the other.
    while (true) {
      if (body[end] === quote) {
        end++;
        while (end < body.length && (body[end] !== quote || body[end + 1] === quote)) end += body[end] === quote ? 2 : 1;
        end++;
      }
      while (end < body.length && body[end] !== ',' && body[end] !== '\n') end++;
      if (end >= body.length || body[end++] === '\n') break;
    }
    found.push(body.slice(i, end));
    i = end;
  }
  if (found.length > 0) found[0] = bom + found[0]!;
  return found;
}

const token = fc.constantFrom('a', '1', ',', ',', '\n', '\n', '\r\n', '\r', '"', '"', "'", '""', "''", ' ', '\xff', 'long text');
const csv = fc.tuple(fc.constantFrom('', '\xef\xbb\xbf'), fc.array(token, { maxLength: 60 })).map(([bom, tokens]) => bom + tokens.join(''));

test('rows are those of the source, byte for byte, in whatever blocks it comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      csv,
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (text, rows, sizes) => {
        const bytes = Buffer.from(text, 'latin1');
        async function* blocks(): AsyncGenerator<Uint8Array> {
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length]!;
            yield bytes.subarray(at, at + size);
            at += size;
          }
        }
        const [header = '', ...body] = records(text);
        const expected: string[] = [];
        for (let i = 0; i < body.length; i += rows) expected.push(header + body.slice(i, i + rows).join(''));
        const pieces: string[] = [];
        const counts: number[] = [];
        for await (const piece of cutRows(blocks(), rows, { delimiter: ',', quote: 'auto' })) {
          pieces.push(Buffer.from(piece.bytes).toString('latin1'));
          counts.push(piece.rows);
        }
        expect(pieces).toEqual(expected);
        expect(counts.reduce((sum, n) => sum + n, 0)).toBe(body.length);
      },
    ),
    { numRuns: 5000 },
  );
});
