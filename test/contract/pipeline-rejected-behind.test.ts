/** Rejected rows behind those that the ledger keeps: they are read from the source once more (PROTOCOL.md 2.5). */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { openObjects } from '../../src/objects/open-objects.ts';
import type { ExportedRows } from '../../src/pipeline/export-rejected.ts';
import type { PipelineOptions } from '../../src/pipeline/options.ts';
import type { RejectedBehind } from '../../src/store/store.ts';
import { parquetOf } from '../helpers/engine-parquet.ts';
import { keepFewer } from '../helpers/keep-fewer.ts';
import { failing, type Run, withObjects, withWriter } from '../helpers/pipeline-world.ts';
import { chunk, makeDesk } from '../helpers/quarantine-desk.ts';
import { s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';
import { useWorld } from '../helpers/use-world.ts';

const spent = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) >= 10'] };
/** Statistics are those of a pipeline that had the chunks in the first place (law 1). */
const { world, expectInForce: expectStatisticsOf } = useWorld({ patterns: [spent] });
const { exported, quarantined, conservation } = makeDesk(world);

/** Of each chunk the first two are kept. */
const keepingTwo: Run = { change: ({ engine }) => ({ engine: keepFewer(engine, 2) }) };
/** Enough good rows that a chunk counts. */
const good = Array.from({ length: 9 }, (_, i) => `M1,C${i},1`);

/** Object, line, reason, and the rest of each row of the file, title lines too. */
function rowsOf({ text }: { readonly text: string }): string[] {
  return text
    .slice(1)
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/,(?:parts:)?[0-9a-f]{64},/, ','));
}

const all = ['a.csv,3,bad_amount,,M1,C1,x1', 'a.csv,4,bad_amount,,M1,C1,x2', 'a.csv,6,bad_amount,,M1,C1,x3', 'a.csv,7,missing_key,,,C1,4'];
const rows = [good[0]!, 'M1,C1,x1', 'M1,C1,x2', good[1]!, 'M1,C1,x3', ',C1,4', ...good.slice(2)];

const nothingGone: ExportedRows['gone'] = { rows: 0, chunks: [] };

describe('PROTOCOL 2.5: rejected rows behind the kept ones', () => {
  test('are exported from the source, each once, in order, with their reasons and fields', async () => {
    world.put('a.csv', chunk(...rows));
    world.put('b.csv', chunk(...good.slice(3), 'M2,C1,x'));
    await world.run(keepingTwo);
    expect((await quarantined()).map(({ object, number, line }) => [object, number, line])).toEqual([
      ['a.csv', 0, 3],
      ['a.csv', 1, 4],
      ['b.csv', 0, 8],
    ]);
    const file = await exported();
    expect(file).toMatchObject({ rows: 5, leftOut: 0, gone: nothingGone, headless: [] });
    expect(rowsOf(file).slice(1)).toEqual([...all.slice(0, 2), 'b.csv,8,bad_amount,,M2,C1,x', ...all.slice(2)]);
    expect(rowsOf(await exported({ reason: 'missing_key' })).slice(1)).toEqual(all.slice(3));
    expect(rowsOf(await exported({ key: 'b.csv' })).slice(1)).toEqual(['b.csv,8,bad_amount,,M2,C1,x']);
  });

  test('of gzip, of the parts of a folder, and of Parquet', async () => {
    world.put('a.csv.gz', gzipSync(chunk(...rows)));
    world.put('day.csv/part-1.csv', chunk(...good, 'M1,C1,y1'));
    world.put('day.csv/part-2.csv.gz', gzipSync(chunk('M1,C1,y2', ...good, 'M1,C1,y3')));
    world.put('day.csv/part-3.csv', chunk(...good, 'M1,C1,y4,9'));
    world.put('day.csv/_SUCCESS', '');
    const query = `select 'M1' as merchant, 'C' || i as customer, case when i % 3 = 2 then 'p' || i else '1' end as amount from range(15) t(i)`;
    world.put('x.parquet', await parquetOf(query));
    await world.run(keepingTwo);
    const file = await exported();
    expect(file).toMatchObject({ rows: 4 + 4 + 5, gone: nothingGone, headless: ['x.parquet'] });
    const wanted = [
      ...all.map((row) => row.replace('a.csv', 'a.csv.gz')),
      'day.csv/part-1.csv,11,bad_amount,,M1,C1,y1',
      'day.csv/part-2.csv.gz,2,bad_amount,,M1,C1,y2',
      'day.csv/part-2.csv.gz,12,bad_amount,,M1,C1,y3',
      'day.csv/part-3.csv,11,column_count,"M1,C1,y4,9",,,',
      ...[2, 5, 8, 11, 14].map((i) => `x.parquet,${i + 2},bad_amount,"M1,C${i},p${i}"`),
    ];
    expect(
      rowsOf(file)
        .filter((line) => !line.startsWith('_object'))
        .sort(),
    ).toEqual(wanted.sort());
  });

  test('with the settings that were in force: the part of a chunk that has the same bytes under another date is the same', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    world.put('a.csv', chunk(...rows), new Date());
    // Its version is another, so its titles are not to be had; its rows are.
    expect(await exported()).toMatchObject({ rows: 4, gone: nothingGone, headless: ['a.csv'] });
  });

  test.each([
    ['is gone', () => world.remove('a.csv')],
    ['has other bytes, with as many bad rows', () => world.put('a.csv', chunk(...rows).replace('x3', 'z3'))],
    ['cannot be read at all', () => world.put('a.csv', 'no,header\n')],
  ])('are counted and their chunk is named where it %s; the file has all others', async (_, change) => {
    world.put('a.csv', chunk(...rows));
    world.put('b.csv', chunk('M2,C1,x', 'M2,C1,y', ...good, 'M2,C1,z'));
    await world.run(keepingTwo);
    change();
    const file = await exported();
    expect(file).toMatchObject({ rows: 5, gone: { rows: 2, chunks: ['a.csv'] }, headless: ['a.csv'] });
    expect(
      rowsOf(file)
        .filter((line) => !line.startsWith('_object'))
        .map((line) => line.split(',').slice(0, 2).join(':')),
    ).toEqual(['a.csv:3', 'a.csv:4', 'b.csv:2', 'b.csv:3', 'b.csv:13']);
  });

  test('that changed settings judge otherwise are none, be they as many', async () => {
    const titles = 'merchant,customer,amount,old';
    const text = [titles, ...good.map((row) => `${row},1`), 'M,C,x,1', 'M,C,1,x', 'M,C,1,1', 'M,C,x,1', 'M,C,1,x', ''].join('\n');
    world.put('a.csv', text);
    await world.run({ change: ({ engine }) => ({ engine: keepFewer(engine, 1) }) });
    expect((await exported()).rows).toBe(2);
    const { input } = world.options();
    const columns = { amount: 'old' };
    expect(await exported({ input: { ...input, columns } })).toMatchObject({ rows: 1, gone: { rows: 1, chunks: ['a.csv'] } });
  });

  test('of 100,000 and more: the first are those of the ledger, the rest come from the source', async () => {
    const bad = 100_003;
    const lines = Array.from({ length: 2 * bad + 1 }, (_, i) => (i < bad ? `M1,C1,x${i}` : 'M1,C1,1'));
    const text = chunk(lines.join('\n'));
    world.put('a.csv', text);
    await world.run();
    const found = new Set<number>();
    const result = await exported({
      file: {
        async write(part) {
          for (const [, line, value] of part.matchAll(/^a\.csv,[0-9a-f]{64},(\d+),bad_amount,,M1,C1,x(\d+)$/gm)) {
            expect(Number(line)).toBe(Number(value) + 2);
            found.add(Number(line));
          }
        },
        mark: () => 0,
        cutBack: async () => expect.unreachable('nothing is gone'),
      },
    });
    expect(result).toMatchObject({ rows: bad, gone: nothingGone });
    expect(found.size).toBe(bad);
    expect(await quarantined()).toHaveLength(100_000);
  });

  test.skipIf(s3ServerMissing() !== undefined)('on S3', async () => {
    const server = await startS3Server();
    try {
      const bucket = await server.makeBucket();
      const put = (key: string, body: string): Promise<unknown> =>
        server.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
      await put('in/a.csv', chunk(...rows));
      const source = openObjects(`s3://${bucket}/in/`, { role: 'source', base: world.folder, s3: server.settings });
      const engine = makeLocalEngine({ source });
      const onS3 = (): Partial<PipelineOptions> => ({ source, engine: keepFewer(engine, 2) });
      await world.run({ change: onS3 });
      expect(rowsOf(await exported({ source, engine })).slice(1)).toEqual(all);
      await put('in/a.csv', `${chunk(...rows)}M1,C1,1\n`);
      expect(await exported({ source, engine })).toMatchObject({ rows: 2, gone: { rows: 2, chunks: ['a.csv'] } });
      await source.close();
    } finally {
      await server.close();
    }
  });
});

describe('PROTOCOL 1.5: mended rows that the ledger has only counted', () => {
  const mend = (text: string): string => text.replace(/M1,C1,x(\d)/g, 'M1,C1,1$1').replace(',,,C1,4', ',,M1,C1,4');
  const mended = { 'a.csv': chunk(...rows.map((row) => row.replace('C1,x', 'C1,1').replace(/^,/, 'M1,'))) };
  const numbers = async (): Promise<unknown[]> => (await quarantined()).map(({ number, line, resolvedBy }) => [number, line, resolvedBy]);

  test('are applied with the others as one entry, each once, and are in the ledger from then on', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const { text } = await exported();
    expect(await world.replay(mend(text))).toMatchObject({
      sequence: 2,
      applied: 4,
      detections: 1,
      before: 0,
      stillBad: [],
      withoutEffect: [],
    });
    expect(await conservation()).toEqual(['chunk a.csv 1 13=9+4', 'replay mend.csv 2 4=4+0']);
    expect(await numbers()).toEqual([
      [0, 3, 2],
      [1, 4, 2],
      [2, 6, 2],
      [3, 7, 2],
    ]);
    expect(await world.store.counts()).toMatchObject({ rows: 13, quarantinedRows: 4, resolvedRows: 4 });
    await expectStatisticsOf(mended);
    world.remove('a.csv');
    expect(await world.replay(mend(text), {}, 'again.csv')).toMatchObject({ sequence: null, applied: 0, before: 4 });
    expect(await exported()).toMatchObject({ rows: 0, gone: nothingGone });
  });

  test('one by one: those that are left are exported, those still bad stay what they were', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const { text } = await exported();
    const last = text.replace(',,,C1,4', ',,M1,C1,4');
    const summary = await world.replay(last);
    expect(summary).toMatchObject({ applied: 1, before: 0, withoutEffect: [] });
    expect(summary.stillBad.map(({ line, reason }) => [line, reason])).toEqual([
      [3, 'bad_amount'],
      [4, 'bad_amount'],
      [6, 'bad_amount'],
    ]);
    expect(await numbers()).toEqual([
      [0, 3, null],
      [1, 4, null],
      [3, 7, 2],
    ]);
    expect(rowsOf(await exported()).slice(1)).toEqual(all.slice(0, 3));
    expect(await world.replay(mend((await exported()).text), {}, 'rest.csv')).toMatchObject({ sequence: 3, applied: 3 });
    expect(await conservation()).toEqual(['chunk a.csv 1 13=9+4', 'replay mend.csv 2 4=1+3', 'replay rest.csv 3 3=3+0']);
    await expectStatisticsOf(mended);
  });

  test('are refused by name where the source does not have their chunk any more; a line that was never rejected is unknown', async () => {
    world.put('a.csv', chunk(...rows));
    world.put('day.csv/part-1.csv', chunk(...good, 'M3,C1,x1', 'M3,C1,x2', 'M3,C1,x3'));
    world.put('day.csv/_SUCCESS', '');
    await world.run(keepingTwo);
    const text = mend((await exported()).text).replaceAll(/M3,C1,x(\d)/g, 'M3,C1,$1');
    const stranger = text.replace(/^(day.csv\/part-1.csv,[^,]*),13,/m, '$1,5,');
    world.put('a.csv', chunk(...rows, 'M1,C1,1'));
    const summary = await world.replay(stranger);
    expect(summary).toMatchObject({ applied: 4, stillBad: [] });
    expect(summary.withoutEffect.map(({ object, line, reason }) => [object, line, reason])).toEqual([
      ['a.csv', 6, 'not_in_source'],
      ['a.csv', 7, 'not_in_source'],
      ['day.csv/part-1.csv', 5, 'unknown_row'],
    ]);
    expect(summary.withoutEffect[0]?.detail).toContain('a.csv has more bad rows than are kept');
    expect(await conservation()).toEqual(['chunk a.csv 1 13=9+4', 'chunk day.csv 2 12=9+3', 'replay mend.csv 3 4=4+0']);
    // Its bytes come back.
    world.put('a.csv', chunk(...rows));
    expect(await world.replay(text, {}, 'more.csv')).toMatchObject({ applied: 3, before: 4, withoutEffect: [] });
  });

  test('a lost answer of the commit: the same file once more applies what is missing, and no more', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const text = mend((await exported()).text);
    for (const when of ['before', 'after'] as const) {
      const lost = (): Error => new TallyhoError('STORE_UNKNOWN_COMMIT', 'lost');
      const store = withWriter(world.store, (writer) => ({ commit: failing((request) => writer.commit(request), [1], lost, when) }));
      await expect(world.replay(text, { change: () => ({ store }) })).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
      expect(await numbers()).toHaveLength(when === 'before' ? 2 : 4);
    }
    expect(await world.replay(text)).toMatchObject({ sequence: null, before: 4 });
    await expectStatisticsOf(mended);
  });

  test('are taken from the inbox by whoever holds the pipeline', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const bytes = Buffer.from(mend((await exported()).text));
    await world.store.request({ id: 'r1', kind: 'replay', name: 'mend.csv', bytes });
    await world.run(keepingTwo);
    const [request] = await world.store.requests();
    expect(JSON.parse(request?.answer ?? '')).toMatchObject({ sequence: 2, applied: 4, before: 0, withoutEffect: [] });
    await expectStatisticsOf(mended);
  });

  test('stay in the inbox where whoever took them is told to stop while it reads', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const bytes = Buffer.from(mend((await exported()).text));
    await world.store.request({ id: 'r1', kind: 'replay', name: 'mend.csv', bytes });
    const stop = new AbortController();
    world.events();
    const { source } = world.options();
    const stopping = withObjects(source, {
      read(...args) {
        stop.abort();
        return source.read(...args);
      },
    });
    await world.run({ signal: stop.signal, change: () => ({ source: stopping, engine: makeLocalEngine({ source: stopping }) }) });
    expect(stop.signal.aborted).toBe(true);
    expect(world.events().map(({ kind }) => kind)).toContain('stopping');
    expect((await world.store.requests()).map(({ answer }) => answer)).toEqual([null]);
    expect(await numbers()).toHaveLength(2);
    await world.run(keepingTwo);
    expect(await conservation()).toEqual(['chunk a.csv 1 13=9+4', 'replay mend.csv 2 4=4+0']);
    await expectStatisticsOf(mended);
  });

  test.each([
    ['more of them than the entry resolves', (behind: readonly RejectedBehind[]) => [...behind, ...behind, ...behind], 'INTERNAL'],
    ['one in the place of another', (behind: readonly RejectedBehind[]) => behind.map((row) => ({ ...row, number: 0 })), 'STORE_FAILED'],
    ['others than those that it resolves', (behind: readonly RejectedBehind[]) => behind.slice(1), 'INTERNAL'],
  ])('law 4: the ledger refuses %s', async (_, change, code) => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    const text = mend((await exported()).text);
    const store = withWriter(world.store, (writer) => ({
      commit: (request) =>
        writer.commit({ ...request, entries: request.entries.map((entry) => ({ ...entry, behind: change(entry.behind ?? []) })) }),
    }));
    await expect(world.replay(text, { change: () => ({ store }) })).rejects.toMatchObject({ code });
    expect(await numbers()).toHaveLength(2);
    expect(await conservation()).toHaveLength(1);
    expect(await world.replay(text)).toMatchObject({ applied: 4 });
  });

  test('are applied again by a rebuild, however many rows are bad then, and not where their chunk counts them by itself', async () => {
    const finer = rows.map((row) => row.replace('x3', '1.234'));
    world.put('a.csv', chunk(...finer));
    await world.run(keepingTwo);
    const text = mend((await exported()).text).replace('M1,C1,1.234', 'M1,C1,1.23');
    expect(await world.replay(text)).toMatchObject({ applied: 4 });
    const before = await world.statistics();
    const kept = await numbers();
    await world.rebuild(keepingTwo);
    expect(await world.statistics()).toEqual(before);
    expect(await numbers()).toEqual(kept);
    expect((await conservation()).slice(0, 2)).toEqual(['chunk a.csv 1 13=9+4', 'replay mend.csv 2 4=4+0']);
    await world.rebuild({ ...keepingTwo, scale: 3 });
    expect((await conservation()).slice(0, 2)).toEqual(['chunk a.csv 1 13=10+3', 'replay mend.csv 2 4=3+1']);
    expect(await numbers()).toEqual([
      [0, 3, 2],
      [1, 4, 2],
      [2, 7, 2],
    ]);
    await world.rebuild(keepingTwo);
    expect(await world.statistics()).toEqual(before);
    expect(await numbers()).toEqual(kept);
    // PROTOCOL 3.9: from its kept delta, its rejected rows stay in their places.
    world.remove('a.csv');
    expect(await world.rebuild(keepingTwo)).toMatchObject({ fromKept: 1 });
    expect(await world.statistics()).toEqual(before);
    expect(await numbers()).toEqual(kept);
    expect(await world.replay(text, {}, 'again.csv')).toMatchObject({ sequence: null, before: 4 });
  });

  test('go out with their chunk where a correction replaces it', async () => {
    world.put('a.csv', chunk(...rows));
    await world.run(keepingTwo);
    await world.replay(mend((await exported()).text));
    world.put('a.csv', chunk(...good));
    await world.run({ ...keepingTwo, input: { onChanged: 'correct' } });
    await expectStatisticsOf({ 'a.csv': chunk(...good) });
  });

  test('at the true limit', async () => {
    const bad = 100_002;
    const lines = Array.from({ length: 2 * bad }, (_, i) => (i < bad ? `M1,C1,x${i}` : 'M1,C2,1'));
    world.put('a.csv', chunk(lines.join('\n')));
    await world.run();
    const [titles = '', ...found] = (await exported()).text.slice(1).split('\n');
    const [kept = '', ...behind] = [found[99_999], ...found.slice(100_000, 100_002)];
    const text = ['\uFEFF' + titles, kept, ...behind, ''].join('\n').replaceAll(',x', ',');
    expect(await world.replay(text)).toMatchObject({ applied: 3, before: 0, stillBad: [], withoutEffect: [] });
    expect((await conservation()).at(-1)).toBe('replay mend.csv 2 3=3+0');
    expect((await exported()).rows).toBe(bad - 3);
    await world.rebuild();
    expect((await conservation()).slice(0, 2)).toEqual([`chunk a.csv 1 ${2 * bad}=${bad}+${bad}`, 'replay mend.csv 2 3=3+0']);
    expect(await world.replay(text, {}, 'again.csv')).toMatchObject({ sequence: null, before: 3 });
  });
});
