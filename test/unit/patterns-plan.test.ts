import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Layout, WeightSource } from '../../src/core/layout.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import { parsePatterns, requirePatterns } from '../../src/patterns/parse.ts';
import type { Pattern, PatternSource } from '../../src/patterns/pattern.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { presets } from '../../src/patterns/presets.ts';
import { arbitraryPatterns } from '../helpers/oracle/arbitrary.ts';

function make(...sources: readonly (readonly [entity: string, ...when: string[]])[]): readonly Pattern[] {
  return requirePatterns(
    sources.map(([entity, ...when], i) => ({ id: `P${i}`, action: 'A', entity: entity.split(' '), when })),
    { columns: ['a_b', 'a', 'b', 'c', 'b_c', 'all'], weight: 'column' },
  );
}

/** A grain as one line: `merchant_customer: count, sum(amount), count[gender = F]`; `<` names the base of one that is no base. */
function shape(layout: Layout): string[] {
  const filter = (index: number | null): string => {
    const tests = index === null ? [] : (layout.filters[index]?.tests ?? []);
    const one = tests.map((t) =>
      t.kind === 'text'
        ? `${layout.dimensions[t.dimension]?.name} ${t.op} ${t.values.join('|')}`
        : `${t.field} ${t.op} ${t.value.units}/${t.value.digits}`,
    );
    return tests.length === 0 ? '' : `[${one.join(' and ')}]`;
  };
  return layout.grains.map((grain, index) => {
    const base = grain.base === index ? '' : ` < ${layout.grains[grain.base]?.name}`;
    const additive = grain.additive.map((m) => `${m.kind === 'count' ? 'count' : `${m.kind}(${m.of})`}${filter(m.filter)}`);
    const distinct = grain.distinct.map(
      ({ of, counting }) => `distinct ${layout.grains[of]?.name}${filter(layout.grains[of]?.additive[counting]?.filter ?? null)}`,
    );
    return `${grain.name}${base}: ${[...additive, ...distinct].join(', ')}`;
  });
}

function plan(patterns: readonly Pattern[], weight: WeightSource = 'column'): Layout {
  return planLayout(patterns, { scale: 2, weight });
}

/** What must be so in every layout. */
function assertSound(layout: Layout): void {
  expect(new Set(layout.grains.map((grain) => grain.name)).size).toBe(layout.grains.length);
  for (const [index, grain] of layout.grains.entries()) {
    const base = layout.grains[grain.base];
    expect(base?.base).toBe(grain.base);
    expect(grain.dimensions.every((id) => base?.dimensions.includes(id) && layout.dimensions[id]?.key)).toBe(true);
    expect([...grain.dimensions].sort((a, b) => a - b)).toEqual(grain.dimensions);
    expect(grain.additive[0]).toEqual({ kind: 'count', filter: null });
    expect(grain.fromBase.map((i) => base?.additive[i])).toEqual(grain.additive);
    if (grain.base === index) expect(grain.fromBase).toEqual(grain.additive.map((_, i) => i));
    for (const { of, counting } of grain.distinct) {
      const finer = layout.grains[of];
      expect(finer?.additive[counting]?.kind).toBe('count');
      expect(grain.dimensions.every((id) => finer?.dimensions.includes(id))).toBe(true);
      expect((finer?.dimensions.length ?? 0) - grain.dimensions.length).toBeLessThanOrEqual(1);
    }
  }
}

describe('the layout that patterns need', () => {
  test.each(['full', 'sample'] as const)('of the preset %s', (preset) => {
    const layout = plan(requirePatterns(presets[preset], { columns: [], weight: 'column' }));
    expect(shape(layout)).toEqual([
      'merchant_customer: count, sum(amount), sum(weight), number(weight), count[gender = F], count[gender = M]',
      'merchant < merchant_customer: count, distinct merchant_customer[gender = F], distinct merchant_customer[gender = M]',
    ]);
    expect(layout.dimensions).toEqual([
      { name: 'merchant', key: true },
      { name: 'customer', key: true },
      { name: 'gender', key: false },
    ]);
    expect([layout.scale, layout.amount, layout.weight]).toEqual([2, true, 'column']);
  });

  test.each<[string, readonly Pattern[], string[]]>([
    ['one grain', make(['customer', 'count > 5']), ['customer: count']],
    ['a cohort of all', make(['customer', 'count in top 1% of all']), ['customer: count', 'all < customer: count']],
    [
      'a group',
      make(['merchant category customer', '(category, merchant).sum(amount) > 5']),
      ['merchant_category_customer: count, sum(amount)', 'merchant_category < merchant_category_customer: count, sum(amount)'],
    ],
    [
      'distinct beyond every entity',
      make(['merchant', 'distinct(customer) > 5', 'distinct(category where amount > 5.50) > 5']),
      [
        'merchant_customer: count',
        'merchant_category: count, count[amount > 55/1]',
        'merchant < merchant_customer: count, distinct merchant_customer, distinct merchant_category[amount > 55/1]',
      ],
    ],
    [
      'distinct of the key itself',
      make(['merchant', 'distinct(merchant where gender = F) = 1']),
      ['merchant: count, count[gender = F], distinct merchant[gender = F]'],
    ],
    [
      'two bases',
      make(['merchant customer', 'count > 5'], ['customer category', 'count > 5'], ['customer', 'avg(amount) > 5']),
      ['merchant_customer: count, sum(amount)', 'customer_category: count', 'customer < merchant_customer: count, sum(amount)'],
    ],
    [
      'an average of some rows',
      make(['customer', 'avg(amount where gender = F) > 5', 'avg(weight where gender = F) > 5']),
      ['customer: count, count[gender = F], sum(amount)[gender = F], sum(weight)[gender = F], number(weight)[gender = F]'],
    ],
    ['names that run together alike', make(['a_b c', 'count > 5'], ['a b_c', 'count > 5']), ['a_b_c: count', 'a_b_c_2: count']],
    ['a field named all', make(['all', 'count in top 5% of all']), ['all: count', 'all_2 < all: count']],
  ])('%s', (_, patterns, expected) => {
    const layout = plan(patterns);
    assertSound(layout);
    expect(shape(layout)).toEqual(expected);
  });

  test('has weights and amounts only where they are used', () => {
    const needs = (when: string, weight: WeightSource): unknown[] => {
      const layout = plan(make(['customer', when]), weight);
      return [layout.amount, layout.weight];
    };
    expect(needs('count > 5', 'amount')).toEqual([false, 'none']);
    expect(needs('count(where amount > 5) > 5', 'none')).toEqual([true, 'none']);
    expect(needs('sum(weight) > 5', 'none')).toEqual([false, 'column']);
    expect(needs('sum(weight) > 5', 'amount')).toEqual([true, 'amount']);
    expect(needs('count(where weight > 5) > 5', 'column')).toEqual([false, 'column']);
    expect(needs('avg(weight) > 5', 'reference')).toEqual([false, 'reference']);
  });

  test('weights of a reference file have a base of customer and merchant only', () => {
    const patterns = make(
      ['merchant category customer', 'count > 5', 'merchant.count > 7'],
      ['customer', 'avg(weight) > 5'],
      ['merchant customer', 'count > 5'],
    );
    const layout = plan(patterns, 'reference');
    assertSound(layout);
    expect(shape(layout)).toEqual([
      'merchant_category_customer: count',
      'merchant_customer: count, sum(weight), number(weight)',
      'merchant < merchant_category_customer: count',
      'customer < merchant_customer: count, sum(weight), number(weight)',
    ]);
    expect(shape(plan(patterns))).toEqual([
      'merchant_category_customer: count, sum(weight), number(weight)',
      'merchant_customer < merchant_category_customer: count',
      'merchant < merchant_category_customer: count',
      'customer < merchant_category_customer: count, sum(weight), number(weight)',
    ]);
    const alone = plan(make(['customer category', 'count > 5'], ['customer', 'sum(weight) > 5']), 'reference');
    assertSound(alone);
    expect(shape(alone)).toEqual(['customer_category: count', 'customer: count, sum(weight)']);
  });

  test('does not depend on the order of equal things', () => {
    const one = make(['customer', 'count(where gender = F and amount > 5.0) > 1', 'sum(amount where category in (b, a)) > 2', 'count > 3']);
    const other = make([
      'customer',
      'count > 4',
      'sum(amount where category in (a, b, a)) > 9',
      'count(where amount > 5 and gender = F and gender = F) > 1',
    ]);
    const names = (layout: Layout): string[] => shape(layout);
    expect(names(plan(other))).toEqual(names(plan(one)));
    fc.assert(
      fc.property(arbitraryPatterns(), (patterns) => {
        const layout = plan(patterns);
        assertSound(layout);
        expect(plan([...patterns, ...patterns])).toEqual(layout);
        expect(new Set(shape(plan(patterns.toReversed())).map((line) => line.split(',').length)).size).toBeGreaterThan(0);
      }),
    );
  });
});

describe('patterns bound to a layout', () => {
  const full = requirePatterns(presets.full, { columns: [], weight: 'column' });

  test('the preset full', () => {
    expect(bindPatterns(full, plan(full))).toMatchSnapshot();
  });

  test('a changed threshold, another order and fewer patterns bind to the layout that there is', () => {
    const layout = plan(full);
    const sample = requirePatterns(presets.sample, { columns: [], weight: 'column' });
    for (const patterns of [sample, full.toReversed(), full.slice(2), full.slice(0, 1)]) {
      const bound = bindPatterns(patterns, layout);
      expect(bound.kind).toBe('bound');
      if (bound.kind === 'bound') expect(bound.plan.layout).toBe(layout);
    }
  });

  test('every set binds to its own layout, and to that of any larger set', () => {
    fc.assert(
      fc.property(arbitraryPatterns(), arbitraryPatterns(), (some, others) => {
        const larger = plan([...others, ...some]);
        for (const layout of [plan(some), larger]) {
          const bound = bindPatterns(some, layout);
          if (bound.kind === 'missing') throw new Error(bound.missing.join());
          for (const [i, pattern] of bound.plan.patterns.entries()) {
            expect(pattern.entityDimensions.map((id) => layout.dimensions[id]?.name)).toEqual(some[i]?.entity);
            for (const condition of pattern.conditions) {
              const operands =
                condition.kind === 'rank'
                  ? [condition.measure]
                  : [condition.left, ...(condition.right.kind === 'number' ? [] : [condition.right.operand])];
              for (const operand of operands) {
                const grain = layout.grains[operand.grain];
                if (operand.kind === 'distinct') expect(grain?.distinct[operand.index]).toBeDefined();
                else if (operand.kind === 'additive') expect(grain?.additive[operand.index]).toBeDefined();
                else expect([grain?.additive[operand.sum]?.kind, grain?.additive[operand.number]]).not.toContain(undefined);
              }
            }
          }
        }
      }),
    );
  });

  test('what a layout lacks is named', () => {
    const layout = plan(full);
    const missing = (source: Partial<PatternSource>): readonly string[] => {
      const { patterns, problems } = parsePatterns([{ id: 'P', action: 'A', entity: ['merchant'], when: [], ...source }], {
        columns: [],
        weight: 'column',
      });
      expect(problems).toEqual([]);
      const bound = bindPatterns(patterns, layout);
      return bound.kind === 'missing' ? bound.missing : [];
    };
    expect(missing({ when: ['sum(amount) > 5'] })).toEqual(['sum(amount) of merchant']);
    expect(missing({ when: ['count(where gender = X) > 5'] })).toEqual(['count(where gender = X) of merchant']);
    expect(missing({ when: ['distinct(customer where gender = X) > 5'] })).toEqual(['count(where gender = X) of merchant_customer']);
    expect(missing({ when: ['distinct(customer) > 5'] })).toEqual(['a distinct count over merchant_customer of merchant']);
    expect(missing({ entity: ['category', 'customer'], when: ['count in top 5% of all'] })).toEqual([
      'statistics of ()',
      'statistics of (category, customer)',
    ]);
    expect(missing({ when: ['distinct(category) > 5'] })).toEqual(['statistics of (merchant, category)']);
  });
});
