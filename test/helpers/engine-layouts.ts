/** Layouts to read with. Written by hand, so that tests of engines need no patterns. */
import type { Additive, Dimension, Filter, Grain, Layout, WeightSource } from '../../src/core/layout.ts';

const count: Additive = { kind: 'count', filter: null };

export function text(dimension: number, op: '=' | '!=' | 'in', ...values: string[]): Filter['tests'][number] {
  return { kind: 'text', dimension, op, values };
}

export function grain(name: string, dimensions: number[], additive: Additive[], base: number): Grain {
  return {
    name,
    dimensions,
    base,
    additive: [count, ...additive],
    fromBase: additive.map((_, i) => i).concat(additive.length),
    distinct: [],
  };
}

const dimensions: Dimension[] = [
  { name: 'merchant', key: true },
  { name: 'customer', key: true },
  { name: 'gender', key: false },
];

/** What the presets `full` and `sample` need: (merchant, customer) with count, amount, weight, and the counts of F and M. */
export function presetLayout(weight: WeightSource, scale = 2): Layout {
  const ofWeight: Additive[] =
    weight === 'none'
      ? []
      : [
          { kind: 'sum', of: 'weight', filter: null },
          { kind: 'number', of: 'weight', filter: null },
        ];
  return {
    scale,
    amount: true,
    weight,
    dimensions,
    filters: [{ tests: [text(2, '=', 'F')] }, { tests: [text(2, '=', 'M')] }],
    grains: [
      grain(
        'merchant_customer',
        [0, 1],
        [{ kind: 'sum', of: 'amount', filter: null }, ...ofWeight, { kind: 'count', filter: 0 }, { kind: 'count', filter: 1 }],
        0,
      ),
    ],
  };
}
