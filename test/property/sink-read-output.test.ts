/** An output read back says what was planned, whatever the values are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planFiles } from '../../src/sink/plan-files.ts';
import { inPublishingOrder, isOutputFile, readDetections } from '../../src/sink/read-output.ts';

const runs = Number(process.env['TALLYHO_RUNS'] ?? 300);
const patterns = [
  { id: 'Pair', action: 'A,"1"', entity: ['merchant', 'customer'], fingerprint: '1' },
  { id: 'Kind', action: 'B', entity: ['category', 'merchant'], fingerprint: '2' },
];
const value = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)),
  fc.string({ minLength: 1, unit: fc.constantFrom('"', ',', '\n', '\r', "'", 'a', '\\', ';', '\u{10000}') }),
);
const detections = fc.uniqueArray(fc.tuple(fc.nat({ max: 1 }), value, value), { maxLength: 120, selector: (row) => JSON.stringify(row) });

test('PROTOCOL 4.5: the detections and evidence of a folder are those that were planned, in any order of its files', () => {
  fc.assert(
    fc.property(detections, fc.func(fc.integer()), (rows, shuffle) => {
      const { files, records } = planFiles({
        detections: rows.map(([pattern, a, b]) => ({ pattern, entity: 0, values: [a, b], conditions: [] })),
        patterns,
        sequence: 7,
        chunk: 'chunk_6.csv',
        detectionTime: new Date('2026-11-22T07:30:00.123Z'),
        startTime: new Date('2026-11-22T07:00:00.000Z'),
        timeZone: 'Asia/Kolkata',
      });
      expect(files.every(({ key }) => isOutputFile(key))).toBe(true);
      const shuffled = files.toSorted((a, b) => shuffle(a.key) - shuffle(b.key));
      expect(inPublishingOrder(shuffled)).toEqual(files);
      expect(readDetections(shuffled, patterns)).toEqual(
        records.map(({ patternId, action, entity, evidence }) => {
          const { entity: names } = patterns.find(({ id }) => id === patternId) ?? expect.unreachable();
          return { patternId, action, values: names.map((name) => entity[name]), evidence };
        }),
      );
    }),
    { numRuns: runs },
  );
});
