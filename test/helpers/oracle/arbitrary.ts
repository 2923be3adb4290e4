/** Random patterns and rows for property tests: few values, so that ties, small cohorts and equal averages abound. */
import fc from 'fast-check';
import { parsePatterns } from '../../../src/patterns/parse.ts';
import type { Pattern, PatternContext } from '../../../src/patterns/pattern.ts';
import type { OracleRow, ReferenceRow } from './database.ts';

export const dimensions = ['merchant', 'customer', 'category', 'gender'] as const;
const values: Readonly<Record<(typeof dimensions)[number], readonly string[]>> = {
  merchant: ['M1', 'M2'],
  customer: ['C1', 'C2', 'C3', 'C4', 'C5'],
  category: ['food', "it's", 'a|b'],
  gender: ['F', 'M', ''],
};

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const dimension = fc.constantFrom(...dimensions);
const numeric = fc.constantFrom('amount', 'weight');
const comparison = fc.constantFrom('<', '<=', '>', '>=', '=', '!=');
/** Near the sums and averages of the rows below, some with more digits than the scale. */
const number = fc.oneof(
  fc.integer({ min: -6, max: 12 }).map(String),
  fc.integer({ min: -999, max: 1999 }).map((n) => (n / 1000).toFixed(3)),
);
const percent = fc.oneof(
  fc.constantFrom('10', '12.5', '25', '33.333333', '50', '66.6', '75', '100', '0.000001'),
  fc.integer({ min: 1, max: 100 }).map(String),
);

const test = fc.oneof(
  dimension.chain((name) =>
    fc.oneof(
      fc.tuple(fc.constantFrom('=', '!='), fc.constantFrom(...values[name])).map(([op, value]) => `${name} ${op} ${quote(value)}`),
      fc
        .uniqueArray(fc.constantFrom(...values[name]), { minLength: 1, maxLength: 3 })
        .map((list) => `${name} in (${list.map(quote).join(', ')})`),
    ),
  ),
  fc.tuple(numeric, comparison, number).map((parts) => parts.join(' ')),
);

function arbitraryWhere(isAllowed: boolean): fc.Arbitrary<string> {
  if (!isAllowed) return fc.constant('');
  const tests = fc.array(test, { minLength: 1, maxLength: 2 }).map((list) => `where ${list.join(' and ')}`);
  return fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: tests });
}

function arbitraryMeasure(entity: readonly string[]): fc.Arbitrary<string> {
  const group = fc.option(fc.uniqueArray(fc.constantFrom(...entity), { minLength: 1 }), { nil: null });
  const call = fc.oneof(
    arbitraryWhere(true).map((where) => (where === '' ? 'count' : `count(${where})`)),
    fc.tuple(fc.constantFrom('sum', 'avg'), numeric, arbitraryWhere(true)).map(([name, of, where]) => `${name}(${of} ${where})`),
    fc.tuple(dimension, arbitraryWhere(true)).map(([of, where]) => `distinct(${of} ${where})`),
  );
  return fc.tuple(group, call).map(([names, text]) => (names === null ? text : `(${names.join(', ')}).${text}`));
}

/** The text of a condition; not every one passes the checks. */
export function arbitraryCondition(entity: readonly string[]): fc.Arbitrary<string> {
  const measure = arbitraryMeasure(entity);
  const value = fc.oneof(
    number,
    measure,
    fc.tuple(percent, measure).map(([share, of]) => `${share}% of ${of}`),
  );
  const cohort = fc.oneof(
    fc.constant('all'),
    fc.uniqueArray(fc.constantFrom(...entity), { minLength: 1 }).map((names) => `(${names.join(', ')})`),
  );
  return fc.oneof(
    fc.tuple(measure, comparison, value).map((parts) => parts.join(' ')),
    fc.tuple(measure, fc.constantFrom('top', 'bottom'), percent, cohort).map(([m, side, p, of]) => `${m} in ${side} ${p}% of ${of}`),
  );
}

export const arbitraryEntity: fc.Arbitrary<readonly string[]> = fc.uniqueArray(dimension, { minLength: 1, maxLength: 3 });

/** 1 to 3 patterns that pass the checks, with 1 or 2 conditions each. */
export function arbitraryPatterns(context: PatternContext = { columns: [], weight: 'column' }): fc.Arbitrary<readonly Pattern[]> {
  const source = arbitraryEntity.chain((entity) =>
    fc.record({ entity: fc.constant(entity), when: fc.array(arbitraryCondition(entity), { minLength: 1, maxLength: 2 }) }),
  );
  return fc
    .array(source, { minLength: 1, maxLength: 3 })
    .map((list) => list.map((one, i) => ({ ...one, id: `P${i}`, action: 'ACT' })))
    .map((list) => list.flatMap((one) => parsePatterns([one], context).patterns))
    .filter((patterns) => patterns.length > 0);
}

const units = fc
  .oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -150, max: 300 }), fc.constantFrom(10 ** 15, -(10 ** 15)))
  .map(BigInt);

export const arbitraryRow: fc.Arbitrary<OracleRow> = fc.record({
  dims: fc.record({
    merchant: fc.constantFrom(...values.merchant),
    customer: fc.constantFrom(...values.customer),
    category: fc.constantFrom(...values.category),
    gender: fc.constantFrom('F', 'M'),
  }),
  amount: units,
  weight: fc.option(units, { nil: null }),
});

export const arbitraryReference: fc.Arbitrary<ReferenceRow> = fc.record({
  customer: fc.constantFrom(...values.customer, 'C9'),
  merchant: fc.constantFrom(...values.merchant, 'M9'),
  weight: units,
});
