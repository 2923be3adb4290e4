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
  const rejectedOf = new Map<string, [string, number, string][]>();
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
      // Rows of all versions of the key, in the order of their ledger lines: each line has as many as it says.
      const rows = rejectedOf.get(line.key) ?? (await readRejected(store, line.key));
      rejectedOf.set(line.key, rows);
      read.rejected.push(...rows.splice(0, line.quarantined));
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

async function readRejected(store: Store, key: string): Promise<[string, number, string][]> {
  const rows: [string, number, string][] = [];
  for await (const batch of store.rejected({ key }))
    rows.push(...batch.map((row): [string, number, string] => [row.object, row.line, row.reason]));
  return rows;
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
