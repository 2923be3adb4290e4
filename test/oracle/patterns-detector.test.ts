/**
 * Patterns through planner, binder and the detector in memory, against plain loops over all rows after every chunk:
 * laws 1 and 2 for random patterns, weights of a reference included.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeDetector } from '../../src/core/make-detector.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { arbitraryPatterns, arbitraryReference, arbitraryRow } from '../helpers/oracle/arbitrary.ts';
import { brute } from '../helpers/oracle/brute.ts';
import { bruteStatistics } from '../helpers/oracle/brute-statistics.ts';
import { referenceDelta, rowsDelta } from '../helpers/oracle/delta.ts';
import { compareValues } from '../helpers/oracle/oracle.ts';

const scale = 2;
const chunks = fc.array(fc.array(arbitraryRow, { maxLength: 12 }), { minLength: 1, maxLength: 5 });

test.each(['column', 'reference'] as const)('law 2: what a chunk makes true is detected once (weights: %s)', (weight) => {
  const references = fc.array(arbitraryReference, { maxLength: weight === 'reference' ? 12 : 0 });
  fc.assert(
    fc.property(arbitraryPatterns({ columns: [], weight }), chunks, references, (patterns, parts, reference) => {
      const isReference = weight === 'reference';
      const layout = planLayout(patterns, { scale, weight });
      const bound = bindPatterns(patterns, layout);
      if (bound.kind === 'missing') throw new Error(bound.missing.join());
      const detector = makeDetector(bound.plan);
      if (layout.weight === 'reference') detector.addWeights(referenceDelta(layout, reference));
      const seen = new Set<string>();
      for (const [i, part] of parts.entries()) {
        const input = { scale, rows: parts.slice(0, i + 1).flat(), reference: isReference ? reference : null };
        const expected = patterns.flatMap((pattern, p) =>
          [...brute(pattern, input)]
            .sort(compareValues)
            .map((values) => [p, ...values])
            .filter((found) => !seen.has(JSON.stringify(found))),
        );
        for (const found of expected) seen.add(JSON.stringify(found));
        const { detections } = detector.step(rowsDelta(layout, part, isReference));
        expect(detections.map(({ pattern, values }) => [pattern, ...values])).toEqual(expected);
        for (const grain of layout.grains.keys()) {
          const rows = [...detector.rows(grain)]
            .map(({ values, additive, distinct }) => ({ values, additive, distinct }))
            .filter((row) => row.additive.some((value) => value !== 0n));
          expect(rows.toSorted((a, b) => compareValues(a.values, b.values))).toEqual(bruteStatistics(layout, grain, input));
        }
      }
    }),
    { numRuns: 150 },
  );
});
