/** What a store holds, in the shapes of the evaluator and the oracle. */
import { makeDetector } from '../../src/core/make-detector.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import type { Pattern } from '../../src/patterns/pattern.ts';
import type { Store } from '../../src/store/store.ts';
import type { ExpectedLine } from './evaluator/evaluate.ts';
import { compareValues, type StatisticsRow } from './oracle/oracle.ts';

export async function readLedger(store: Store): Promise<ExpectedLine[]> {
  const lines: ExpectedLine[] = [];
  const bySequence = new Map<number, ExpectedLine>();
  for await (const batch of store.chunks()) {
    for (const line of batch) {
      if (line.kind !== 'chunk') continue;
      if (line.rows !== line.applied + line.quarantined + line.notCounted) throw new Error(`law 4 does not hold for ${line.key}`);
      const reason = line.outcome === 'quarantined' ? line.reason : null;
      const read: ExpectedLine = {
        key: line.key,
        outcome: line.outcome,
        sequence: line.sequence,
        rows: line.rows,
        rejected: [],
        reason,
        detections: [],
      };
      for await (const rejected of store.rejected({ key: line.key })) {
        for (const row of rejected)
          if (line.outcome === 'applied' || line.outcome === 'quarantined') read.rejected.push([row.object, row.line, row.reason]);
      }
      lines.push(read);
      if (line.sequence !== null) bySequence.set(line.sequence, read);
    }
  }
  for await (const batch of store.detections()) {
    for (const { sequence, patternId, evidence } of batch) {
      const { entity } = JSON.parse(evidence) as { entity: Record<string, string> };
      bySequence.get(sequence)?.detections.push([patternId, ...Object.values(entity)]);
    }
  }
  for (const line of lines) line.detections.sort(byText);
  return lines;
}

/** All entities of a grain that have any measure other than 0, from the tables and the deltas behind them. */
export async function readStatistics(store: Store, patterns: readonly Pattern[], grain: number): Promise<StatisticsRow[]> {
  const row = await store.pipeline();
  if (row === null || row.basis === null) throw new Error('no statistics');
  const bound = bindPatterns(patterns, row.basis.layout);
  if (bound.kind === 'missing') throw new Error(bound.missing.join('; '));
  const detector = makeDetector(bound.plan);
  await store.load(detector);
  const rows = [...detector.rows(grain)].map(({ values, additive, distinct }) => ({
    values: [...values],
    additive: [...additive],
    distinct: [...distinct],
  }));
  return rows
    .filter(({ additive, distinct }) => additive.some((value) => value !== 0n) || distinct.some((value) => value !== 0))
    .sort((a, b) => compareValues(a.values, b.values));
}

function byText(a: readonly string[], b: readonly string[]): number {
  const left = JSON.stringify(a);
  const right = JSON.stringify(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
