import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import { PieceReader } from '../../src/reader/piece-reader.ts';
import type { PieceTaker } from '../../src/reader/piece-taker.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { files, longFiles, readings, runs } from '../helpers/engine-arbitrary.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';
import { told } from '../helpers/told-delta.ts';

// A chunk of which pieces are read beside, each by a state of its own, gives what one reader gives that reads it alone: to the
// order of values and entities, the order and lines of rejected rows.

interface Case {
  readonly blockBytes: number;
  /** Turn by turn, whether a piece is wanted. */
  readonly wanted: readonly boolean[];
  /** Before which block the state beside, and ours, moves as if there was no room for more. */
  readonly moveAt: number;
}

const cases = fc.record({
  blockBytes: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constantFrom(4096, 1 << 16, 1 << 20)),
  wanted: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
  moveAt: fc.integer({ min: -1, max: 9 }),
});

let given = 0;

function readBeside(reader: ChunkReader, objects: readonly Uint8Array[], { blockBytes, wanted, moveAt }: Case): unknown {
  let rows = 0;
  let turn = 0;
  for (const [index, bytes] of objects.entries()) {
    const object = `${index}.csv`;
    let beside: PieceReader | null = null;
    const taker: PieceTaker = {
      wants: () => wanted[turn++ % wanted.length]!,
      take(block, from, end, line, start) {
        given++;
        beside ??= new PieceReader(object, reader.reading, start);
        beside.read(block.slice(from, end), line);
      },
    };
    const part = reader.csv(object, taker);
    for (let p = 0, number = 0; p < bytes.length; p += blockBytes, number++) {
      if (number === moveAt) reader.aggregator.move();
      part.push(bytes.subarray(p, p + blockBytes));
    }
    const fault = part.end();
    if (fault !== null) {
      reader.clear();
      return fault;
    }
    rows += part.rows;
    // Not `beside`: the compiler does not see that `take` sets it.
    const read = (beside as PieceReader | null)?.end();
    if (read !== undefined) {
      reader.addPieces(part, read);
      rows += read.rows;
    }
  }
  return taken(reader, rows);
}

function readAlone(reader: ChunkReader, objects: readonly Uint8Array[]): unknown {
  let rows = 0;
  for (const [index, bytes] of objects.entries()) {
    const part = reader.csv(`${index}.csv`);
    part.push(bytes);
    const fault = part.end();
    if (fault !== null) {
      reader.clear();
      return fault;
    }
    rows += part.rows;
  }
  return taken(reader, rows);
}

function taken(reader: ChunkReader, sum: number): unknown {
  const { rows, rejectedRows, rejected, delta } = reader.take(sum);
  return { rows, rejectedRows, rejected, delta: told(delta) };
}

test('what is read in pieces is what one reader reads', () => {
  given = 0;
  const chunks = readings.chain((reading) =>
    fc.tuple(
      fc.constant(reading),
      fc.array(fc.array(files(reading), { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
      cases,
    ),
  );
  fc.assert(
    fc.property(chunks, ([reading, all, how]) => {
      // One reader for some chunks: nothing of one is left for the next.
      const reader = new ChunkReader(reading);
      const alone = new ChunkReader(reading, 'typescript');
      for (const objects of all) expect(readBeside(reader, objects, how)).toEqual(readAlone(alone, objects));
    }),
    runs(2500),
  );
  expect(given).toBeGreaterThan(20);
});

test('the same of long files', () => {
  const reading: Reading = { layout: presetLayout('column'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
  const blocks = fc.integer({ min: 3000, max: 1 << 16 });
  fc.assert(
    fc.property(longFiles, cases, blocks, (bytes, how, blockBytes) => {
      const expected = readAlone(new ChunkReader(reading, 'typescript'), [bytes]);
      expect(readBeside(new ChunkReader(reading), [bytes], { ...how, blockBytes })).toEqual(expected);
    }),
    runs(20),
  );
});

test.each(['\n', '\r\n'])('wherever blocks end, with line ends %j', (end) => {
  const reading: Reading = { layout: presetLayout('column'), columns: {}, csv: { delimiter: ',', quote: "'" } };
  // Most are regular; of these some are rejected, some blank; some have quotes, or line ends in quotes, as no regular one has.
  const odd = [
    'C1,M1,F,none,1',
    "'C\nX',M1,F,1,1",
    "'C''1',M2,M,2,1",
    ',M1,F,1,1',
    '',
    'C2,M2',
    "C3,'M\n,9\n',M,3,",
    'C4,M1,F,4,x',
    "C'5,M3,F,5,1",
  ];
  const lines = Array.from({ length: 90 }, (_, i) =>
    i % 7 === 3 ? odd[((i - 3) / 7) % odd.length]! : `C${i % 11},'M${i % 5}',${i % 2 === 0 ? 'F' : 'M'},${i}.5,2`,
  );
  const bytes = Buffer.from(['customer,merchant,gender,amount,weight', ...lines, ''].join(end));
  const expected = readAlone(new ChunkReader(reading, 'typescript'), [bytes]);
  expect(JSON.stringify(expected, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toContain('bad_amount');
  given = 0;
  const reader = new ChunkReader(reading);
  for (let blockBytes = 1; blockBytes <= 400; blockBytes++)
    for (const wanted of [[true], [false, true, false]])
      expect(readBeside(reader, [bytes], { blockBytes, wanted, moveAt: -1 })).toEqual(expected);
  expect(given).toBeGreaterThan(500);
});
