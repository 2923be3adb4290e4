import fc from 'fast-check';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCondition } from '../../src/patterns/parse-condition.ts';
import { parsePatterns, requirePatterns } from '../../src/patterns/parse.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { presets } from '../../src/patterns/presets.ts';
import { compilePattern } from '../../src/patterns/sql/compile.ts';
import { Level } from '../../src/patterns/sql/measures.ts';
import { rankSql } from '../../src/patterns/sql/rank.ts';
import { statisticsSql } from '../../src/patterns/sql/statistics.ts';
import { arbitraryCondition, arbitraryEntity, arbitraryPatterns, arbitraryReference, arbitraryRow } from '../helpers/oracle/arbitrary.ts';
import { brute, bruteCondition, members } from '../helpers/oracle/brute.ts';
import { bruteStatistics } from '../helpers/oracle/brute-statistics.ts';
import type { OracleRow } from '../helpers/oracle/database.ts';
import { openDuckdb } from '../helpers/oracle/duckdb.ts';
import { compareValues, makeOracle } from '../helpers/oracle/oracle.ts';
import { openPostgres } from '../helpers/oracle/postgres.ts';
import { startTestServer, type TestServer, testServerMissing } from '../helpers/test-server.ts';

const context = { columns: [], weight: 'column' } as const;
const scale = 2;
const rowsOf = fc.array(arbitraryRow, { minLength: 1, maxLength: 40 });

/** Names and values that mean something to some dialect. */
const odd = [
  "it's",
  'a"b',
  'back\\slash',
  '$\u007bx}',
  '``',
  'Ünï ☃ 𝒳',
  '  ',
  'a,b',
  '%_',
  "\\'",
  'm0',
  'k0',
  'IS_ROW',
  'is_row',
  'Gender',
  'tx',
  'select',
];

let server: TestServer | undefined;
let sql: Sql | undefined;
const missing = testServerMissing(18);

beforeAll(async () => {
  if (missing !== undefined) return;
  server = await startTestServer({ major: 18 });
  sql = postgres(server.url, { max: 2, onnotice: () => {} });
});

afterAll(async () => {
  await sql?.end();
  await server?.close();
});

describe.each([
  { name: 'DuckDB', runs: 60, isPostgres: false },
  { name: 'PostgreSQL', runs: 100, isPostgres: true },
])('on $name', ({ runs, isPostgres }) => {
  const openDatabase = (client: Sql | undefined) => (client === undefined ? openDuckdb([], scale) : openPostgres(client, [], scale));
  const database = (): { sql?: Sql } => (isPostgres && sql !== undefined ? { sql } : {});

  test('the SQL of random patterns finds what plain loops find, and measures what they measure', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    await fc.assert(
      fc.asyncProperty(arbitraryPatterns(), rowsOf, async (patterns, rows) => {
        const oracle = await makeOracle(patterns, { scale, ...database() });
        try {
          await oracle.append(rows.slice(0, 5));
          await oracle.append(rows.slice(5));
          const input = { scale, rows, reference: null };
          const found = await oracle.detect();
          for (const pattern of patterns) {
            expect(found.get(pattern.id)).toEqual([...brute(pattern, input)].sort(compareValues));
          }
          const layout = planLayout(patterns, { scale, weight: 'column' });
          for (const [index, grain] of layout.grains.entries()) {
            const names = grain.dimensions.map((id) => layout.dimensions[id]?.name ?? '');
            expect(await oracle.statistics(names)).toEqual(bruteStatistics(layout, index, input));
          }
        } finally {
          await oracle.close();
        }
      }),
      { numRuns: runs },
    );
  });

  test('weights of a reference are never joined to rows, and never make a member', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    const ours = { columns: [], weight: 'reference' } as const;
    await fc.assert(
      fc.asyncProperty(
        arbitraryPatterns(ours),
        rowsOf,
        fc.array(arbitraryReference, { maxLength: 12 }),
        async (patterns, rows, reference) => {
          const oracle = await makeOracle(patterns, { scale, weight: 'reference', ...database() });
          try {
            await oracle.append(rows);
            await oracle.appendReference(reference);
            const input = { scale, rows, reference };
            const found = await oracle.detect();
            for (const pattern of patterns) expect(found.get(pattern.id)).toEqual([...brute(pattern, input)].sort(compareValues));
            const layout = planLayout(patterns, { scale, weight: 'reference' });
            for (const [index, grain] of layout.grains.entries()) {
              const names = grain.dimensions.map((id) => layout.dimensions[id]?.name ?? '');
              expect(await oracle.statistics(names)).toEqual(bruteStatistics(layout, index, input));
            }
          } finally {
            await oracle.close();
          }
        },
      ),
      { numRuns: Math.ceil(runs / 2) },
    );
  });

  test('averages that differ by a twelfth of a unit at 10^17 units are told apart, and equal ones tie', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    const patterns = requirePatterns(
      [{ id: 'P', action: 'A', entity: ['merchant', 'customer'], when: ['avg(amount) in bottom 0.000001% of merchant'] }],
      context,
    );
    const oracle = await makeOracle(patterns, { scale, ...database() });
    // -(10^18 - 1) / 3 twice, and twice 1 / 12 less.
    const big = -(10n ** 18n) + 1n;
    const row = (customer: string, amount: bigint): OracleRow => ({ dims: { merchant: 'M', customer }, amount, weight: null });
    const three = (customer: string): OracleRow[] => [row(customer, big), row(customer, 0n), row(customer, 0n)];
    const twelve = (customer: string, less: bigint): OracleRow[] => [
      ...[big, big, big, big - less].map((amount) => row(customer, amount)),
      ...Array.from({ length: 8 }, () => row(customer, 0n)),
    ];
    await oracle.append([...three('a'), ...twelve('b', 1n), ...twelve('c', 0n), ...twelve('d', 1n)]);
    expect((await oracle.detect()).get('P')).toEqual([
      ['M', 'b'],
      ['M', 'd'],
    ]);
    await oracle.close();
  });

  test('averages over up to 2^31 rows are ordered exactly', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    const oracle = await openDatabase(database().sql);
    const { dialect } = oracle;
    const n = 2n ** 31n;
    const whole = 10n ** 18n;
    // Neighbours: (s, n) with the least difference that two fractions over at most 2^31 rows can have, around 0 and far off.
    const near = [0n, 1n, -1n, whole, -whole].flatMap((base): [bigint, bigint][] => [
      [base * n + 1n, n],
      [base * (n - 1n) + 1n, n - 1n],
      [base * n - 1n, n],
      [base * (n - 1n) - 1n, n - 1n],
      [base * 2n * (n / 2n) + n / 2n, n],
      [base * 2n + 1n, 2n],
    ]);
    const compare = ([s, m]: [bigint, bigint], [t, k]: [bigint, bigint]): number =>
      Number(s * k - t * m < 0n) * -1 + Number(s * k - t * m > 0n);
    const values = near.map(([s, m], i) => `('${i}', ${dialect.integer(s)}, ${dialect.integer(m)})`).join(', ');
    const level = new Level('g0', ['x'], dialect, oracle.source);
    for (const direction of ['top', 'bottom'] as const) {
      const { node } = parseCondition(`avg(amount) in ${direction} 100% of all`);
      if (node?.kind !== 'rank') throw new Error('no rank');
      const measure = { numerator: 'g0.s', denominator: 'g0.n', digits: 2 };
      const rank = rankSql('r0', node, level, level, measure, dialect);
      const rows = await oracle.query(`with g0 as (select * from (values ${values}) as t (k0, s, n)), ${rank} select k0, b, n from r0`);
      const sign = direction === 'top' ? 1 : -1;
      const expected = near.map((one, i) => [String(i), near.filter((other) => compare(other, one) * sign > 0).length, near.length]);
      expect(rows.map(([k, b, m]) => [k, Number(b), Number(m)]).sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(expected);
    }
    await oracle.close();
  });

  test('names and values may hold any sign', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    for (const name of odd) {
      const quoted = `'${name.replaceAll("'", "''")}'`;
      const when = [`count(where ${quoted} = ${quoted}) > 0`, `distinct(gender where ${quoted} in (${quoted}, x)) = 1`];
      const patterns = requirePatterns([{ id: 'P', action: 'A', entity: ['merchant', name], when: [...when, 'merchant.count > 0'] }], {
        columns: [name],
        weight: 'column',
      });
      const oracle = await makeOracle(patterns, { scale, ...database() });
      const row = (value: string): OracleRow => ({ dims: { merchant: 'M', gender: 'F', [name]: value }, amount: 1n, weight: null });
      await oracle.append([row(name), row(`${name} `), row(name.toUpperCase() === name ? 'other' : name.toUpperCase())]);
      expect((await oracle.detect()).get('P')).toEqual([['M', name]]);
      expect((await oracle.statistics(['merchant'])).length).toBe(1);
      await oracle.close();
    }
  });

  test('columns may be named as the fields themselves', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    const oracle = await openDatabase(database().sql);
    const { dialect } = oracle;
    for (const name of odd) {
      const when = [`distinct('${name.replaceAll("'", "''")}') = 1`, 'merchant.avg(amount) in top 50% of merchant'];
      const [pattern] = requirePatterns([{ id: 'P', action: 'A', entity: [name, 'merchant'], when }], {
        columns: [name],
        weight: 'column',
      });
      if (pattern === undefined) throw new Error('no pattern');
      const columns = `${dialect.text('M')} as merchant, ${dialect.text(name)} as ${dialect.identifier(name)}`;
      const transactions = `(select ${columns}, ${dialect.integer(5n)} as amount)`;
      const source = { scale, transactions, reference: null };
      expect(await oracle.query(compilePattern(pattern, dialect, source))).toEqual([[name, 'M']]);
      const layout = planLayout([pattern], { scale, weight: 'column' });
      expect((await oracle.query(statisticsSql(layout, 0, dialect, source))).length).toBe(1);
    }
    await oracle.close();
  });

  test('an entity is fresh once', async (ctx) => {
    if (isPostgres && missing !== undefined) ctx.skip(missing);
    const patterns = requirePatterns(presets.sample, context);
    const oracle = await makeOracle(patterns, { scale, ...database() });
    const row = (customer: string, amount: bigint): OracleRow => ({ dims: { merchant: 'M', customer, gender: 'F' }, amount, weight: null });
    oracle.markSeen('PatId2', ['M', 'known']);
    await oracle.append([row('a', 5n), row('a', 5n), row('a', 5n), row('known', 1n), row('known', 1n), row('known', 1n)]);
    expect((await oracle.fresh()).get('PatId2')).toEqual([['M', 'a']]);
    await oracle.append([row('b', 5n), row('b', 5n), row('b', 5n), row('a', 10n ** 9n)]);
    expect((await oracle.fresh()).get('PatId2')).toEqual([['M', 'b']]);
    await oracle.append([row('a', -(10n ** 9n))]);
    expect((await oracle.fresh()).get('PatId2')).toEqual([]);
    expect((await oracle.detect()).get('PatId2')?.length).toBe(3);
    await oracle.close();
  });
});

test('a condition that is refused as impossible never holds', () => {
  let refused = 0;
  const arbitrary = arbitraryEntity.chain((entity) => fc.tuple(fc.constant(entity), arbitraryCondition(entity)));
  fc.assert(
    fc.property(arbitrary, rowsOf, ([entity, text], rows) => {
      const { problems } = parsePatterns([{ id: 'P', action: 'A', entity, when: [text] }], context);
      if (problems.length === 0) return;
      refused++;
      const { node } = parseCondition(text);
      if (node === null) throw new Error(`${text}: ${problems[0]?.message}`);
      const input = { scale, rows, reference: null };
      for (const member of members(entity, input)) expect(bruteCondition(node, member, input), text).toBe(false);
    }),
    { numRuns: 4000 },
  );
  expect(refused).toBeGreaterThan(50);
});
