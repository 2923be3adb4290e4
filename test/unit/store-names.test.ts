/** Names are found again after an update of Tallyho: what stands here may not change without a migration. */
import { describe, expect, test } from 'vitest';
import type { Additive, Grain, Layout } from '../../src/core/layout.ts';
import { checkPipelineName, identifier, literal } from '../../src/store/postgres/identifier.ts';
import { grainNames, statisticsTable } from '../../src/store/postgres/names.ts';
import { additiveWords, distinctWords } from '../../src/store/postgres/words.ts';

const layout: Layout = {
  scale: 2,
  amount: true,
  weight: 'column',
  dimensions: ['merchant', 'customer', 'gender', 'category', 'Zip Code', 'count'].map((name) => ({ name, key: true })),
  filters: [
    { tests: [{ kind: 'text', dimension: 2, op: '=', values: ['F'] }] },
    { tests: [{ kind: 'text', dimension: 2, op: '=', values: ['f'] }] },
    { tests: [{ kind: 'text', dimension: 3, op: 'in', values: ['es_tech', 'b c', "it's"] }] },
    {
      tests: [
        { kind: 'text', dimension: 3, op: '!=', values: [''] },
        { kind: 'number', field: 'amount', op: '>=', value: { units: '-125', digits: 1 } },
      ],
    },
    { tests: [{ kind: 'text', dimension: 3, op: '=', values: ['Ünïcode 🦊 '.repeat(9)] }] },
    { tests: [{ kind: 'number', field: 'weight', op: '<', value: { units: '5', digits: 3 } }] },
  ],
  grains: [],
};

const measures: readonly Additive[] = [
  { kind: 'count', filter: null },
  { kind: 'sum', of: 'amount', filter: null },
  { kind: 'sum', of: 'weight', filter: null },
  { kind: 'number', of: 'weight', filter: null },
  { kind: 'count', filter: 0 },
  { kind: 'count', filter: 1 },
  { kind: 'sum', of: 'amount', filter: 2 },
  { kind: 'number', of: 'weight', filter: 3 },
  { kind: 'count', filter: 4 },
  { kind: 'count', filter: 5 },
];

function grain(name: string, dimensions: readonly number[], rest: Partial<Grain> = {}): Grain {
  return { name, dimensions, base: 0, additive: measures, fromBase: measures.map((_, i) => i), distinct: [], ...rest };
}

describe('names in the database', () => {
  test('are those that analysts would guess', () => {
    expect(grainNames(layout, grain('merchant_customer', [0, 1]))).toEqual({
      view: 'stats_merchant_customer',
      dimensions: ['merchant', 'customer'],
      additive: [
        'count',
        'sum_amount',
        'sum_weight',
        'number_weight',
        'count_gender_f',
        'count_gender_f_2',
        'sum_amount_category_in_es_tech_b_c_it_s',
        'number_weight_category_not_blank_amount_ge_minus_12_5',
        'count_category_ünïcode_ünïcode_ünïcode_ünï_824c78c2213b',
        'count_weight_lt_0_005',
      ],
      distinct: [],
    });
  });

  test('name what is counted, and by which filter', () => {
    const finer = grain('merchant_customer', [0, 1]);
    const coarse = grain('merchant', [0], {
      distinct: [
        { of: 0, counting: 0 },
        { of: 0, counting: 4 },
        { of: 1, counting: 0 },
      ],
    });
    const both = { ...layout, grains: [finer, coarse] };
    expect(grainNames(both, coarse).distinct).toEqual(['distinct_customer', 'distinct_customer_gender_f', 'distinct']);
    expect(coarse.distinct.map(({ of, counting }) => distinctWords(both, coarse, of, counting))).toEqual([
      'distinct(customer)',
      'distinct(customer where gender = F)',
      'distinct(itself)',
    ]);
  });

  test('say each measure in the words of the pattern language', () => {
    expect(measures.map((measure) => additiveWords(layout, measure))).toEqual([
      'count',
      'sum(amount)',
      'sum(weight)',
      'number of rows with weight',
      'count(where gender = F)',
      'count(where gender = f)',
      "sum(amount where category in (es_tech, 'b c', 'it''s'))",
      "number of rows with weight where category != '' and amount >= -12.5",
      `count(where category = '${'Ünïcode 🦊 '.repeat(9)}')`,
      'count(where weight < 0.005)',
    ]);
  });

  test('are at most 63 bytes and unique, whatever the dimensions are called', () => {
    const wild = ['count', 'sum_amount', 'entity', 'as_of_sequence', 'ctid', 'count_gender_f', 'é'.repeat(60), `${'é'.repeat(59)}e`];
    const names = grainNames({ ...layout, dimensions: wild.map((name) => ({ name, key: true })) }, grain('x', [...wild.keys()]));
    const columns = [...names.dimensions, ...names.additive, 'entity', 'as_of_sequence'];
    expect(new Set(columns).size).toBe(columns.length);
    for (const name of columns) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(names.dimensions.slice(0, 6)).toEqual(['count', 'sum_amount', 'entity_2', 'as_of_sequence_2', 'ctid_2', 'count_gender_f']);
    expect(names.additive.slice(0, 2)).toEqual(['count_2', 'sum_amount_2']);
  });

  test('of long grains end in a hash, and differ where these differ', () => {
    const long = (last: string) => grain(`${'merchant_'.repeat(12)}${last}`, [0]);
    expect(statisticsTable(12, long('a'))).toMatch(/^statistics_12_merchant_.*_[0-9a-f]{12}$/);
    expect(Buffer.byteLength(statisticsTable(12, long('a')))).toBe(63);
    expect(statisticsTable(12, long('a'))).not.toBe(statisticsTable(12, long('b')));
    expect(statisticsTable(1, grain('all', []))).toBe('statistics_1_all');
  });
});

describe('identifiers and literals', () => {
  test('are quoted', () => {
    expect(identifier('a"b')).toBe('"a""b"');
    expect(literal("it's")).toBe("'it''s'");
    expect(literal("a\\'b")).toBe("E'a\\\\''b'");
    for (const bad of ['', 'a\0b', 'x'.repeat(64)]) expect(() => identifier(bad)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  test.each(['', 'x'.repeat(64), 'é'.repeat(32), 'a\nb', 'a\0', 'pg_temp', 'PG_x', 'information_schema', '$user', '\ud800'])(
    'a pipeline is not called %j',
    (name) => {
      expect(() => checkPipelineName(name)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );

  test.each(['tallyho', 'Tally Ho', 'a"b', "it's", 'a,b', '$users', '🦊', 'é'.repeat(31)])('a pipeline may be called %j', (name) => {
    checkPipelineName(name);
  });
});
