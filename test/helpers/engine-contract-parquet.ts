/** What any engine owes of Parquet (DESIGN.md 4): a part of the contract suite. */
import { describe, expect, test } from 'vitest';
import type { Layout } from '../../src/core/layout.ts';
import type { ReadOutcome, ReadPlan } from '../../src/engine/engine.ts';
import { csv, plain, preset, reasons, rowsOf, statistics } from './engine-contract-parts.ts';
import { grain } from './engine-layouts.ts';
import { parquetOf, renamed } from './engine-parquet.ts';
import { type EngineWorld, planOf, taskOf } from './engine-world.ts';

export function parquetContract(current: () => EngineWorld): void {
  const outcome = (key: string, content: Uint8Array | string, plan: ReadPlan = preset): Promise<ReadOutcome> =>
    current().outcome(key, content, plan);

  describe('a Parquet file', () => {
    const columns = "'M' as merchant, 'C' as customer, 'F' as gender, 1.5::decimal(9,2) as amount, 2 as weight";

    test('has its rows read as those of a CSV file', async () => {
      const file = await parquetOf(
        `select * from (values
         ('x', 'M', 'C', 'F', 1.50::decimal(9,2), 2::tinyint), ('x', 'M', 'C', 'M', -0.25, null), ('x', '', 'C', 'F', 1, 1), ('x', 'M', null, 'F', 1, 1),
         ('x', repeat('k', 257), 'C', 'F', 1, 1), ('x', 'M', 'C', 'F', null, 1), ('x', 'M', 'C', 'a' || chr(0), 1, 1), ('x,"y"', null, 'D', '', 1, 1))
       t(step, merchant, customer, gender, amount, weight)`,
      );
      const found = rowsOf(await outcome('x.parquet', file));
      expect(statistics(found, preset.layout)).toEqual([{ '["M","C"]': ['2', '125', '200', '1', '1', '1'] }]);
      expect(found.rows).toBe(8);
      expect(found.rejected.map(({ object, line, reason, raw }) => [object, line, reason, Buffer.from(raw).toString()])).toEqual([
        ['x.parquet', 4, 'missing_key', 'x,,C,F,1.00,1'],
        ['x.parquet', 5, 'missing_key', 'x,M,,F,1.00,1'],
        ['x.parquet', 6, 'long_key', `x,${'k'.repeat(257)},C,F,1.00,1`],
        ['x.parquet', 7, 'bad_amount', 'x,M,C,F,,1'],
        ['x.parquet', 8, 'bad_encoding', 'x,M,C,a\0,1.00,1'],
        ['x.parquet', 9, 'missing_key', '"x,""y""",,D,,1.00,1'],
      ]);
    });

    test.each([
      ['tinyint', '7', '700'],
      ['bigint', '-999999999999999', '-99999999999999900'],
      ['bigint', '1000000000000000', null],
      ['ubigint', '18446744073709551615', null],
      ['decimal(18,3)', '1.230', '123'],
      ['decimal(18,3)', '1.234', null],
      ['decimal(38,10)', '999999999999999.99', '99999999999999999'],
      ['decimal(38,10)', '1000000000000000', null],
      ['decimal(4,1)', '1.5', '150'],
      ['varchar', "'+1.50'", '150'],
      ['varchar', "'1.5e0'", null],
      ['varchar', "''", null],
      ['double', '0.1', '10'],
      ['double', '0.1::float', null],
      ['float', '0.1', '10'],
      ['double', '0.125', null],
      ['double', '90071992547409.91', '9007199254740991'],
      ['double', '90071992547409.92', null],
      ['double', "'nan'", null],
      ['double', "'-inf'", null],
      ['double', "'-0.0'", '0'],
      ['integer', 'null', null],
    ])('has the amount %s %s exact, or bad', async (type, value, units) => {
      const file = await parquetOf(`select 'M' as merchant, 'C' as customer, ${value}::${type} as amount, null::${type} as weight`);
      const found = await outcome('x.parquet', file, planOf(plain()));
      if (units === null) expect(reasons(found)).toEqual([[2, 'bad_amount']]);
      else expect(statistics(found, plain())).toEqual([{ '["M","C"]': ['1', units, '0', '0'] }]);
    });

    test('has dimensions of texts and integers', async () => {
      const file = await parquetOf(
        `select unnest([-7, 0, 123456789012345678::bigint]) as merchant, unnest(['\ufeffé', 'a long name that is not inline', '']) as customer, 1 as amount, null::integer as weight`,
      );
      const found = await outcome('x.parquet', file, planOf(plain()));
      expect(Object.keys(statistics(found, plain())[0] ?? {})).toEqual(['["-7","\ufeffé"]', '["0","a long name that is not inline"]']);
      expect(reasons(found)).toEqual([[4, 'missing_key']]);
    });

    test.each([
      ['a date', columns.replace("'M'", "date '2020-01-01'")],
      ['a decimal', columns.replace("'M'", '1.5')],
      ['a blob', columns.replace("'M'", "'M'::blob")],
      ['a boolean', columns.replace("'M'", 'true')],
      ['a list', columns.replace("'M'", "['M']")],
      ['missing', columns.replace('merchant', 'Merchant')],
    ])('has a bad header if a dimension is %s', async (_, columns) => {
      expect(await outcome('x.parquet', await parquetOf(`select ${columns}`))).toMatchObject({
        kind: 'fault',
        fault: { reason: 'bad_header' },
      });
    });

    test.each(['true', "date '2020-01-01'", '[1]', "'1'::blob"])('has a bad header if the amount is %s', async (value) => {
      const file = await parquetOf(`select ${columns.replace('1.5::decimal(9,2)', value)}`);
      expect(await outcome('x.parquet', file)).toMatchObject({ kind: 'fault', fault: { reason: 'bad_header' } });
    });

    test('PROTOCOL 2.4: has its columns told apart by exact names', async () => {
      const file = renamed(await parquetOf(`select ${columns}, 'x' as qqqqqqqq, [1] as l, 'y' as zzzzzz`), 'qqqqqqqq', 'Merchant');
      expect(await outcome('x.parquet', renamed(file, 'zzzzzz', 'AMOUNT'))).toMatchObject({ kind: 'rows', rows: 1, rejectedRows: 0 });
      const twice = renamed(file, 'Merchant', 'merchant');
      expect(await outcome('y.parquet', twice)).toMatchObject({ kind: 'fault', fault: { reason: 'bad_header' } });
      const bom = renamed(await parquetOf(`select ${columns.replace('customer', 'qqqqqqqqqqq')}`), 'qqqqqqqqqqq', '\ufeffcustomer');
      expect(await outcome('z.parquet', bom)).toMatchObject({ kind: 'fault', fault: { reason: 'bad_header' } });
    });

    test('cannot be read if it is broken', async () => {
      const file = await parquetOf(`select ${columns} from range(10000)`);
      expect(await outcome('1.parquet', file.subarray(0, -1))).toMatchObject({
        kind: 'fault',
        fault: { reason: 'unreadable', object: '1.parquet' },
      });
      expect(await outcome('2.parquet', 'PAR1 not')).toMatchObject({ kind: 'fault', fault: { reason: 'unreadable' } });
      expect(await outcome('3.parquet', '')).toMatchObject({ kind: 'rows', rows: 0 });
      expect(await outcome('4.parquet', file)).toMatchObject({ kind: 'rows', rows: 10_000 });
    });

    test('has many rows numbered as they stand', async () => {
      const file = await parquetOf(
        `select 'M' || (i % 10) as merchant, case when i % 1000 = 7 then '' else 'C' || i end as customer, 'F' as gender, i as amount, i as weight from range(50000) t(i)`,
        ', row_group_size 5000',
      );
      const found = await outcome('x.parquet', file);
      expect(reasons(found)).toEqual(Array.from({ length: 50 }, (_, i) => [1000 * i + 9, 'missing_key']));
      expect(rowsOf(found).delta.grains[0]?.size).toBe(50_000 - 50);
    });

    test('has the needed columns only, or none', async () => {
      const layout: Layout = { ...plain(2, 'none'), amount: false, dimensions: [], grains: [grain('all', [], [], 0)] };
      expect(statistics(await outcome('x.parquet', await parquetOf(`select 1 as x from range(5)`), planOf(layout)), layout)).toEqual([
        { '[]': ['5'] },
      ]);
    });

    test('may be a part of a folder with CSV files', async () => {
      const chunk = await current().folderChunk('x.csv', [
        ['1.csv', csv('M,C,F,1,')],
        ['2.parquet', await parquetOf(`select ${columns}`)],
        ['3.csv', csv('M,C,M,3,')],
      ]);
      expect(statistics(await current().readOne(chunk, preset), preset.layout)).toEqual([
        { '["M","C"]': ['3', '550', '200', '1', '2', '1'] },
      ]);
    });

    test('has its columns in an order of its own, whatever that of the part before', async () => {
      const one = await parquetOf("select 'M' as merchant, 'C' as customer, 'F' as gender, 1 as amount, 2 as weight");
      const other = await parquetOf("select 2 as weight, 5 as amount, 'F' as gender, 'D' as customer, 'M' as merchant");
      const tasks = [
        taskOf(await current().chunk('1.parquet', one)),
        taskOf(await current().chunk('2.parquet', other)),
        taskOf(
          await current().folderChunk('3', [
            ['1.parquet', one],
            ['2.parquet', other],
            ['3.csv', 'weight,amount,gender,customer,merchant\n,7,F,E,M\n'],
            ['4.parquet', one],
          ]),
        ),
      ];
      const found = await current().read(tasks, preset);
      const c = ['1', '100', '200', '1', '1', '0'];
      const d = ['1', '500', '200', '1', '1', '0'];
      expect(found.map(({ outcome }) => statistics(outcome, preset.layout))).toEqual([
        [{ '["M","C"]': c }],
        [{ '["M","D"]': d }],
        [{ '["M","C"]': ['2', '200', '400', '2', '2', '0'], '["M","D"]': d, '["M","E"]': ['1', '700', '0', '0', '1', '0'] }],
      ]);
    });

    test('is too large by its unpacked pages', async () => {
      const file = await parquetOf(`select ${columns}, repeat('x', 100000) as x from range(100)`);
      expect(await outcome('x.parquet', file, planOf(preset.layout, { maxChunkBytes: 100_000 }))).toMatchObject({
        kind: 'fault',
        fault: { reason: 'too_large' },
      });
    });
  });
}
