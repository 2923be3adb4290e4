/** The index of contents, what a quarantined chunk was read by, and the making of entries. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadPlan } from '../../src/engine/engine.ts';
import { makeContentIndex } from '../../src/pipeline/content-index.ts';
import type { Decided } from '../../src/pipeline/decide.ts';
import { makeEntries, nothingRead, type Subject } from '../../src/pipeline/entries.ts';
import { comparable, markRestored, markVersion, readingSettings, saysTheSame } from '../../src/pipeline/reading-settings.ts';
import { makeTally } from '../../src/pipeline/summary.ts';
import type { KnownChunk } from '../../src/store/store.ts';
import { freshDetector, makeLine, makeSample, makeSampleDelta, type SampleRow, sampleTime } from '../helpers/store-samples.ts';

const sha = (n: number): string => createHash('sha256').update(String(n)).digest('hex');

describe('the index of contents', () => {
  test('has what was added, and hardly anything else', () => {
    const index = makeContentIndex();
    for (let n = 0; n < 20_000; n++) {
      index.add(n % 2 === 0 ? sha(n) : `parts:${sha(n)}`);
      if (n % 3 === 0) index.add(sha(0));
    }
    for (let n = 0; n < 20_000; n++) expect(index.mayHave(sha(n))).toBe(true);
    let wrong = 0;
    for (let n = 20_000; n < 40_000; n++) if (index.mayHave(sha(n))) wrong++;
    expect(wrong).toBe(0);
  });

  test('never says no to what was added, whatever the ids are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{12}$/), fc.constantFrom('', '000000000000', 'ffffffffffff')), {
          maxLength: 3000,
        }),
        (ids) => {
          const index = makeContentIndex();
          for (const id of ids) index.add(id);
          for (const id of ids) if (!index.mayHave(id)) throw new Error(`lost ${id}`);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('what a quarantined chunk was read by', () => {
  const plan: ReadPlan = { layout: makeSample().layout, columns: {}, csv: { delimiter: ',', quote: 'auto' }, maxChunkBytes: 1000 };
  const percent = { units: 50n, digits: 0 };
  const settings = readingSettings(plan, percent);
  const line = (more: Partial<KnownChunk>): KnownChunk => ({
    key: 'a.csv',
    folder: false,
    position: 1,
    version: 'v1',
    outcome: 'quarantined',
    contentId: 'A',
    inForce: null,
    inForceBytes: null,
    isFreed: false,
    reason: null,
    ...more,
  });

  test('changes with all that decides about reading, and with nothing else', () => {
    const others = [
      readingSettings({ ...plan, columns: { customer: 'cust' } }, percent),
      readingSettings({ ...plan, csv: { delimiter: ';', quote: 'auto' } }, percent),
      readingSettings({ ...plan, csv: { delimiter: ',', quote: '"' } }, percent),
      readingSettings({ ...plan, maxChunkBytes: 2000 }, percent),
      readingSettings(plan, { units: 51n, digits: 0 }),
      readingSettings(plan, { units: 50n, digits: 1 }),
      readingSettings({ ...plan, layout: { ...plan.layout, scale: 3 } }, percent),
      readingSettings({ ...plan, layout: { ...plan.layout, amount: !plan.layout.amount } }, percent),
      readingSettings({ ...plan, layout: { ...plan.layout, weight: 'amount' } }, percent),
      readingSettings({ ...plan, layout: { ...plan.layout, dimensions: plan.layout.dimensions.slice(1) } }, percent),
    ];
    expect(new Set([settings, ...others]).size).toBe(others.length + 1);
    expect(readingSettings({ ...plan, columns: { b: '2', a: '1' } }, percent)).toBe(
      readingSettings({ ...plan, columns: { a: '1', b: '2' } }, percent),
    );
    expect(readingSettings({ ...plan, layout: { ...plan.layout, grains: [] } }, percent)).toBe(settings);
  });

  test('tells which lines are to be read afresh', async () => {
    const other = readingSettings({ ...plan, maxChunkBytes: 1 }, percent);
    async function isAfresh(of: Partial<KnownChunk>, onChanged: 'report' | 'correct' = 'report'): Promise<boolean> {
      async function* known() {
        yield [line(of)];
      }
      for await (const [found] of comparable(known(), settings, onChanged)) {
        if (found?.isAfresh === true) expect(found.version).not.toBe('v1');
        return found?.isAfresh === true;
      }
      return expect.unreachable('a line for a line');
    }
    expect(await isAfresh({ version: markVersion('v1', settings) })).toBe(false);
    expect(await isAfresh({ version: markVersion('v1', other) })).toBe(true);
    // By the listing alone: settings have no part in it.
    expect(await isAfresh({ version: 'v1', contentId: null })).toBe(false);
    expect(await isAfresh({ version: markVersion('v1', other), inForce: 'B' })).toBe(false);
    expect(await isAfresh({ version: markVersion('v1', other), outcome: 'applied', inForce: 'A' })).toBe(false);
    // What was applied is in force no more: another kind of the name has taken its place.
    expect(await isAfresh({ outcome: 'applied' })).toBe(true);
    // Where what is in force can be corrected, other contents of it are like a new chunk.
    expect(await isAfresh({ version: markVersion('v1', other), inForce: 'B' }, 'correct')).toBe(true);
    expect(await isAfresh({ version: markRestored('v1'), inForce: 'B' }, 'correct')).toBe(false);
    const changed = { outcome: 'changed', inForce: 'B' } as const;
    expect(await isAfresh(changed)).toBe(false);
    expect(await isAfresh(changed, 'correct')).toBe(true);
    expect(await isAfresh({ ...changed, version: markVersion('v1', settings) }, 'correct')).toBe(false);
    expect(await isAfresh({ ...changed, version: markVersion('v1', other) }, 'correct')).toBe(true);
    expect(await isAfresh({ ...changed, version: markVersion('v1', other) })).toBe(false);
    const freed = { outcome: 'duplicate', isFreed: true } as const;
    expect(await isAfresh(freed)).toBe(true);
    expect(await isAfresh({ ...freed, isFreed: false })).toBe(false);
    expect(await isAfresh({ ...freed, inForce: 'B' })).toBe(false);
    expect(await isAfresh({ ...freed, inForce: 'B' }, 'correct')).toBe(true);
    expect(await isAfresh({ ...freed, version: markRestored('v1'), inForce: 'B' }, 'correct')).toBe(false);
  });

  test('is taken off the version before it is compared with a listing, where it is that of now', async () => {
    const other = readingSettings({ ...plan, maxChunkBytes: 1 }, percent);
    async function* known() {
      yield [
        line({ version: markVersion('v1', settings) }),
        line({ version: markVersion('v2', other) }),
        line({ version: 'v3', outcome: 'applied', inForce: 'A' }),
      ];
    }
    const versions: string[] = [];
    for await (const batch of comparable(known(), settings)) versions.push(...batch.map(({ version }) => version));
    expect(versions).toEqual(['v1', markVersion('v2', other), 'v3']);
  });

  test('a line that would say the same is not written again', () => {
    const before = makeLine({ outcome: 'quarantined', reason: 'bad_header', detail: 'no customer', contentId: 'A' });
    expect(saysTheSame(before, { ...before })).toBe(true);
    for (const other of [
      { reason: 'unreadable' },
      { detail: 'no merchant' },
      { rows: 1 },
      { contentId: 'B' },
      { outcome: 'applied' as const },
    ])
      expect(saysTheSame(before, { ...before, ...other })).toBe(false);
  });
});

describe('entries', () => {
  const sample = makeSample();
  const row = (customer: string): SampleRow => ({
    values: { merchant: 'M', customer, gender: 'F', category: 'food' },
    amount: 5n,
    weight: 1n,
  });
  const subject: Subject = { kind: 'chunk', key: 'a.csv', folder: false, version: 'v', contentId: 'A', bytes: 1, replaces: null };
  const applied = (rows: number): Decided => ({ ...nothingRead, rows, applied: rows });
  const times = (...offsets: readonly number[]) => {
    let next = 0;
    return () => new Date(sampleTime.getTime() + (offsets[Math.min(next++, offsets.length - 1)] ?? 0));
  };
  const make = (clock: () => Date, more: Partial<Parameters<typeof makeEntries>[0]> = {}) =>
    makeEntries({
      detector: freshDetector(sample),
      lastSequence: 0,
      lastDetectionTime: null,
      clock,
      startTime: sampleTime,
      timeZone: 'UTC',
      patternSet: sample.set,
      ...more,
    });

  test('take the next number where they are applied, and only there; the first of these brings the set of patterns', () => {
    const entries = make(times(0), { lastSequence: 41 });
    const bad = entries.chunk(subject, { ...nothingRead, outcome: 'quarantined' }, null, []);
    const first = entries.chunk(subject, applied(1), makeSampleDelta(sample.layout, [row('C1')]), []);
    const again = entries.reevaluation([]);
    expect([bad, first, again].map(({ line }) => line.sequence)).toEqual([null, 42, 43]);
    expect([bad, first, again].map(({ patternSet }) => patternSet !== null)).toEqual([false, true, false]);
    expect(entries.lastSequence).toBe(43);
    expect(again.line).toMatchObject({ kind: 'reevaluation', key: '', rows: 0, outcome: 'applied' });
    expect(again.delta).toBeNull();
  });

  test('what is not applied is not evaluated, though its rows were read', () => {
    const entries = make(times(0));
    const delta = makeSampleDelta(sample.layout, [row('C1'), row('C1'), row('C1')]);
    const bad = entries.chunk(subject, { ...nothingRead, outcome: 'quarantined', rows: 3, quarantined: 3 }, delta, []);
    expect(bad).toMatchObject({ delta: null, newValues: [], detections: [], files: [] });
    const good = entries.chunk(subject, applied(2), makeSampleDelta(sample.layout, [row('C1'), row('C1')]), []);
    expect(good.detections).toEqual([]);
    const third = entries.chunk(subject, applied(1), makeSampleDelta(sample.layout, [row('C1')]), []);
    expect(third.detections.map(({ patternId }) => patternId)).toEqual(['Often']);
    expect(third.line.detections).toBe(1);
    expect(third.files.map(({ key }) => key.replace(/^.*\//, ''))).toEqual(['evidence-1.jsonl', 'detections-1.csv']);
  });

  test('never say an earlier time than the entry before, of this run or of the last', () => {
    const entries = make(times(0, 5000, 1000, 6000), { lastDetectionTime: new Date(sampleTime.getTime() + 2000) });
    const at = Array.from({ length: 4 }, () => entries.reevaluation([]).line.detectionTime.getTime() - sampleTime.getTime());
    expect(at).toEqual([2000, 5000, 5000, 6000]);
  });

  test('the reference is entry 0 and detects nothing', () => {
    const entries = make(times(0));
    const entry = entries.reference(
      { ...subject, kind: 'reference' },
      applied(3),
      makeSampleDelta(sample.layout, [row('C1'), row('C1'), row('C1')]),
      [],
    );
    expect(entry.line).toMatchObject({ sequence: 0, detections: 0 });
    expect(entry.delta).not.toBeNull();
    expect(entries.lastSequence).toBe(0);
  });
});

test('a summary counts chunks; the reference and a reevaluation are none, but what they detect counts', () => {
  const tally = makeTally();
  tally.line(makeLine({ outcome: 'applied', rows: 5, quarantined: 1 }), ['P', 'P', 'Q']);
  tally.line(makeLine({ outcome: 'changed', reason: 'grew', key: 'g.csv' }), []);
  tally.line(makeLine({ kind: 'reference', outcome: 'applied', rows: 100, quarantined: 10 }), []);
  tally.line(makeLine({ kind: 'reevaluation', outcome: 'applied' }), ['Q']);
  expect(tally).toMatchObject({ outcomes: { applied: 1, changed: 1 }, rows: 5, quarantinedRows: 1, grew: ['g.csv'] });
  expect([...tally.detections]).toEqual([
    ['P', 2],
    ['Q', 2],
  ]);
});
