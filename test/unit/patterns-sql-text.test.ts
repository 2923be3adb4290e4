import { DuckDBInstance } from '@duckdb/node-api';
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

test('numbers beyond the integers of DuckDB are compared exactly', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const transactions =
    "(select 'M' as merchant, unnest([1, 1])::hugeint * 5000000000000000000000000::hugeint as amount, null::hugeint as weight)";
  const holds = async (when: string): Promise<boolean> => {
    const [pattern] = requirePatterns([{ id: 'P', action: 'A', entity: ['merchant'], when: [when] }], { columns: [], weight: 'none' });
    const sql = compilePattern(pattern!, duckdb, { scale: 2, transactions, reference: null });
    return (await connection.runAndReadAll(sql)).getRows().length === 1;
  };
  try {
    const nines = '9'.repeat(38);
    // The sum is 10^23, the average half of it.
    const sum = `1${'0'.repeat(23)}`;
    const decimals = '.000000000000000001';
    const all: [string, boolean][] = [
      [`sum(amount) < ${nines}`, true],
      [`sum(amount) > ${nines}`, false],
      [`sum(amount) > -${nines}${decimals}`, true],
      [`sum(amount) != ${nines}`, true],
      [`avg(amount) <= ${nines}`, true],
      [`avg(amount) >= ${nines}${decimals}`, false],
      [`sum(amount) = ${sum}`, true],
      [`sum(amount) < ${sum}${decimals}`, true],
      [`sum(amount) >= ${sum}${decimals}`, false],
      [`sum(amount) > ${sum.replace('10', '09')}${decimals}`, true],
      [`sum(amount) = ${sum}${decimals}`, false],
      [`sum(amount) < -${sum}${decimals}`, false],
      [`sum(amount) > -${sum}${decimals}`, true],
      [`count < ${nines}`, true],
    ];
    for (const [when, expected] of all) expect([when, await holds(when)]).toEqual([when, expected]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
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
