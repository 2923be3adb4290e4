import { expect, test } from 'vitest';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { compilePattern } from '../../src/patterns/sql/compile.ts';
import { duckdb } from '../../src/patterns/sql/duckdb.ts';
import { postgres } from '../../src/patterns/sql/postgres.ts';
import { spark } from '../../src/patterns/sql/spark.ts';

const dialects = [duckdb, postgres, spark];

test('identifiers are quoted', () => {
  expect(dialects.map((dialect) => dialect.identifier('a"b`c'))).toEqual(['"a""b`c"', '"a""b`c"', '`a"b``c`']);
});

test('texts are escaped as the dialect wants it', () => {
  const texts = (text: string): string[] => dialects.map((dialect) => dialect.text(text));
  expect(texts('es_tech')).toEqual(["'es_tech'", "'es_tech'", "'es_tech'"]);
  expect(texts("it's")).toEqual(["'it''s'", "'it''s'", "'it\\u0027s'"]);
  expect(texts('a\\b')).toEqual(["'a\\b'", "E'a\\\\b'", "'a\\u005cb'"]);
  expect(texts('${env:HOME}')[2]).toBe("'\\u0024\\u007benv\\u003aHOME\\u007d'");
  expect(texts('Ü☃𝒳\n')).toEqual(["'Ü☃𝒳\n'", "'Ü☃𝒳\n'", "'Ü☃𝒳\\u000a'"]);
});

test('the same pattern for Spark', () => {
  const when = [
    'merchant.count > 5',
    'avg(weight) in bottom 12.5% of merchant',
    "sum(amount where category = 'b c') >= 20% of sum(amount)",
  ];
  const [pattern] = requirePatterns([{ id: 'P', action: 'A', entity: ['merchant', 'customer'], when }], {
    columns: [],
    weight: 'reference',
  });
  if (pattern === undefined) throw new Error('no pattern');
  expect(compilePattern(pattern, spark, { scale: 2, transactions: 'tx', reference: 'reference' })).toMatchSnapshot();
});
