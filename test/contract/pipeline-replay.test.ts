/** `rejected replay`: mended rows are applied exactly once, as an entry that remembers where they came from (PROTOCOL.md 1.5, 1.6). */
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { failing, type Run, withWriter } from '../helpers/pipeline-world.ts';
import { chunk, makeDesk } from '../helpers/quarantine-desk.ts';
import { useWorld } from '../helpers/use-world.ts';

const spent = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) >= 10'] };
const titles = 'merchant,customer,amount';
/** Statistics are those of a pipeline that had the chunks in the first place (law 1). */
const { world, expectInForce: expectStatisticsOf } = useWorld({ patterns: [spent] });
const { quarantined, conservation, ...desk } = makeDesk(world);
const exported = async (): Promise<string> => (await desk.exported()).text;

describe('PROTOCOL 1.5: mended rows', () => {
  test('are applied as one entry that may detect; those still bad stay quarantined; the same file again does nothing', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,"4,50"', ',C1,7', 'M1,C2,x', 'M2,C1,1', 'M2,C1,1', 'M2,C1,1'));
    await world.run();
    const before = world.output();
    expect(before.size).toBe(0);
    const mended = (await exported()).replace('M1,C1,"4,50"', 'M1,C1,4.50').replace(',,,C1,7', ',,M1,C1,7');
    const summary = await world.replay(mended);
    expect(summary).toMatchObject({ sequence: 2, applied: 2, detections: 1, before: 0, withoutEffect: [] });
    expect(summary.stillBad).toEqual([{ fileLine: 4, object: 'a.csv', line: 5, reason: 'bad_amount', detail: null }]);
    // PROTOCOL 1.6, law 4: the chunk's rows keep their place, the entry's own add up.
    expect(await conservation()).toEqual(['chunk a.csv 1 7=4+3', 'replay mend.csv 2 3=2+1']);
    expect((await quarantined()).map(({ line, resolvedBy }) => [line, resolvedBy])).toEqual([
      [3, 2],
      [4, 2],
      [5, null],
    ]);
    expect(await world.store.counts()).toMatchObject({ outcomes: { applied: 1 }, rows: 7, quarantinedRows: 3, resolvedRows: 2 });
    expect(await world.detections()).toEqual(['2 Spent M1 C1']);
    expect([...world.output().keys()].map((key) => key.replace(/^[^/]*\//, '')).sort()).toEqual(
      ['detections-1.csv', 'evidence-1.jsonl'].sort(),
    );
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,4.50', 'M1,C1,7', 'M2,C1,1', 'M2,C1,1', 'M2,C1,1') });

    const after = [...world.output()];
    expect(await world.replay(mended, {}, 'again.csv')).toMatchObject({ sequence: null, applied: 0, before: 2, withoutEffect: [] });
    expect(await conservation()).toHaveLength(2);
    expect([...world.output()]).toEqual(after);
    // The rest, in a second file: an entry of its own.
    expect(await world.replay((await exported()).replace('M1,C2,x', 'M1,C2,9'), {}, 'rest.csv')).toMatchObject({
      sequence: 3,
      applied: 1,
      before: 0,
    });
    expect((await conservation()).at(-1)).toBe('replay rest.csv 3 1=1+0');
  });

  test('the export leaves out what was replayed', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    await world.replay((await exported()).replace('M1,C1,x', 'M1,C1,6'));
    expect((await exported()).trim()).toBe('\uFEFF_object,_version,_line,_reason,_raw'.trim());
  });

  test('name a quarantined row by object, version and line, or have no effect', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    world.put('bad.csv', chunk('M1,C1,x', 'M1,C1,y'));
    await world.run();
    const text = (await exported()).replace('M1,C1,x', 'M1,C1,6');
    const [title = '', row = ''] = text.trimEnd().split('\n');
    const [, id = ''] = row.split(',');
    const bad = (await world.lines()).find(({ key }) => key === 'bad.csv')?.contentId ?? '';
    const rows = [
      row.replace('a.csv', 'b.csv'),
      row.replace(id, '0'.repeat(64)),
      row.replace(',3,', ',2,'),
      row.replace(',3,', ',three,'),
      `bad.csv,${bad},2,bad_amount,,M1,C1,6`,
    ];
    const nothing = await world.replay([title, ...rows, ''].join('\n'));
    expect(nothing).toMatchObject({ sequence: null, applied: 0, before: 0, stillBad: [] });
    expect(nothing.withoutEffect.map(({ fileLine, reason }) => [fileLine, reason])).toEqual([
      [2, 'unknown_row'],
      [3, 'unknown_row'],
      [4, 'unknown_row'],
      [5, 'unknown_row'],
      [6, 'not_in_force'],
    ]);
    expect(await world.lines()).toHaveLength(2);
    const twice = await world.replay([title, row, row.replace(',6', ',7'), ''].join('\n'));
    expect(twice).toMatchObject({ applied: 1, withoutEffect: [{ fileLine: 3, reason: 'twice' }] });
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,6') });
  });

  test('are mended in their columns or in _raw; what was not touched stays as it was', async () => {
    const odd = Buffer.from("'M3','C3',1,\xff\n", 'latin1');
    world.put(
      'a.csv',
      Buffer.concat([
        Buffer.from("merchant,customer,amount\n'M1','C1',1\n'M1','C1',4,50\n'M1','C2',4,50\n"),
        odd,
        Buffer.from(`'M2','C2',1,2\n'M1','C1',${'1'.repeat(9000)}\n${"'M9','C9',1\n".repeat(6)}`),
      ]),
    );
    await world.run();
    const text = await exported();
    // Nothing was mended.
    const untouched = await world.replay(text);
    expect(untouched).toMatchObject({ sequence: null, applied: 0 });
    expect(untouched.stillBad.map(({ line, reason }) => [line, reason])).toEqual([
      [3, 'column_count'],
      [4, 'column_count'],
      [5, 'bad_encoding'],
      [6, 'column_count'],
      [7, 'bad_amount'],
    ]);
    const mended = text
      .replace(`"'M1','C1',4,50",,,`, `"'M1','C1',4.50",,,`)
      .replace(`"'M1','C2',4,50",,,`, `"'M1','C2',4,50",M1,C2,4.50`)
      .replace(/"'M3','C3',1,\uFFFD",,,/, '"M3\uFFFD",M3,C3,1');
    const summary = await world.replay(mended);
    expect(summary).toMatchObject({ applied: 3, stillBad: [{ line: 6 }, { line: 7 }] });
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,1', 'M1,C1,4.50', 'M1,C2,4.50', 'M3,C3,1', ...Array<string>(6).fill('M9,C9,1')) });
  });

  test('come back from a spreadsheet: semicolons, CRLF, quoted titles, empty cells and lines; formulas as they were', async () => {
    world.put('a.csv', chunk('M1,C1,5', '=M1,C1,x', '"M\n2",C1,y', 'M1,C1,1', 'M1,C1,1'));
    await world.run();
    const { contentId } = (await world.lines())[0] ?? expect.unreachable();
    const lines = [
      '"_object";_version;_line;_reason;_raw;merchant;customer;amount;;',
      `a.csv;${contentId};3;bad_amount;;'=M1;C1;6;;`,
      ';;;;;;;;;',
      `a.csv;${contentId};4;bad_amount;;"M\n2";C1;7;;`,
      '',
    ];
    expect(await world.replay(lines.join('\r\n').replace('"M\r\n2"', '"M\n2"'))).toMatchObject({ applied: 2, stillBad: [] });
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', '=M1,C1,6', '"M\n2",C1,7', 'M1,C1,1', 'M1,C1,1') });
  });

  test('a file that is none is refused, and changes nothing', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    const text = await exported();
    for (const wrong of [titles, text.replace('_version', 'version'), `${text}"open`, Buffer.from([0x5f, 0xff])])
      await expect(world.replay(wrong)).rejects.toMatchObject({ code: 'USAGE' });
    expect(await world.lines()).toHaveLength(1);
  });
});

describe('exactly once', () => {
  test('a lost answer of the commit: the same file once more applies what is missing, and no more', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    const mended = (await exported()).replace('M1,C1,x', 'M1,C1,6');
    for (const when of ['before', 'after'] as const) {
      const lost = () => new TallyhoError('STORE_UNKNOWN_COMMIT', 'lost');
      const store = withWriter(world.store, (writer) => ({ commit: failing((request) => writer.commit(request), [1], lost, when) }));
      await expect(world.replay(mended, { change: () => ({ store }) })).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
    }
    expect(world.output().size).toBe(0);
    expect(await world.replay(mended)).toMatchObject({ sequence: null, before: 1 });
    expect(await conservation()).toEqual(['chunk a.csv 1 2=1+1', 'replay mend.csv 2 1=1+0']);
    // What the lost one could not publish.
    expect(world.output().size).toBe(2);
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,6') });
  });

  test('the schema refuses a row that was resolved before, and one that was never rejected', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    const mended = (await exported()).replace('M1,C1,x', 'M1,C1,6');
    const twice = withWriter(world.store, (writer) => ({
      commit: (request) =>
        writer.commit({
          ...request,
          entries: request.entries.map((entry) => {
            const rows = [...(entry.replayed ?? []), ...(entry.replayed ?? [])];
            return { ...entry, replayed: rows, line: { ...entry.line, rows: rows.length, applied: rows.length } };
          }),
        }),
    }));
    await expect(world.replay(mended, { change: () => ({ store: twice }) })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const elsewhere = withWriter(world.store, (writer) => ({
      commit: (request) =>
        writer.commit({
          ...request,
          entries: request.entries.map((entry) => ({ ...entry, replayed: (entry.replayed ?? []).map((row) => ({ ...row, line: 2 })) })),
        }),
    }));
    await expect(world.replay(mended, { change: () => ({ store: elsewhere }) })).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await world.lines()).toHaveLength(1);
    expect(await world.replay(mended)).toMatchObject({ applied: 1 });
  });

  test('law 4: a replay that resolves more or fewer rows than it applies is refused', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x', 'M1,C1,y', 'M1,C1,1'));
    await world.run();
    const mended = (await exported()).replace('M1,C1,x', 'M1,C1,6').replace('M1,C1,y', 'M1,C1,7');
    const wrong = withWriter(world.store, (writer) => ({
      commit: (request) =>
        writer.commit({ ...request, entries: request.entries.map((entry) => ({ ...entry, replayed: (entry.replayed ?? []).slice(1) })) }),
    }));
    await expect(world.replay(mended, { change: () => ({ store: wrong }) })).rejects.toThrow('resolves as many rows as it applies');
    expect(await world.lines()).toHaveLength(1);
    expect((await quarantined()).map(({ resolvedBy }) => resolvedBy)).toEqual([null, null]);
    expect(await world.replay(mended)).toMatchObject({ applied: 2 });
  });
});

describe('later entries', () => {
  test('PROTOCOL 1.5: a correction of the chunk takes out its replayed rows', async () => {
    const correct: Run = { input: { onChanged: 'correct' } };
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    world.put('b.csv', chunk('M1,C1,1', 'M1,C1,y'));
    await world.run(correct);
    expect(await world.replay((await exported()).replace('M1,C1,x', 'M1,C1,2').replace('M1,C1,y', 'M1,C1,1'))).toMatchObject({
      applied: 2,
    });
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,3'));
    await world.run(correct);
    expect((await world.lines()).at(-1)?.detail).toContain('2 rows are taken out, 2 rows put in.');
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,3'), 'b.csv': chunk('M1,C1,1', 'M1,C1,1') });
    // What was mended of the old content is of no use any more.
    await world.rebuild(correct);
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,3'), 'b.csv': chunk('M1,C1,1', 'M1,C1,1') });
    expect(await world.store.counts()).toMatchObject({ rows: 4, quarantinedRows: 1, resolvedRows: 1 });
  });

  test('a rebuild applies replayed rows again, and not those that their chunk counts by itself now', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,1.234', 'M1,C2,x', 'M1,C1,5'));
    await world.run();
    const mended = (await exported()).replace('M1,C1,1.234', 'M1,C1,1.23').replace('M1,C2,x', 'M1,C2,4');
    expect(await world.replay(mended)).toMatchObject({ applied: 2 });
    const before = await world.statistics();
    await world.rebuild();
    expect(await world.statistics()).toEqual(before);
    expect(await conservation()).toEqual(['chunk a.csv 1 4=2+2', 'replay mend.csv 2 2=2+0', 'reevaluation  3 0=0+0']);
    expect((await quarantined()).map(({ line, resolvedBy }) => [line, resolvedBy])).toEqual([
      [3, 2],
      [4, 2],
    ]);
    // By three decimals the row is good as it stood: it counts once.
    const finer: Run = { scale: 3 };
    await world.rebuild(finer);
    expect((await conservation()).slice(0, 2)).toEqual(['chunk a.csv 1 4=3+1', 'replay mend.csv 2 2=1+1']);
    // And back: the mended one again.
    await world.rebuild();
    expect(await world.statistics()).toEqual(before);
    expect((await conservation()).slice(0, 2)).toEqual(['chunk a.csv 1 4=2+2', 'replay mend.csv 2 2=2+0']);
    expect(await world.replay(mended)).toMatchObject({ sequence: null, before: 2 });
  });

  test('rows of content that a rebuild took other bytes for stay out', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    await world.replay((await exported()).replace('M1,C1,x', 'M1,C1,6'));
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,y'));
    const { rebuildPipeline } = await import('../../src/pipeline/rebuild.ts');
    await rebuildPipeline({ ...world.options(), acceptChanged: true }, new AbortController().signal);
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5') + 'M1,C1,y\n' });
    expect((await quarantined()).map(({ resolvedBy }) => resolvedBy)).toEqual([null]);
    // The row that is there now is another, and can be mended.
    await world.run();
    expect(await world.replay((await exported()).replace('M1,C1,y', 'M1,C1,7'))).toMatchObject({ applied: 1 });
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,7') });
  });

  test('chunks go on after it, and a key like the name of the file is another', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
    await world.run();
    await world.replay((await exported()).replace('M1,C1,x', 'M1,C1,6'), {}, 'b.csv');
    world.put('b.csv', chunk('M2,C1,1'));
    await world.run();
    expect(await conservation()).toEqual(['chunk a.csv 1 2=1+1', 'replay b.csv 2 1=1+0', 'chunk b.csv 3 1=1+0']);
    await expectStatisticsOf({ 'a.csv': chunk('M1,C1,5', 'M1,C1,6'), 'b.csv': chunk('M2,C1,1') });
  });
});
