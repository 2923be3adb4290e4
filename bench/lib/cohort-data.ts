/** Deltas of the preset `full` on arrays: what an engine would hand on, made without rows, strings or maps. */
import type { Delta, GrainDelta, Values } from '../../src/core/delta.ts';
import { Integers } from '../../src/core/integers.ts';
import { type Additive, baseGrains, type Layout } from '../../src/core/layout.ts';
import type { Plan } from '../../src/core/plan.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { presets } from '../../src/patterns/presets.ts';

export function fullPlan(): Plan {
  const patterns = requirePatterns(presets.full, { columns: [], weight: 'amount' });
  const bound = bindPatterns(patterns, planLayout(patterns, { scale: 2, weight: 'amount' }));
  if (bound.kind === 'missing') throw new Error('patterns bind to their own layout');
  return bound.plan;
}

/** Transactions summed by pair: `size` pairs, each once. */
export interface Pairs {
  readonly size: number;
  /** Numbers of merchants and customers. */
  readonly merchant: (i: number) => number;
  readonly customer: (i: number) => number;
  readonly count: (i: number) => number;
  /** Sum of the amounts in cents, which are the weights too. */
  readonly cents: (i: number) => number;
}

export function merchantName(number: number): string {
  return `M${1_000_000_000 + number}`;
}

export function customerName(number: number): string {
  return `C${1_000_000_000 + number}`;
}

/** Customers with even numbers are women. */
export function deltaOf({ layout }: Plan, pairs: Pairs): Delta {
  const merchants = new Locals(merchantName);
  const customers = new Locals(customerName);
  const locals: Readonly<Record<string, Uint32Array>> = {
    merchant: Uint32Array.from({ length: pairs.size }, (_, i) => merchants.id(pairs.merchant(i))),
    customer: Uint32Array.from({ length: pairs.size }, (_, i) => customers.id(pairs.customer(i))),
  };
  const grains = baseGrains(layout).map((index): GrainDelta => {
    const { dimensions, additive } = layout.grains[index]!;
    return {
      size: pairs.size,
      keys: dimensions.map((dimension) => locals[layout.dimensions[dimension]?.name ?? ''] ?? new Uint32Array(pairs.size)),
      additive: additive.map((measure) => measureOf(layout, measure, pairs)),
    };
  });
  const values: Readonly<Record<string, Values>> = { merchant: merchants.values(), customer: customers.values() };
  return { values: layout.dimensions.map(({ name }) => values[name] ?? noValues), grains };
}

const noValues: Values = { count: 0, bytes: new Uint8Array(0), offsets: new Uint32Array(1) };

export function measureOf(layout: Layout, measure: Additive, pairs: Pairs): Integers {
  const value = measure.kind === 'sum' ? pairs.cents : pairs.count;
  const isCounted = passing(layout, measure.filter);
  const column = new Integers(pairs.size);
  for (let i = 0; i < pairs.size; i++) column.push(isCounted(pairs.customer(i)) ? value(i) : 0);
  return column;
}

/** The filters of the preset: gender = F, gender = M. */
function passing(layout: Layout, filter: number | null): (customer: number) => boolean {
  if (filter === null) return () => true;
  const test = layout.filters[filter]?.tests[0];
  if (test?.kind !== 'text') throw new Error('the filters of the preset are on the gender');
  const isWomen = test.values.includes('F');
  return (customer) => (customer % 2 === 0) === isWomen;
}

/** Values local to a delta, in the order in which they were first asked for. */
class Locals {
  private readonly ids = new Map<number, number>();
  private readonly name: (number: number) => string;

  constructor(name: (number: number) => string) {
    this.name = name;
  }

  id(number: number): number {
    const id = this.ids.get(number) ?? this.ids.size;
    this.ids.set(number, id);
    return id;
  }

  values(): Values {
    const names = [...this.ids.keys()].map(this.name);
    const offsets = new Uint32Array(names.length + 1);
    names.forEach((name, i) => (offsets[i + 1] = offsets[i]! + name.length));
    return { count: names.length, bytes: Buffer.from(names.join(''), 'latin1'), offsets };
  }
}
