/**
 * What any implementation of `Engine` owes (src/engine/engine.ts, DESIGN.md 4, PROTOCOL.md 2): one suite for all of them.
 * The slow parser says what is right. Nothing here asks in which order a delta names its values and keys.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Layout } from '../../src/core/layout.ts';
import type { ReadOutcome, ReadPlan, ReadTask } from '../../src/engine/engine.ts';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import { blockSizes, files, packed, readings, runs } from './engine-arbitrary.ts';
import { foundByEngine, foundBySlow } from './engine-compare.ts';
import { bytes, csv, header, idOf, merchantOnly, plain, preset, reasons, rowsOf, statistics } from './engine-contract-parts.ts';
import { parquetContract } from './engine-contract-parquet.ts';
import { takenContract } from './engine-contract-taken.ts';
import { grain, presetLayout, text } from './engine-layouts.ts';
import { EngineWorld, type MakeEngine, planOf, taskOf } from './engine-world.ts';

export function engineContract(name: string, makeEngine: MakeEngine): void {
  describe(`engine: ${name}`, () => {
    let world: EngineWorld;
    beforeEach(async () => {
      world = await EngineWorld.make(makeEngine);
    });
    afterEach(() => world.close());

    const outcome = (key: string, content: Uint8Array | string, plan: ReadPlan = preset): Promise<ReadOutcome> =>
      world.outcome(key, content, plan);

    describe('tasks', () => {
      test('none give no result', async () => {
        expect(await world.read([], preset)).toEqual([]);
      });

      test('give one result each, in order, whatever is wrong with one of them', async () => {
        const contents = [csv('M,C,F,1,'), 'no,header\n', csv('M,C,F,2,'), '', csv('M,C,F,"3'), csv('M,C,F,4,')];
        const chunks: ChunkVersion[] = [];
        for (const [i, content] of contents.entries()) chunks.push(await world.chunk(`${9 - i}.csv`, content));
        const results = await world.read(chunks.map(taskOf), preset);
        expect(results.map(({ task }) => task.chunk)).toEqual(chunks);
        expect(results.map(({ outcome }) => (outcome.kind === 'fault' ? outcome.fault.reason : outcome.kind))).toEqual([
          'rows',
          'bad_header',
          'rows',
          'rows',
          'bad_quoting',
          'rows',
        ]);
        expect(results.map(({ bytes }) => bytes)).toEqual(contents.map((content) => content.length));
      });

      test('may wait for the results of those before', async () => {
        const chunks: ChunkVersion[] = [];
        for (let i = 0; i < 5; i++) chunks.push(await world.chunk(`${i}.csv`, csv(`M,C,F,${i},`)));
        const results: ReadOutcome[] = [];
        async function* tasks(): AsyncGenerator<ReadTask> {
          for (const [i, chunk] of chunks.entries()) {
            while (results.length < i) await new Promise((resolve) => setTimeout(resolve, 5));
            yield taskOf(chunk);
          }
        }
        for await (const { outcome } of world.engine.aggregate(tasks(), preset, new AbortController().signal)) {
          results.push(outcome);
        }
        expect(results.map(({ kind }) => kind)).toEqual(['rows', 'rows', 'rows', 'rows', 'rows']);
      });

      test('stop when the signal is aborted', async () => {
        const chunk = await world.chunk('x.csv', csv('M,C,F,1,'));
        const abort = new AbortController();
        const forever = function* (): Generator<ReadTask> {
          for (;;) yield taskOf(chunk);
        };
        const run = async (): Promise<void> => {
          let results = 0;
          for await (const { outcome } of world.engine.aggregate(forever(), preset, abort.signal)) {
            expect(outcome.kind).toBe('rows');
            if (++results === 3) abort.abort(new Error('enough'));
          }
        };
        await expect(run()).rejects.toThrow('enough');
      });

      test('may be left early', async () => {
        const chunks = [await world.chunk('1.csv', csv('M,C,F,1,')), await world.chunk('2.csv', csv('M,C,F,1,'))];
        for await (const { outcome } of world.engine.aggregate(chunks.map(taskOf), preset, new AbortController().signal)) {
          expect(outcome.kind).toBe('rows');
          break;
        }
        expect(await world.read(chunks.map(taskOf), preset)).toHaveLength(2);
      });
    });

    describe('rows', () => {
      test('are counted and summed by the keys of the base grains', async () => {
        const found = await outcome('x.csv', csv('M1,C1,F,1.50,2', 'M1,C1,M,-0.25,', 'M1,C2,F,3,4', 'M2,C1,U,0,-1'));
        expect(rowsOf(found)).toMatchObject({ rows: 4, rejectedRows: 0, rejected: [] });
        expect(statistics(found, preset.layout)).toEqual([
          {
            '["M1","C1"]': ['2', '125', '200', '1', '1', '1'],
            '["M1","C2"]': ['1', '300', '400', '1', '1', '0'],
            '["M2","C1"]': ['1', '0', '-100', '1', '0', '0'],
          },
        ]);
      });

      test('are rejected with object, line, reason and bytes, by the first reason that applies', async () => {
        const long = 'k'.repeat(257);
        const rows: [string, string][] = [
          ['\xff,,', 'bad_encoding'],
          ['M,C,\xed\xa0\x80,1,', 'bad_encoding'],
          ['M,C,\0,1,', 'bad_encoding'],
          [',C,F', 'column_count'],
          ['M,C,F,1,,', 'column_count'],
          [`,${long},F,x,`, 'missing_key'],
          [`${long},C,F,x,x`, 'long_key'],
          ['M,C,F,,x', 'bad_amount'],
          ['M,C,F,1e2,1', 'bad_amount'],
          ['M,C,F,1, ', 'bad_weight'],
          ['M,C,,1,', ''],
          [`${'k'.repeat(256)},C,${long},1,`, ''],
        ];
        const found = await outcome('a b/x.csv', bytes(csv(...rows.map(([row]) => row))));
        const rejected = rows.flatMap(([row, reason], i) =>
          reason === ''
            ? []
            : [{ object: 'a b/x.csv', line: i + 2, reason, raw: new Uint8Array(bytes(row)), length: row.length, sha256: null }],
        );
        expect(rowsOf(found).rejected.map((row) => ({ ...row, raw: new Uint8Array(row.raw) }))).toEqual(rejected);
        expect(rowsOf(found)).toMatchObject({ rows: rows.length, rejectedRows: rejected.length });
      });

      test('PROTOCOL 2.5: over 1 MiB are too long, and of a rejected row the first 8 KiB are kept', async () => {
        const row = (size: number, fill: string): string => `M,C,F,1,${fill.repeat(size)}`.slice(0, size);
        const rows = [
          row(1 << 20, '0'),
          row((1 << 20) + 1, '0'),
          row(3 << 20, ','),
          `${row(2 << 20, 'x')}\xff`,
          row(8192, 'x'),
          row(8193, 'x'),
        ];
        const found = rowsOf(await outcome('x.csv', bytes(csv(...rows))));
        expect(reasons(found)).toEqual([
          [2, 'bad_weight'],
          [3, 'too_long'],
          [4, 'too_long'],
          [5, 'bad_encoding'],
          [6, 'bad_weight'],
          [7, 'bad_weight'],
        ]);
        found.rejected.forEach(({ raw, length, sha256 }, i) => {
          const whole = bytes(rows[i] ?? '');
          expect(length).toBe(whole.length);
          expect(Buffer.compare(raw, whole.subarray(0, 8192))).toBe(0);
          expect(sha256).toBe(length > 8192 ? createHash('sha256').update(whole).digest('hex') : null);
        });
      });

      test('PROTOCOL 2.5: beyond the first 100,000 rejected are counted only', async () => {
        const found = rowsOf(await outcome('x.csv', `${header}\n${'x\n'.repeat(100_001)}M,C,F,1,\n${'y\n'.repeat(5)}`));
        expect(found).toMatchObject({ rows: 100_007, rejectedRows: 100_006 });
        expect(found.rejected).toHaveLength(100_000);
        expect(found.rejected.at(-1)).toMatchObject({ line: 100_001, reason: 'column_count' });
      });

      test('PROTOCOL 3.6: have sums beyond 2^53 and 2^63 exact', async () => {
        const most = '999999999999999.99';
        const found = await outcome(
          'x.csv',
          csv(...Array.from({ length: 200 }, () => `M,C,F,${most},-${most}`), 'M,D,F,90071992547409.91,', 'M,D,F,0.01,0.01'),
        );
        const sum = 99_999_999_999_999_999n * 200n;
        expect(statistics(found, preset.layout)[0]).toEqual({
          '["M","C"]': ['200', String(sum), String(-sum), '200', '200', '0'],
          '["M","D"]': ['2', '9007199254740992', '1', '1', '2', '0'],
        });
      });

      test('keep values as they are', async () => {
        const names = ['C1 ', ' C1', 'c1', 'null', 'NULL', "'C1'", 'a|b', '\ufeffC1', 'é', 'e\u0301', '\u{1f600}', '0', '00', 'a\rb'];
        const found = await outcome(
          'x.csv',
          csv(...names.map((name) => `M,${name},F,1,`)),
          planOf(presetLayout('column'), { csv: { delimiter: ',', quote: '"' } }),
        );
        expect(Object.keys(statistics(found, preset.layout)[0] ?? {}).sort()).toEqual(
          names.map((name) => JSON.stringify(['M', name])).sort(),
        );
      });
    });

    describe('a CSV file', () => {
      test('has a header whose names decide, and other columns in any number', async () => {
        const plan = planOf(plain(), { columns: { customer: 'cust id', toString: 'x' } });
        const found = await outcome('x.csv', 'x,amount,x,cust id,weight,merchant,x\n,1,,C,2,M,\n', plan);
        expect(statistics(found, plan.layout)).toEqual([{ '["M","C"]': ['1', '100', '200', '1'] }]);
      });

      test.each([
        ['a needed column is missing', 'merchant,customer,gender,amount\n'],
        ['its case is another', 'Merchant,customer,gender,amount,weight\n'],
        ['a needed column is there twice', `${header},amount\n`],
        ['the header is not UTF-8', bytes(`${header},\xff\n`)],
        ['the header is longer than 1 MiB', `${header},${'x'.repeat(1 << 20)}\n`],
        ['the header is quoted as the rows are not', "'merchant','customer',gender,amount,weight\n"],
        ['the header has an open quote before a needed column', `"${header}\n`],
      ])('has a bad header if %s', async (_, content) => {
        expect(await outcome('x.csv', content)).toMatchObject({ kind: 'fault', fault: { reason: 'bad_header', object: 'x.csv' } });
      });

      test.each([
        ['in a row', csv('M,C,F,1,', 'M,C,"F,1,')],
        ['in a row that would be bad', csv('M,C,F,1,', 'x,"')],
        ['after a doubled quote', csv('M,C,"F"",1,')],
        ['in the header behind the needed columns', `${header},"x\nM,C,F,1,\n`],
        ['in a row over 1 MiB', csv(`M,C,"${'x'.repeat(2 << 20)}`)],
      ])('has bad quoting if a quote is open to the end %s', async (_, content) => {
        expect(await outcome('x.csv', content)).toMatchObject({ kind: 'fault', fault: { reason: 'bad_quoting', object: 'x.csv' } });
      });

      test('names the guess of the quote, and the setting, with an error that it may have caused', async () => {
        const found = await outcome('x.csv', "'merchant',customer,gender,amount,weight\n");
        expect(found.kind === 'fault' ? found.fault.detail : '').toMatch(/quote .*csv\.quote/);
        const rejected = rowsOf(await outcome('y.csv', csv(`'M',C,F,1`)));
        expect(rejected.notes.join()).toMatch(/quote .*'.*line 2.*csv\.quote/);
        expect(rowsOf(await outcome('z.csv', csv("'M',C,F,1,"))).notes).toEqual([]);
      });

      test.each(['', '\n', '\r\n\n', '\ufeff', '\ufeff\n', header, `${header}\n`, `\ufeff\n\n${header}\r\n\r\n`])(
        '%j has no rows',
        async (content) => {
          expect(await outcome('x.csv', content)).toMatchObject({ kind: 'rows', rows: 0, rejectedRows: 0 });
        },
      );

      test('counts lines as they stand, blank ones and those inside quotes too', async () => {
        const found = await outcome('x.csv', `\r\n\n${header}\n\nM,C,F,x,\r\n\r\n"M\n\r\n",C,F,1,\n"\n",C,F,y,\nM\r,C,F,z,`);
        expect(reasons(found)).toEqual([
          [5, 'bad_amount'],
          [10, 'bad_amount'],
          [12, 'bad_amount'],
        ]);
      });

      test('is read with the delimiter and quote of the config', async () => {
        const plan = planOf(plain(), { csv: { delimiter: ';', quote: 'none' } });
        const found = await outcome('x.csv', 'merchant;customer;amount;weight\n"M;C;1;\n', plan);
        expect(statistics(found, plan.layout)).toEqual([{ '["\\"M","C"]': ['1', '100', '0', '0'] }]);
      });
    });

    describe('weights', () => {
      const withWeight = 'merchant,customer,amount,weight\nM,C,1,5\nM,C,2,\n';
      const without = 'merchant,customer,amount\nM,C,1\nM,C,2\nM,C,x\n';

      test('of a column need it', async () => {
        expect(statistics(await outcome('x.csv', withWeight, planOf(plain(2, 'column'))), plain())).toEqual([
          { '["M","C"]': ['2', '300', '500', '1'] },
        ]);
        expect(await outcome('y.csv', without, planOf(plain(2, 'column')))).toMatchObject({
          kind: 'fault',
          fault: { reason: 'bad_header' },
        });
      });

      test('fall back to the amount where there is no column, part by part', async () => {
        const plan = planOf(plain(2, 'amount'));
        const chunk = await world.folderChunk('x.csv', [
          ['1.csv', withWeight],
          ['2.csv', without],
        ]);
        const found = await world.readOne(chunk, plan);
        expect(statistics(found, plain())).toEqual([{ '["M","C"]': ['4', '600', '800', '3'] }]);
        expect(reasons(found)).toEqual([[4, 'bad_amount']]);
      });

      test('of a reference file are not looked for in the chunks', async () => {
        const found = await outcome('x.csv', 'merchant,customer,amount,weight,weight\nM,C,1,x,y\n', planOf(plain(2, 'reference')));
        expect(statistics(found, plain())).toEqual([{ '["M","C"]': ['1', '100', '0', '0'] }]);
      });

      test('of a reference file feed the measures of weights and nothing else', async () => {
        const layout: Layout = {
          ...plain(2, 'reference'),
          dimensions: [...plain().dimensions, { name: 'category', key: true }],
          grains: [...plain().grains, grain('category', [2], [{ kind: 'sum', of: 'amount', filter: null }], 1)],
        };
        const plan = planOf(layout, { reference: true, columns: { customer: 'Source', merchant: 'Target', weight: 'Weight' } });
        const found = await outcome('x.csv', 'Source,Target,Weight,typeTrans\nC,M,1.5,t\nC,M,2,u\nC,N,,t\n,M,1,t\nC,M,x,t\n', plan);
        expect(statistics(found, layout)).toEqual([{ '["M","C"]': ['0', '0', '350', '2'] }, {}]);
        expect(reasons(found)).toEqual([
          [5, 'missing_key'],
          [6, 'bad_weight'],
        ]);
        expect(rowsOf(found).rows).toBe(5);
      });

      test('that are tested and missing fail the test', async () => {
        const layout: Layout = {
          ...plain(),
          dimensions: merchantOnly,
          filters: [
            { tests: [{ kind: 'number', field: 'weight', op: '!=', value: { units: '5', digits: 0 } }] },
            { tests: [{ kind: 'number', field: 'weight', op: '>', value: { units: '49999', digits: 4 } }] },
          ],
          grains: [
            grain(
              'merchant',
              [0],
              [
                { kind: 'count', filter: 0 },
                { kind: 'count', filter: 1 },
              ],
              0,
            ),
          ],
        };
        expect(statistics(await outcome('x.csv', withWeight, planOf(layout)), layout)).toEqual([{ '["M"]': ['2', '0', '1'] }]);
      });
    });

    describe('a gzip file', () => {
      const content = Buffer.from(csv('M,C,F,1,', 'M,C,F,x,'));
      const half = Math.floor(content.length / 2);

      test.each([
        ['one member', gzipSync(content)],
        ['two members', Buffer.concat([gzipSync(content.subarray(0, half)), gzipSync(content.subarray(half))])],
        ['empty members', Buffer.concat([gzipSync(''), gzipSync(content), gzipSync('')])],
      ])('of %s is read', async (_, file) => {
        const found = await outcome('x.csv.gz', file);
        expect(rowsOf(found)).toMatchObject({ rows: 2, rejectedRows: 1 });
        expect(reasons(found)).toEqual([[3, 'bad_amount']]);
      });

      test.each([
        ['is truncated', gzipSync(content).subarray(0, -1)],
        ['ends in the header of a member', Buffer.concat([gzipSync(content), gzipSync('').subarray(0, 5)])],
        ['has other bytes behind it', Buffer.concat([gzipSync(content), Buffer.from('x')])],
        ['has zeros behind it', Buffer.concat([gzipSync(content), Buffer.alloc(512)])],
        ['is no gzip', content],
        ['is broken, and its header bad', gzipSync('a,b\n').subarray(0, -4)],
      ])('that %s cannot be read', async (_, file) => {
        expect(await outcome('x.csv.gz', file)).toMatchObject({ kind: 'fault', fault: { reason: 'unreadable', object: 'x.csv.gz' } });
      });

      test('of nothing has no rows', async () => {
        expect(await outcome('x.csv.gz', gzipSync(''))).toMatchObject({ kind: 'rows', rows: 0 });
        expect(await outcome('y.csv.gz', '')).toMatchObject({ kind: 'rows', rows: 0 });
      });
    });

    describe('a folder', () => {
      test('is its parts in order, each with header and quote of its own', async () => {
        const chunk = await world.folderChunk('x.csv', [
          ['part-2.csv', csv('M,C,F,1,')],
          ['part-10.csv', ''],
          ['part-1.csv.gz', gzipSync(`'merchant','customer','gender','amount','weight'\n'M','C','F',x,\n'M','C','F',2,\n`)],
          ['part-3.csv', csv('M,C,F,y,')],
        ]);
        const found = rowsOf(await world.readOne(chunk, preset));
        expect(found).toMatchObject({ rows: 4, rejectedRows: 2 });
        expect(found.rejected.map(({ object, line }) => [object, line])).toEqual([
          ['x.csv/part-1.csv.gz', 2],
          ['x.csv/part-3.csv', 2],
        ]);
        expect(statistics(found, preset.layout)).toEqual([{ '["M","C"]': ['2', '300', '0', '0', '2', '0'] }]);
      });

      test('has the fault of its first part that has one, and then no rows', async () => {
        const parts = [
          ['1.csv', csv('M,C,F,x,')],
          ['2.csv', csv('M,C,F,"1')],
          ['3.csv', 'nothing\n'],
          ['4.csv.gz', 'no gzip'],
        ] as const;
        const reason = async (...order: number[]): Promise<unknown> => {
          const chunk = await world.folderChunk(
            'x.csv',
            order.map((i) => parts[i] ?? ['', '']),
          );
          const found = await world.readOne(chunk, preset);
          return found.kind === 'fault' ? [found.fault.reason, found.fault.object] : found.kind;
        };
        expect(await reason(0, 1, 2, 3)).toEqual(['bad_quoting', 'x.csv/2.csv']);
        expect(await reason(3, 2, 1)).toEqual(['unreadable', 'x.csv/4.csv.gz']);
        expect(await reason(0, 2, 3)).toEqual(['bad_header', 'x.csv/3.csv']);
        expect(await reason()).toBe('rows');
      });
    });

    describe('content ids', () => {
      const idOfFolder = async (key: string, ...contents: string[]): Promise<string> => {
        const chunk = await world.folderChunk(
          key,
          contents.map((content, i) => [`${i}.csv`, content]),
        );
        return idOf(await world.readOne(chunk, preset));
      };

      test('PROTOCOL 2.1: are equal for equal bytes, whatever the names, and differ for others', async () => {
        const one = idOf(await outcome('1.csv', csv('M,C,F,1,')));
        expect(one).not.toBe('');
        expect(idOf(await outcome('2.csv', csv('M,C,F,1,')))).toBe(one);
        expect(idOf(await outcome('3.csv', csv('M,C,F,2,')))).not.toBe(one);
      });

      test('of folders go by their parts in order, and are not those of objects', async () => {
        const ids = [await idOfFolder('1.csv', 'a\n', 'b\n'), await idOfFolder('3.csv', 'b\n', 'a\n'), await idOfFolder('4.csv', 'a\nb\n')];
        expect(await idOfFolder('2.csv', 'a\n', 'b\n')).toBe(ids[0]);
        expect(new Set([...ids, idOf(await outcome('5.csv', 'a\nb\n')), await idOfFolder('6.csv', 'a\n', 'b\n', '')]).size).toBe(5);
      });

      test('stand with faults, and can be asked for alone', async () => {
        const chunk = await world.chunk('x.csv', 'nothing\n');
        const fault = await world.readOne(chunk, preset);
        expect(fault.kind).toBe('fault');
        const [id] = await world.read([{ chunk, want: 'id', applied: null }], preset);
        expect(id?.outcome).toEqual({ kind: 'id', contentId: idOf(fault), grew: false });
      });

      test('tell growth from change', async () => {
        const before = csv('M,C,F,1,');
        const contentId = idOf(await outcome('x.csv', before));
        const grew = async (content: string): Promise<unknown> => {
          const chunk = await world.chunk('x.csv', content);
          const [result] = await world.read([{ chunk, want: 'id', applied: { contentId, bytes: before.length } }], preset);
          return result?.outcome.kind === 'id' && result.outcome.grew;
        };
        expect(await grew(`${before}M,C,F,2,\n`)).toBe(true);
        expect(await grew(before)).toBe(false);
        expect(await grew(`${before.replace('1', '2')}M,C,F,2,\n`)).toBe(false);
        expect(await grew(before.slice(0, -1))).toBe(false);
      });
    });

    describe('a chunk that is not what was listed', () => {
      test('has moved, and the next one is read all the same', async () => {
        const changed = await world.chunk('1.csv', csv('M,C,F,1,'));
        const gone = await world.folderChunk('2.csv', [
          ['1.csv', csv('M,C,F,1,')],
          ['2.csv', csv('M,C,F,2,')],
        ]);
        const next = await world.chunk('3.csv', csv('M,C,F,3,'));
        world.put('1.csv', csv('M,C,F,4,', 'M,C,F,5,'));
        world.remove('2.csv/2.csv');
        const results = await world.read([changed, gone, next].map(taskOf), preset);
        expect(results.map(({ outcome }) => outcome.kind)).toEqual(['moved', 'moved', 'rows']);
        expect(statistics(results[2]?.outcome as ReadOutcome, preset.layout)).toEqual([{ '["M","C"]': ['1', '300', '0', '0', '1', '0'] }]);
      });
    });

    describe('limits', () => {
      test('PROTOCOL 2.5: a chunk is too large by its unpacked bytes, all parts together', async () => {
        const content = csv('M,C,F,1,');
        const limit = planOf(preset.layout, { maxChunkBytes: 2 * content.length });
        const parts = (count: number) => Array.from({ length: count }, (_, i) => [`${i}.csv.gz`, gzipSync(content)] as const);
        expect(await world.readOne(await world.folderChunk('2.csv', parts(2)), limit)).toMatchObject({ kind: 'rows', rows: 2 });
        expect(await world.readOne(await world.folderChunk('3.csv', parts(3)), limit)).toMatchObject({
          kind: 'fault',
          fault: { reason: 'too_large', object: '3.csv/2.csv.gz' },
        });
        expect(await outcome('4.csv', content.repeat(3), limit)).toMatchObject({ kind: 'fault', fault: { reason: 'too_large' } });
      });

      test('PROTOCOL 2.5: a file of 100 MiB or more may not unpack to more than 1000 times its size', async () => {
        const tenMebibytes = gzipSync(Buffer.alloc(10 << 20, '\n'), { level: 9 });
        const blank = (tens: number): Buffer =>
          Buffer.concat([gzipSync(csv('M,C,F,1,')), ...Array.from({ length: tens }, () => tenMebibytes)]);
        expect(await outcome('20.csv.gz', blank(2))).toMatchObject({ kind: 'rows', rows: 1 });
        expect(await outcome('110.csv.gz', blank(11))).toMatchObject({
          kind: 'fault',
          fault: { reason: 'unpack_ratio', object: '110.csv.gz' },
        });
      });
    });

    takenContract(() => world);
    parquetContract(() => world);

    test('texts of a filter are compared exactly', async () => {
      const layout: Layout = {
        ...plain(),
        dimensions: [...merchantOnly, { name: 'gender', key: false }],
        filters: [{ tests: [text(2, '=', 'F')] }, { tests: [text(2, '!=', 'F')] }, { tests: [text(2, 'in', '', 'é', 'F ')] }],
        grains: [
          grain(
            'merchant',
            [0],
            [0, 1, 2].map((filter) => ({ kind: 'count', filter })),
            0,
          ),
        ],
      };
      const rows = ['F', 'f', '', 'é', 'e\u0301', 'F ', 'FF', 'x'.repeat(3000)].map((gender) => `M,C,${gender},1,`);
      expect(statistics(await outcome('x.csv', csv(...rows), planOf(layout)), layout)).toEqual([{ '["M"]': ['8', '1', '7', '3'] }]);
    });
  });

  describe(`engine: ${name}: the same as the slow parser`, () => {
    let world: EngineWorld;
    beforeAll(async () => {
      world = await EngineWorld.make(makeEngine);
    });
    afterAll(() => world.close());

    test('for any chunk of plain and packed parts', async () => {
      let number = 0;
      const part = (reading: Parameters<typeof files>[0]) =>
        fc.oneof(
          files(reading).map((bytes) => ({ ending: '.csv', bytes })),
          files(reading)
            .chain(packed)
            .map((bytes) => ({ ending: '.csv.gz', bytes })),
        );
      const cases = readings.chain((reading) =>
        fc.tuple(fc.constant(reading), fc.array(part(reading), { minLength: 1, maxLength: 3 }), blockSizes),
      );
      await fc.assert(
        fc.asyncProperty(cases, async ([reading, parts]) => {
          const key = `${++number}.csv`;
          const named = parts.map(({ ending, bytes }, i) => ({ name: `${i}${ending}`, bytes }));
          const chunk = await world.folderChunk(
            key,
            named.map(({ name, bytes }) => [name, bytes]),
          );
          const found = foundByEngine(await world.readOne(chunk, planOf(reading.layout, reading)), reading);
          const slow = foundBySlow(
            named.map(({ name, bytes }) => ({ object: `${key}/${name}`, bytes })),
            reading,
          );
          expect(found).toEqual(slow);
          world.remove(key);
        }),
        runs(300),
      );
    });
  });
}
