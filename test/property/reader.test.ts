import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { slowAggregate, statisticsOf } from '../helpers/slow-parser/aggregate.ts';
import { slowParse } from '../helpers/slow-parser/parse.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';

function fast(bytes: Uint8Array, reading: Reading, block: number): unknown {
  const reader = new ChunkReader(reading);
  const part = reader.csv('x.csv');
  for (let p = 0; p < bytes.length; p += block) part.push(bytes.subarray(p, p + block));
  const fault = part.end();
  if (fault !== null) return { fault: fault.reason };
  const result = reader.take(part.rows);
  return {
    rows: result.rows,
    rejected: result.rejected.map(({ line, reason, raw, length }) => [line, reason, Buffer.from(raw).toString('latin1'), length]),
    statistics: statisticsOf(reading.layout, result.delta),
  };
}
function slow(bytes: Uint8Array, reading: Reading): unknown {
  const result = slowParse([{ object: 'x.csv', bytes }], reading);
  if (result.kind === 'fault') return { fault: result.reason };
  return {
    rows: result.rows.length + result.rejected.length,
    rejected: result.rejected.map(({ line, reason, raw }) => [line, reason, raw.toString('latin1').slice(0, 8192), raw.length]),
    statistics: slowAggregate(reading.layout, result.rows),
  };
}

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'F', 'M', 'C1', 'M2', '1.50', '-2', '12345678901234.99', '9'.repeat(15), '0', '') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(',', '"', "'", '\n', '\r\n', '\r', '""', "''", '\0', '\u00e9', '\u{1f600}', '\xff', 'x'.repeat(257)),
  },
);
const field = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'F', 'M', 'C1', 'C2', '1.50', '', '7') },
  { weight: 1, arbitrary: fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join('')) },
);
const line = fc.array(field, { minLength: 3, maxLength: 6 });
const header = fc.constantFrom(
  'merchant,customer,gender,amount',
  '"merchant","customer",\'gender\',amount',
  "'merchant','customer','gender','amount','weight'",
  'merchant,customer,gender,amount,weight',
  'x,amount,x,gender,customer,merchant',
);
const file = fc
  .tuple(
    fc.constantFrom('', '\xef\xbb\xbf', '\n', '\r\n\n', '\r'),
    header,
    fc.array(fc.tuple(line, fc.constantFrom('', '"', "'"), fc.constantFrom('\n', '\r\n', '\n\n', '')), { maxLength: 8 }),
  )
  .map(([start, header, lines]) =>
    Buffer.from(
      start + header + '\n' + lines.map(([fields, quote, end]) => fields.map((f) => quote + f + quote).join(',') + end).join(''),
      'latin1',
    ),
  );

describe('fast equals slow', () => {
  test('any file, any block', () => {
    fc.assert(
      fc.property(
        file,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('amount' as const, 'column' as const, 'none' as const),
        (bytes, block, weight) => {
          const reading: Reading = { layout: presetLayout(weight), columns: {}, csv: { delimiter: ',', quote: 'auto' } };
          expect(fast(bytes, reading, block)).toEqual(slow(bytes, reading));
        },
      ),
      { numRuns: 20000 },
    );
  });
});
