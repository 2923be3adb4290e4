/** Plans from sentences, and plain transactions as deltas for them. */
import type { Delta } from '../../../src/core/delta.ts';
import type { Additive, Layout, Test, WeightSource } from '../../../src/core/layout.ts';
import type { Plan } from '../../../src/core/plan.ts';
import { bindPatterns } from '../../../src/patterns/bind.ts';
import { requirePatterns } from '../../../src/patterns/parse.ts';
import { planLayout } from '../../../src/patterns/plan.ts';
import { makeDelta } from './deltas.ts';
import type { Row } from './model.ts';

/** [entity, ...conditions] for each pattern; scale 2. */
export function planOf(sources: readonly (readonly [entity: string, ...when: string[]])[], weight: WeightSource = 'column'): Plan {
  const patterns = requirePatterns(
    sources.map(([entity, ...when], i) => ({ id: `P${i}`, action: 'A', entity: entity.split(' '), when })),
    { columns: [], weight },
  );
  const bound = bindPatterns(patterns, planLayout(patterns, { scale: 2, weight }));
  if (bound.kind === 'missing') throw new Error('patterns bind to their own layout');
  return bound.plan;
}

/** Amounts in units of 0.01. `times` is how often the row comes (negative: is taken out), 0 for a row of the reference. */
export interface Transaction {
  readonly merchant?: string;
  readonly customer?: string;
  readonly gender?: string;
  readonly category?: string;
  readonly amount?: bigint | number;
  readonly weight?: bigint | number;
  readonly times?: number;
}

export function deltaOf(plan: Plan, transactions: readonly Transaction[]): Delta {
  const { layout } = plan;
  // Every additive measure of every grain is a feature of its own.
  const features: number[][] = [];
  const measures: Additive[] = [];
  for (const grain of layout.grains) features.push(grain.additive.map((measure) => measures.push(measure) - 1));
  const rows = transactions.map(
    (transaction): Row => ({
      values: layout.dimensions.map(({ name }) => transaction[name as 'merchant'] ?? ''),
      features: measures.map((measure) => contribution(layout, measure, transaction)),
    }),
  );
  return makeDelta(layout, features, rows);
}

function contribution(layout: Layout, measure: Additive, transaction: Transaction): bigint {
  const times = transaction.times ?? 1;
  const tests = measure.filter === null ? [] : (layout.filters[measure.filter]?.tests ?? []);
  if (!tests.every((test) => passes(layout, test, transaction))) return 0n;
  const weight = times === 0 ? 1n : BigInt(times);
  if (measure.kind === 'count') return BigInt(times);
  if (measure.kind === 'number') return transaction.weight === undefined ? 0n : weight;
  const value = measure.of === 'amount' ? (transaction.amount ?? 0) : (transaction.weight ?? 0);
  return BigInt(value) * (measure.of === 'amount' ? BigInt(times) : weight);
}

/** Tests of texts only. */
function passes(layout: Layout, test: Test, transaction: Transaction): boolean {
  if (test.kind !== 'text') throw new Error('not for numbers');
  const value = transaction[layout.dimensions[test.dimension]?.name as 'gender'] ?? '';
  return test.op === '!=' ? !test.values.includes(value) : test.values.includes(value);
}
