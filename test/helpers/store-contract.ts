/** What every store owes (src/store/store.ts), for any implementation. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeDelta, encodeDelta } from '../../src/core/delta-codec.ts';
import type { Detector } from '../../src/core/detector.ts';
import { baseGrains } from '../../src/core/layout.ts';
import type { RejectedRow } from '../../src/reader/rejected.ts';
import type { CommitEntry, KnownChunk, Store, StoredLine, StoreReader, Writer } from '../../src/store/store.ts';
import { inboxContract } from './store-contract-inbox.ts';
import {
  aggregateOf,
  commitRows,
  freshDetector,
  makeApplied,
  makeCorrection,
  makeEntry,
  makeFiles,
  makeSample,
  makeSampleDelta,
  type Sample,
  type SampleRow,
  totalsOf,
} from './store-samples.ts';

export interface StoreWorld {
  /** A store of this pipeline, as another process would open it. Closed by the world. */
  open(pipeline: string, options?: { readonly keepDeltas: number }): Promise<Store>;
  /** As if the holder had been silent for longer than its lease. */
  expireLease(pipeline: string): Promise<void>;
  close(): Promise<void>;
}

/** Texts that something on the way might take for something else. */
export const oddTexts = [
  "O'Hara",
  'say "x"',
  'back\\slash',
  '\\N',
  '\\x00',
  'new\nline',
  'carriage\rreturn',
  'tab\there',
  'a|b',
  'a,b',
  '{a,b}',
  '{}',
  'NULL',
  'null',
  ' padded ',
  '$1',
  "E'\\n'",
  '\u{1f98a} fox',
  'é',
  'e\u0301',
  '\uffff',
  '\u{10ffff}',
  '--',
  ';drop',
  '%s',
  '\u200b',
] as const;

/** Of a delta that nobody decodes. */
const bytes = Uint8Array.of(1, 2, 3);

export function storeContract(name: string, missing: string | undefined, makeWorld: () => Promise<StoreWorld>): void {
  describe(name, () => {
    let world: StoreWorld;
    let pipeline: string;
    let made = 0;
    const sample = makeSample();

    beforeAll(async () => {
      if (missing === undefined) world = await makeWorld();
    });
    afterAll(async () => {
      if (missing === undefined) await world.close();
    });
    beforeEach((context) => {
      if (missing !== undefined) context.skip(missing);
      made += 1;
      pipeline = `p${made}`;
    });

    const claim = async (store: Store): Promise<Writer> => await store.claim({ waitMs: 0 });
    /** A claimed pipeline with a basis. */
    const start = async (of: Sample = sample, options?: { readonly keepDeltas: number }): Promise<{ store: Store; writer: Writer }> => {
      const store = await world.open(pipeline, options);
      const writer = await claim(store);
      await writer.setBasis({ layout: of.layout, input: of.input });
      return { store, writer };
    };

    describe('a pipeline that never ran', () => {
      test('is null, and everything else about it is empty', async () => {
        const store = await world.open(pipeline);
        expect(await store.pipeline()).toBeNull();
        expect(await all(store.chunks())).toEqual([]);
        expect(await all(store.rejected())).toEqual([]);
        expect(await all(store.detections())).toEqual([]);
        expect(await store.files()).toEqual({ planned: 0, published: 0, incidents: [] });
        expect(await store.counts()).toEqual({
          outcomes: {},
          rows: 0,
          quarantinedRows: 0,
          notCountedRows: 0,
          resolvedRows: 0,
          detections: [],
        });
        expect(await store.plannedFolders(['a'])).toEqual(new Set());
        await store.load(freshDetector(sample));
      });
    });

    describe('claim', () => {
      test('gives an empty pipeline at first, and readers see that it is held', async () => {
        const store = await world.open(pipeline);
        const writer = await claim(store);
        expect(writer.pipeline).toEqual({
          name: pipeline,
          epoch: 1,
          lastSequence: 0,
          foldedSequence: -1,
          basis: null,
          patternSet: null,
          patterns: [],
          lastDetectionTime: null,
          held: true,
        });
        expect(await (await world.open(pipeline)).pipeline()).toEqual(writer.pipeline);
        await writer.release();
        expect((await store.pipeline())?.held).toBe(false);
      });

      test('says who holds it, since when, and when it was heard last', async () => {
        const store = await world.open(pipeline);
        expect(await store.holder()).toBeNull();
        const writer = await claim(await world.open(pipeline));
        const first = await store.holder();
        expect(first).toEqual({
          host: expect.any(String) as string,
          process: expect.any(Number) as number,
          since: expect.any(Date) as Date,
          renewedSecondsAgo: expect.any(Number) as number,
        });
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        expect((await store.holder())?.renewedSecondsAgo).toBeGreaterThan(0);
        await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
        expect(await store.holder()).toEqual({ ...first, renewedSecondsAgo: 0 });
        await writer.release();
        expect(await store.holder()).toBeNull();
      });

      test('is refused while another holds it, in the same process too', async () => {
        const store = await world.open(pipeline);
        await claim(store);
        await expect(claim(await world.open(pipeline))).rejects.toMatchObject({ code: 'HELD' });
        await expect(claim(store)).rejects.toMatchObject({ code: 'HELD' });
      });

      test('waits for a release', async () => {
        const first = await claim(await world.open(pipeline));
        const waiting = (await world.open(pipeline)).claim({ waitMs: 60_000 });
        await first.release();
        expect((await waiting).pipeline.epoch).toBe(2);
      });

      test('waits no longer than told, and ends when it is told to', async () => {
        await claim(await world.open(pipeline));
        const other = await world.open(pipeline);
        await expect(other.claim({ waitMs: 300 })).rejects.toMatchObject({ code: 'HELD' });
        const stop = new AbortController();
        const waiting = other.claim({ waitMs: 60_000, signal: stop.signal });
        stop.abort();
        await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
      });

      test('by two at once gives it to one of them', async () => {
        const stores = await Promise.all([1, 2, 3, 4].map(() => world.open(pipeline)));
        const results = await Promise.allSettled(stores.map(claim));
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'HELD' });
      });

      test('raises the epoch each time', async () => {
        const store = await world.open(pipeline);
        for (const epoch of [1, 2, 3]) {
          const writer = await claim(store);
          expect(writer.pipeline.epoch).toBe(epoch);
          await writer.release();
        }
      });
    });

    describe('law 6, single writer: after a takeover', () => {
      const taken = async () => {
        const { store, writer: old } = await start();
        const detector = freshDetector(sample);
        await commitRows(sample, old, detector, [someRows(20, 1)]);
        await world.expireLease(pipeline);
        const other = await claim(await world.open(pipeline));
        return { store, old, other, detector };
      };

      test('the new writer sees what the old one committed', async () => {
        const { other } = await taken();
        expect(other.pipeline).toMatchObject({ epoch: 2, lastSequence: 1, basis: { layout: sample.layout, input: sample.input } });
      });

      test('everything that the old one tries is refused, and leaves no trace', async () => {
        const { store, old, detector } = await taken();
        const before = await everything(store);
        const entry = makeApplied(sample, detector, 2, someRows(20, 2));
        const fenced = { code: 'FENCED' };
        await expect(old.commit({ from: 1, to: 2, entries: [entry], sameContent: [] })).rejects.toMatchObject(fenced);
        await expect(old.fold(detector.takeFold(), 1)).rejects.toMatchObject(fenced);
        await expect(old.markPublished(['a/b'])).rejects.toMatchObject(fenced);
        await expect(old.markIncident('a/b', 'other bytes')).rejects.toMatchObject(fenced);
        await expect(old.resetPattern('Often')).rejects.toMatchObject(fenced);
        await expect(old.setBasis({ layout: sample.layout, input: '{}' })).rejects.toMatchObject(fenced);
        expect(await everything(store)).toEqual(before);
      });

      test.each(['fold', 'markPublished', 'markIncident', 'resetPattern', 'setBasis'] as const)(
        '%s of the old one is refused as its first act',
        async (act) => {
          const { store, old, detector } = await taken();
          const before = await everything(store);
          const acts = {
            fold: () => old.fold(detector.takeFold(), 1),
            markPublished: () => old.markPublished(['a/b']),
            markIncident: () => old.markIncident('a/b', 'x'),
            resetPattern: () => old.resetPattern('Often'),
            setBasis: () => old.setBasis({ layout: sample.layout, input: '{}' }),
          };
          await expect(acts[act]()).rejects.toMatchObject({ code: 'FENCED' });
          expect(await everything(store)).toEqual(before);
        },
      );

      test('the release of the old one does not free the new one', async () => {
        const { store, old } = await taken();
        await old.release();
        expect((await store.pipeline())?.held).toBe(true);
      });

      test('a commit from another sequence number than the last is refused', async () => {
        const { store, writer } = await start();
        const entry = makeApplied(sample, freshDetector(sample), 6, someRows(5, 1));
        await expect(writer.commit({ from: 5, to: 6, entries: [entry], sameContent: [] })).rejects.toMatchObject({ code: 'FENCED' });
        expect(await all(store.chunks())).toEqual([]);
      });
    });

    describe('the ledger', () => {
      test('keeps every line as it was given, in order', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const entries: CommitEntry[] = [
          makeEntry({
            kind: 'reference',
            key: 'weights.csv',
            outcome: 'applied',
            sequence: 0,
            rows: 3,
            applied: 2,
            quarantined: 1,
            contentId: 'r',
          }),
          makeEntry({ key: 'waits', folder: true, outcome: 'waiting', reason: 'incomplete', detail: 'no _SUCCESS', contentId: null }),
          makeApplied(sample, detector, 1, someRows(10, 1)),
          makeEntry({
            key: 'bad.csv',
            outcome: 'quarantined',
            rows: 7,
            quarantined: 7,
            reason: 'too_many_bad_rows',
            detail: 'a\0b',
            bytes: 2 ** 40,
          }),
          makeEntry({ key: 'twice.csv', outcome: 'duplicate', rows: 10, notCounted: 10, contentId: 'c', bytes: 0 }),
          makeEntry({ key: 'chunk_1.csv', outcome: 'changed', version: 'v2', reason: 'grew' }),
          makeEntry({ key: 'none.csv', outcome: 'empty', detectionTime: new Date('2026-11-22T07:30:00.999Z') }),
          makeEntry({ kind: 'reevaluation', key: '', outcome: 'applied', sequence: 2 }),
        ];
        await writer.commit({ from: 0, to: 0, entries: entries.slice(0, 1), sameContent: [] });
        const patternSet = sample.set;
        await writer.commit({
          from: 0,
          to: 2,
          entries: entries.slice(1).map((entry, i) => (i === 0 ? { ...entry, patternSet } : entry)),
          sameContent: [],
        });
        const lines = await all(store.chunks());
        expect(lines).toEqual(
          entries.map(({ line }, i) => ({
            ...line,
            position: i + 1,
            correctedBy: null,
            ...(line.detail === null ? {} : { detail: line.detail.replace('\0', '\u2400') }),
          })),
        );
        expect(await all(store.chunks({ outcome: 'applied' }))).toEqual(lines.filter(({ outcome }) => outcome === 'applied'));
        expect(await all(store.chunks({ key: 'chunk_1.csv' }))).toEqual(lines.filter(({ key }) => key === 'chunk_1.csv'));
        expect(await all(store.chunks({ key: 'waits' }))).toEqual(lines.slice(1, 2));
        expect(await all(store.chunks({ key: 'chunk_1.csv', outcome: 'changed' }))).toHaveLength(1);
        expect(await store.pipeline()).toMatchObject({ lastSequence: 2, lastDetectionTime: new Date('2026-11-22T07:30:00.999Z') });
        expect(await store.counts()).toMatchObject({
          outcomes: { waiting: 1, applied: 1, quarantined: 1, duplicate: 1, changed: 1, empty: 1 },
          rows: 27,
          quarantinedRows: 7,
        });
      });

      test('keeps odd keys, versions and content ids', async () => {
        const { store, writer } = await start();
        const keys = [...oddTexts, 'k'.repeat(5000), 'é'.repeat(2000), `${'x'.repeat(600)}a`, `${'x'.repeat(600)}b`];
        const entries = keys.map((key, i) =>
          makeEntry({ key, version: key, contentId: `c${key}`.slice(0, 100), reason: key, folder: i % 2 === 0 }),
        );
        await writer.commit({ from: 0, to: 0, entries, sameContent: [] });
        expect(await all(store.chunks())).toEqual(entries.map(({ line }, i) => ({ ...line, position: i + 1, correctedBy: null })));
        for (const [i, key] of keys.entries()) expect(await all(store.chunks({ key })), key).toMatchObject([{ key, position: i + 1 }]);
        expect((await all(writer.known())).map(({ key }) => key)).toEqual(inListingOrder(entries).map(({ line }) => line.key));
      });

      test('gives the place of a waiting line to what follows it', async () => {
        const { store, writer } = await start();
        const waiting = makeEntry({ key: 'f', folder: true, outcome: 'waiting', version: 'v1' });
        await writer.commit({ from: 0, to: 0, entries: [makeEntry({ key: 'a' }), waiting, makeEntry({ key: 'z' })], sameContent: [] });
        await writer.commit({
          from: 0,
          to: 0,
          entries: [{ ...makeEntry({ key: 'f', folder: true, outcome: 'waiting', version: 'v2' }), replaces: 2 }],
          sameContent: [],
        });
        const detector = freshDetector(sample);
        const applied = makeApplied(sample, detector, 1, someRows(5, 1), { key: 'f', folder: true, version: 'v3' });
        await writer.commit({
          from: 0,
          to: 1,
          entries: [makeEntry({ key: 'b' }), { ...applied, replaces: 2 }, makeEntry({ key: 'c' })],
          sameContent: [],
        });
        const lines = await all(store.chunks());
        expect(lines.map(({ key, position, version, outcome }) => [key, position, version, outcome])).toEqual([
          ['a', 1, 'v1', 'quarantined'],
          ['f', 2, 'v3', 'applied'],
          ['z', 3, 'v1', 'quarantined'],
          ['b', 4, 'v1', 'quarantined'],
          ['c', 5, 'v1', 'quarantined'],
        ]);
      });

      test('replaces nothing but a waiting line of the same key', async () => {
        const { store, writer } = await start();
        await writer.commit({
          from: 0,
          to: 0,
          entries: [makeEntry({ key: 'a' }), makeEntry({ key: 'w', outcome: 'waiting' })],
          sameContent: [],
        });
        const before = await everything(store);
        for (const entry of [
          makeEntry({ key: 'a', outcome: 'empty' }),
          makeEntry({ key: 'other', outcome: 'empty' }),
          makeEntry({ key: 'w', folder: true }),
        ]) {
          const replaces = entry.line.key === 'a' ? 1 : 2;
          await expect(writer.commit({ from: 0, to: 0, entries: [{ ...entry, replaces }], sameContent: [] })).rejects.toMatchObject({
            code: 'INTERNAL',
          });
        }
        expect(await everything(store)).toEqual(before);
      });

      test('notes a new version of the same bytes', async () => {
        const { store, writer } = await start();
        await writer.commit({ from: 0, to: 0, entries: [makeEntry({ key: 'a' }), makeEntry({ key: 'b' })], sameContent: [] });
        await writer.commit({ from: 0, to: 0, entries: [], sameContent: [{ position: 2, version: 'touched' }] });
        expect((await all(store.chunks())).map(({ version }) => version)).toEqual(['v1', 'touched']);
      });

      test('stays one snapshot for who reads it while commits go on', async () => {
        const { store, writer } = await start();
        const lines = (from: number) => Array.from({ length: 3_000 }, (_, i) => makeEntry({ key: `${from + i}` }));
        await writer.commit({ from: 0, to: 0, entries: lines(0), sameContent: [] });
        let read = 0;
        for await (const batch of store.chunks()) {
          if (read === 0) await writer.commit({ from: 0, to: 0, entries: lines(3_000), sameContent: [] });
          read += batch.length;
        }
        expect(read).toBe(3_000);
      });

      test('can be left in the middle', async () => {
        const { store, writer } = await start();
        const entries = Array.from({ length: 5_000 }, (_, i) => makeEntry({ key: `${i}` }));
        await writer.commit({ from: 0, to: 0, entries, sameContent: [] });
        for (let i = 0; i < 10; i++) for await (const batch of store.chunks()) if (batch.length > 0) break;
        expect(await all(store.chunks())).toHaveLength(5_000);
      });
    });

    inboxContract({
      open: () => world.open(pipeline),
      expireLease: () => world.expireLease(pipeline),
      start,
      applied: (sequence) => makeEntry({ key: `${sequence}`, outcome: 'applied', sequence }),
    });

    describe('PROTOCOL 1.6: law 4, conservation', () => {
      test.each([
        ['a row is missing', { rows: 10, applied: 9 }],
        ['a row too many', { rows: 10, applied: 9, quarantined: 2 }],
        ['less than none', { rows: 0, applied: 1, quarantined: -1 }],
        ['parts of rows', { rows: 1.5, applied: 1.5 }],
        ['rows of a quarantined chunk that do not count', { rows: 4, notCounted: 4 }],
      ])('refuses a commit where %s, and nothing of it takes place', async (_, counts) => {
        const { store, writer } = await start();
        const before = await everything(store);
        const good = makeEntry({ key: 'good.csv' });
        const entries = [good, makeEntry({ key: 'bad.csv', ...counts })];
        await expect(writer.commit({ from: 0, to: 0, entries, sameContent: [] })).rejects.toMatchObject({ code: 'INTERNAL' });
        expect(await everything(store)).toEqual(before);
        await writer.commit({ from: 0, to: 0, entries: [good], sameContent: [] });
      });

      test('PROTOCOL 1.1: refuses sequence numbers with gaps, doubles, or on what was not applied', async () => {
        const { store, writer } = await start();
        const applied = (sequence: number | null) => makeEntry({ key: `${sequence}`, outcome: 'applied', sequence });
        const requests = [
          { from: 0, to: 2, entries: [applied(2)] },
          { from: 0, to: 2, entries: [applied(1), applied(1)] },
          { from: 0, to: 2, entries: [applied(2), applied(1)] },
          { from: 0, to: 1, entries: [] },
          { from: 0, to: 0, entries: [applied(1)] },
          { from: 0, to: 0, entries: [applied(null)] },
          { from: 0, to: 1, entries: [makeEntry({ outcome: 'empty', sequence: 1 })] },
        ];
        for (const request of requests)
          await expect(writer.commit({ ...request, sameContent: [] })).rejects.toMatchObject({ code: 'INTERNAL' });
        expect(await all(store.chunks())).toEqual([]);
      });
    });

    describe('known', () => {
      test('has each key once, by bytes, with its newest version and its content in force', async () => {
        const { writer } = await start();
        const applied = (key: string, sequence: number, contentId: string): CommitEntry =>
          makeEntry({ key, version: contentId, contentId, bytes: sequence, outcome: 'applied', sequence });
        await writer.commit({
          from: 0,
          to: 3,
          entries: [
            makeEntry({ kind: 'reference', key: 'ref.csv', outcome: 'applied', sequence: 0 }),
            applied('b.csv', 1, 'B'),
            makeEntry({ key: 'a', folder: true, outcome: 'waiting', version: 'w' }),
            applied('a.csv', 2, 'A'),
            makeEntry({ key: 'b.csv', version: 'B2', contentId: 'B2', bytes: 9, outcome: 'changed', reason: 'grew' }),
            makeEntry({ key: 'c.csv', version: 'C', contentId: 'C' }),
            makeEntry({ key: '\u{1f600}.csv', version: 'F' }),
            makeEntry({ key: '\uffee.csv', version: 'E' }),
            makeEntry({ ...applied('a.csv', 3, 'A3').line, kind: 'correction', corrects: 2 }, { contents: bytes }),
            makeEntry({ key: 'a', version: 'object a' }),
          ],
          sameContent: [],
        });
        const known: Omit<KnownChunk, 'isFreed' | 'reason'>[] = (await all(writer.known())).map(({ isFreed, reason, ...line }) => {
          expect([isFreed, reason === 'grew']).toEqual([false, line.outcome === 'changed']);
          return line;
        });
        expect(known).toEqual([
          {
            key: 'a',
            folder: false,
            position: 10,
            version: 'object a',
            outcome: 'quarantined',
            contentId: null,
            inForce: null,
            inForceBytes: null,
          },
          { key: 'a.csv', folder: false, position: 9, version: 'A3', outcome: 'applied', contentId: 'A3', inForce: 'A3', inForceBytes: 3 },
          { key: 'a', folder: true, position: 3, version: 'w', outcome: 'waiting', contentId: null, inForce: null, inForceBytes: null },
          { key: 'b.csv', folder: false, position: 5, version: 'B2', outcome: 'changed', contentId: 'B2', inForce: 'B', inForceBytes: 1 },
          {
            key: 'c.csv',
            folder: false,
            position: 6,
            version: 'C',
            outcome: 'quarantined',
            contentId: 'C',
            inForce: null,
            inForceBytes: null,
          },
          {
            key: '\uffee.csv',
            folder: false,
            position: 8,
            version: 'E',
            outcome: 'quarantined',
            contentId: null,
            inForce: null,
            inForceBytes: null,
          },
          {
            key: '\u{1f600}.csv',
            folder: false,
            position: 7,
            version: 'F',
            outcome: 'quarantined',
            contentId: null,
            inForce: null,
            inForceBytes: null,
          },
        ]);
      });

      test('comes in pages without gaps or doubles', async () => {
        const { writer } = await start();
        const entries = Array.from({ length: 12_345 }, (_, i) => makeEntry({ key: `${(i * 7919) % 12_345}`, folder: i % 3 === 0 }));
        await writer.commit({ from: 0, to: 0, entries, sameContent: [] });
        expect((await all(writer.known())).map(({ key, folder }) => [key, folder])).toEqual(
          inListingOrder(entries).map(({ line }) => [line.key, line.folder]),
        );
      });

      test('findContent knows what is in force, and where', async () => {
        const { writer } = await start();
        const line = (key: string, sequence: number, contentId: string, corrects: number | null = null) =>
          makeEntry(
            {
              kind: corrects === null ? 'chunk' : 'correction',
              key,
              contentId,
              outcome: 'applied',
              sequence,
              corrects,
              rows: sequence * 10,
              applied: sequence * 10,
            },
            { contents: corrects === null ? null : bytes },
          );
        await writer.commit({
          from: 0,
          to: 2,
          entries: [line('a', 1, 'A'), line('b', 2, 'B'), makeEntry({ key: 'c', contentId: 'C' })],
          sameContent: [],
        });
        expect(await writer.findContent('A')).toEqual({ key: 'a', rows: 10 });
        expect(await writer.findContent('C')).toBeNull();
        await writer.commit({ from: 2, to: 3, entries: [line('a', 3, 'A3', 1)], sameContent: [] });
        expect(await writer.findContent('A')).toBeNull();
        expect(await writer.findContent('A3')).toEqual({ key: 'a', rows: 30 });
        expect(await writer.findContent('B')).toEqual({ key: 'b', rows: 20 });
      });
    });

    describe('corrections (PROTOCOL 1.4)', () => {
      const shop = (merchant: string, customer: string, amount = 100n): SampleRow => ({
        values: { merchant, customer, gender: 'F', category: 'food' },
        amount,
        weight: null,
      });
      const first = [shop('m1', 'c1'), shop('m1', 'c2'), shop('m1', 'c1')];
      const second = [shop('m2', 'c9', 7n)];
      const third = [shop('m1', 'c2', 5n), shop('m1', 'c3', 6n), shop('m1', 'c3', 6n)];
      const totals = (detector: Detector) => sample.layout.grains.map((_, grain) => totalsOf(detector, grain));
      const aggregate = (rows: readonly SampleRow[]) => sample.layout.grains.map((_, grain) => aggregateOf(sample.layout, grain, rows));
      const loaded = async (store: StoreReader): Promise<Detector> => {
        const detector = freshDetector(sample);
        await store.load(detector);
        return detector;
      };

      /** chunk_1 with the first rows, chunk_2 with the second, and then chunk_1 with others, again and again. */
      async function corrected(...versions: readonly (readonly SampleRow[])[]) {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [first, second]);
        let sequence = 2;
        for (const rows of versions) {
          await correct(writer, detector, rows, ++sequence);
        }
        return { store, writer, detector };
      }

      async function correct(writer: Writer, detector: Detector, rows: readonly SampleRow[], sequence: number): Promise<void> {
        const old = await writer.inForce('chunk_1.csv');
        if (old === null || old.contents === null) return expect.unreachable('what is in force is kept');
        const entry = makeCorrection(sample, detector, { ...old, contents: old.contents }, sequence, rows);
        await writer.commit({ from: sequence - 1, to: sequence, entries: [entry], sameContent: [] });
      }

      test('inForce gives the contents that count, of the correction too, and what is kept of them', async () => {
        const { store, writer } = await corrected();
        const [one] = await all(store.chunks());
        expect(await writer.inForce('chunk_1.csv')).toMatchObject({ sequence: 1, contentId: one?.contentId, rows: 3, applied: 3 });
        expect(await writer.inForce('chunk_3.csv')).toBeNull();
        const detector = await loaded(store);
        await correct(writer, detector, third, 3);
        await correct(writer, detector, [], 4);
        const force = await writer.inForce('chunk_1.csv');
        expect(force).toMatchObject({ sequence: 4, rows: 0, applied: 0 });
        expect(decodeDelta(force?.contents ?? bytes).grains.map(({ size }) => size)).toEqual(baseGrains(sample.layout).map(() => 0));
        expect(
          (await all(store.chunks())).map(({ kind, sequence, corrects, correctedBy }) => [kind, sequence, corrects, correctedBy]),
        ).toEqual([
          ['chunk', 1, null, 3],
          ['chunk', 2, null, null],
          ['correction', 3, 1, 4],
          ['correction', 4, 3, null],
        ]);
      });

      test('law 1: what is loaded is the aggregate of the contents in force, before the fold, after it, and in between', async () => {
        const { store, writer, detector } = await corrected();
        await writer.fold(detector.takeFold(), 2);
        for (const [i, rows] of [third, first, [], third].entries()) {
          await correct(writer, detector, rows, 3 + i);
          const expected = aggregate([...rows, ...second]);
          expect(totals(detector)).toEqual(expected);
          expect(totals(await loaded(store))).toEqual(expected);
          if (i % 2 === 1) await writer.fold(detector.takeFold(), 3 + i);
          expect(totals(await loaded(store))).toEqual(expected);
        }
      });

      test('an entity without a transaction is in no view of a detector that goes on from the tables', async () => {
        const { store, writer, detector } = await corrected([]);
        await writer.fold(detector.takeFold(), 3);
        const again = await loaded(store);
        const members = [...again.rows(0)].filter(({ additive }) => (additive[0] ?? 0n) > 0n);
        expect(members.map(({ values }) => [...values].sort())).toEqual([['c9', 'm2'].sort()]);
        // It comes back as if it were new.
        const step = again.step(makeSampleDelta(sample.layout, [shop('m1', 'c1')]));
        expect(step.newValues).toEqual([]);
        expect(totals(again)).toEqual(aggregate([...second, shop('m1', 'c1')]));
      });

      test('of what is no longer kept says so', async () => {
        const { writer } = await start(sample, { keepDeltas: 1 });
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [first, second]);
        await writer.fold(detector.takeFold(), 2);
        expect(await writer.inForce('chunk_1.csv')).toMatchObject({ sequence: 1, rows: 3, contents: null });
        expect(await writer.inForce('chunk_2.csv')).toMatchObject({ sequence: 2, contents: expect.any(Uint8Array) as Uint8Array });
      });

      test('are refused where they correct nothing, what comes later, or what was corrected before; nothing takes place', async () => {
        const { store, writer, detector } = await corrected(third);
        const old = { sequence: 3, contents: (await writer.inForce('chunk_1.csv'))?.contents ?? bytes };
        const entry = makeCorrection(sample, detector, old, 4, first);
        for (const corrects of [null, 1, 4, 99]) {
          const entries = [{ ...entry, line: { ...entry.line, corrects } }];
          await expect(writer.commit({ from: 3, to: 4, entries, sameContent: [] }), `${corrects}`).rejects.toThrow(/./);
        }
        expect(await all(store.chunks())).toHaveLength(3);
        await writer.commit({ from: 3, to: 4, entries: [entry], sameContent: [] });
      });

      test('counts and known speak of what is in force, whatever kind of name it came under', async () => {
        const { store, writer, detector } = await corrected(third);
        expect(await store.counts()).toMatchObject({ outcomes: { applied: 2 }, rows: 4, quarantinedRows: 0 });
        const ids = (await all(store.chunks())).map(({ contentId }) => contentId);
        await writer.commit({
          from: 3,
          to: 3,
          entries: ids.map((contentId, i) => makeEntry({ key: `copy_${i}.csv`, contentId, bytes: 1, outcome: 'duplicate' })),
          sameContent: [],
        });
        // As a folder now.
        const old = { sequence: 3, contents: (await writer.inForce('chunk_1.csv'))?.contents ?? bytes };
        const entry = makeCorrection(sample, detector, old, 4, first);
        await writer.commit({ from: 3, to: 4, entries: [{ ...entry, line: { ...entry.line, folder: true } }], sameContent: [] });
        const known = (await all(writer.known())).map(({ key, folder, inForce, isFreed }) => [folder ? `${key}/` : key, inForce, isFreed]);
        expect(known).toEqual([
          ['chunk_1.csv', null, false],
          ['chunk_1.csv/', entry.line.contentId, false],
          ['chunk_2.csv', ids[1], false],
          ['copy_0.csv', null, true],
          ['copy_1.csv', null, false],
          ['copy_2.csv', null, true],
        ]);
        expect(await writer.findContent(ids[2] ?? '')).toBeNull();
        expect(await writer.inForce('chunk_1.csv')).toMatchObject({ sequence: 4 });
      });
    });

    describe('rejected rows', () => {
      test('keep their bytes, whatever these are, and their order', async () => {
        const { store, writer } = await start();
        const bytes = [
          Buffer.from([0, 255, 254, 10, 13, 92, 39, 34]),
          Buffer.alloc(0),
          Buffer.from('{a,"b"}\\x41'),
          Buffer.alloc(8192, 0xc3),
        ];
        const rejected = bytes.map(
          (raw, i): RejectedRow => ({
            object: oddTexts[i] ?? '',
            line: 2 ** 40 + i,
            reason: 'bad_encoding',
            raw,
            length: raw.length * 3,
            sha256: i === 3 ? 'ab'.repeat(32) : null,
          }),
        );
        const of = (key: string, folder: boolean) => makeEntry({ key, folder, rows: 9, quarantined: 9 }, { rejected });
        await writer.commit({ from: 0, to: 0, entries: [of('a', false), makeEntry({ key: 'none' }), of('b', true)], sameContent: [] });
        const read = async (filter?: { key: string }) =>
          (await all(store.rejected(filter))).map((row) => ({ ...row, raw: Buffer.from(row.raw) }));
        expect(await read()).toEqual([...rejected, ...rejected]);
        expect(await read({ key: 'b' })).toEqual(rejected);
        expect(await read({ key: 'none' })).toEqual([]);
      });

      test('may be many and long', async () => {
        const { store, writer } = await start();
        const rejected = Array.from(
          { length: 30_000 },
          (_, i): RejectedRow => ({
            object: 'a',
            line: i + 2,
            reason: 'column_count',
            raw: Buffer.alloc(400, i),
            length: 400,
            sha256: null,
          }),
        );
        await writer.commit({
          from: 0,
          to: 0,
          entries: [makeEntry({ key: 'a', rows: 30_000, quarantined: 30_000 }, { rejected })],
          sameContent: [],
        });
        let line = 2;
        for await (const batch of store.rejected({ key: 'a' }))
          for (const row of batch) {
            if (row.line !== line || row.raw.length !== 400 || row.raw[0] !== (line - 2) % 256) throw new Error(`row ${line} is wrong`);
            line++;
          }
        expect(line).toBe(30_002);
      });
    });

    describe('detections', () => {
      const detection = (patternId: string, entity: Record<string, string>, ordinal = 0, evidence = '{}') => ({
        patternId,
        action: 'UPGRADE',
        entity,
        ordinal,
        evidence,
      });
      const entryOf = (
        sequence: number,
        detections: CommitEntry['detections'],
        patternSet: CommitEntry['patternSet'] = null,
      ): CommitEntry => makeEntry({ key: `chunk_${sequence}`, outcome: 'applied', sequence }, { detections, patternSet });

      test('keep their evidence to the letter, by sequence and ordinal', async () => {
        const { store, writer } = await start();
        const texts = oddTexts.map((text, i) =>
          JSON.stringify({ z: text, a: i, big: '123456789012345678901234567890.10', n: 1.0 }).replace(',"a"', ' ,  "a"'),
        );
        const detections = texts.map((evidence, ordinal) =>
          detection('Often', { merchant: oddTexts[ordinal] ?? '', customer: '' }, ordinal, evidence),
        );
        await writer.commit({ from: 0, to: 1, entries: [entryOf(1, detections.toReversed(), sample.set)], sameContent: [] });
        await writer.commit({ from: 1, to: 2, entries: [entryOf(2, [detection('Women', { merchant: 'm' })])], sameContent: [] });
        const read = await all(store.detections());
        expect(read.map(({ evidence }) => evidence)).toEqual([...texts, '{}']);
        expect(read.at(-1)).toEqual({ sequence: 2, patternId: 'Women', evidence: '{}' });
        expect(await all(store.detections({ patternId: 'Women' }))).toHaveLength(1);
        expect((await store.counts()).detections).toEqual([
          { patternId: 'Often', count: texts.length },
          { patternId: 'Women', count: 1 },
        ]);
      });

      test('law 3: of one pattern and entity a second one is refused, and nothing of its commit takes place', async () => {
        const { store, writer } = await start();
        const entity = { merchant: 'x'.repeat(4000), customer: 'a|b' };
        await writer.commit({ from: 0, to: 1, entries: [entryOf(1, [detection('Often', entity)], sample.set)], sameContent: [] });
        const before = await everything(store);
        await expect(
          writer.commit({ from: 1, to: 2, entries: [entryOf(2, [detection('Often', entity)])], sameContent: [] }),
        ).rejects.toMatchObject({ code: 'STORE_FAILED' });
        expect(await everything(store)).toEqual(before);
        // Not joined as text: these are others.
        await writer.commit({
          from: 1,
          to: 2,
          entries: [
            entryOf(2, [detection('Often', { merchant: 'a', customer: 'b|c' }), detection('Often', { merchant: 'a|b', customer: 'c' }, 1)]),
          ],
          sameContent: [],
        });
      });

      test('PROTOCOL 1.1: start afresh after a reset of their pattern, and are all kept', async () => {
        const { store, writer } = await start();
        const again = detection('Women', { merchant: 'm' });
        await writer.commit({ from: 0, to: 1, entries: [entryOf(1, [again], sample.set)], sameContent: [] });
        await writer.resetPattern('Women');
        expect((await store.pipeline())?.patterns.map(({ id, generation }) => [id, generation])).toEqual([
          ['Often', 1],
          ['Women', 2],
        ]);
        await writer.commit({ from: 1, to: 2, entries: [entryOf(2, [again])], sameContent: [] });
        expect(await all(store.detections())).toHaveLength(2);
        await expect(writer.resetPattern('Nobody')).rejects.toMatchObject({ code: 'PATTERN_UNKNOWN' });
      });

      test('a used id stands for one thing, until a reset', async () => {
        const { store, writer } = await start();
        const set = (fingerprint: string, action: string, entity: readonly string[]) => ({
          fingerprint,
          text: `[${fingerprint}]`,
          patterns: [{ id: 'P', action, entity }],
        });
        await writer.commit({ from: 0, to: 1, entries: [entryOf(1, [], set('1', 'A', ['merchant']))], sameContent: [] });
        // Nothing was detected yet.
        await writer.commit({
          from: 1,
          to: 2,
          entries: [
            entryOf(2, [{ ...detection('P', { customer: 'c', merchant: 'm' }), action: 'B' }], set('2', 'B', ['merchant', 'customer'])),
          ],
          sameContent: [],
        });
        const reordered = set('3', 'B', ['customer', 'merchant']);
        await writer.commit({ from: 2, to: 3, entries: [entryOf(3, [], reordered)], sameContent: [] });
        expect(await store.pipeline()).toMatchObject({
          patternSet: reordered,
          patterns: [{ id: 'P', action: 'B', entity: ['merchant', 'customer'], generation: 1 }],
        });
        for (const other of [set('4', 'C', ['merchant', 'customer']), set('4', 'B', ['merchant'])])
          await expect(writer.commit({ from: 3, to: 4, entries: [entryOf(4, [], other)], sameContent: [] })).rejects.toMatchObject({
            code: 'PATTERN_ID_REUSED',
          });
        await writer.resetPattern('P');
        await writer.commit({ from: 3, to: 4, entries: [entryOf(4, [], set('4', 'C', ['merchant']))], sameContent: [] });
        expect(await store.pipeline()).toMatchObject({
          patternSet: { fingerprint: '4' },
          patterns: [{ action: 'C', entity: ['merchant'], generation: 2 }],
        });
      });
    });

    describe('planned files', () => {
      const planned = (sequence: number): CommitEntry =>
        makeEntry({ key: `chunk_${sequence}`, outcome: 'applied', sequence }, { files: makeFiles(sequence, 3) });

      test('wait with their bytes until they are marked, by sequence and ordinal', async () => {
        const { store, writer } = await start();
        const entries = [planned(1), planned(2), planned(3)];
        await writer.commit({ from: 0, to: 3, entries, sameContent: [] });
        const files = entries.flatMap(({ line, files: own }) =>
          own.map((file) => ({
            ...file,
            bytes: Buffer.from(file.bytes),
            sequence: line.sequence,
            folder: file.key.split('/')[0],
            incident: null,
          })),
        );
        const pending = async (after: Parameters<Writer['pendingFiles']>[0], limit: number) =>
          (await writer.pendingFiles(after, limit)).map((file) => ({ ...file, bytes: Buffer.from(file.bytes) }));
        expect(await pending(null, 100)).toEqual(files);
        expect(await pending(null, 2)).toEqual(files.slice(0, 2));
        expect(await pending({ sequence: 1, ordinal: 0 }, 2)).toEqual(files.slice(1, 3));
        await writer.markPublished([]);
        await writer.markPublished([files[0]?.key ?? '', files[3]?.key ?? '']);
        await writer.markIncident(files[1]?.key ?? '', 'other bytes\0');
        expect(await pending(null, 100)).toEqual([{ ...files[1], incident: 'other bytes\u2400' }, files[2], files[4], files[5]]);
        expect(await store.files()).toEqual({ planned: 6, published: 2, incidents: [{ key: files[1]?.key, detail: 'other bytes\u2400' }] });
        await writer.markPublished([files[1]?.key ?? '']);
        await writer.markPublished([files[1]?.key ?? '']);
        expect(await store.files()).toEqual({ planned: 6, published: 3, incidents: [] });
        await expect(writer.markPublished(['never/planned'])).rejects.toMatchObject({ code: 'INTERNAL' });
      });

      test('plannedFolders tells which folders are ours', async () => {
        const { store, writer } = await start();
        await writer.commit({ from: 0, to: 1, entries: [planned(1)], sameContent: [] });
        const ours = '20261122T073000.123-1';
        expect(await store.plannedFolders([ours, 'theirs', ...oddTexts])).toEqual(new Set([ours]));
        expect(await store.plannedFolders(Array.from({ length: 25_000 }, (_, i) => (i === 24_999 ? ours : `${i}`)))).toEqual(
          new Set([ours]),
        );
      });
    });

    describe('law 1, state: load', () => {
      /** The same from every mixture of statistics and deltas, through a reader and through a writer. */
      const expectLoaded = async (of: Sample, rows: readonly SampleRow[], ...from: readonly (StoreReader | Writer)[]): Promise<void> => {
        for (const loader of from) {
          const detector = freshDetector(of);
          await loader.load(detector);
          for (const grain of of.layout.grains.keys())
            expect(totalsOf(detector, grain), of.layout.grains[grain]?.name).toEqual(aggregateOf(of.layout, grain, rows));
        }
      };

      test('gives what was committed: from deltas, from statistics, and from both', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const chunks = [1, 2, 3, 4].map((seed) => someRows(60, seed));
        const upTo = (n: number): SampleRow[] => chunks.slice(0, n).flat();
        await commitRows(sample, writer, detector, chunks.slice(0, 2));
        await expectLoaded(sample, upTo(2), store, writer);
        await writer.fold(detector.takeFold(), 2);
        await expectLoaded(sample, upTo(2), store, writer);
        await commitRows(sample, writer, detector, chunks.slice(2, 3), 2);
        await expectLoaded(sample, upTo(3), store, writer);
        await writer.fold(detector.takeFold(), 3);
        await commitRows(sample, writer, detector, chunks.slice(3), 3);
        await writer.fold(detector.takeFold(), 4);
        await expectLoaded(sample, upTo(4), store, writer);
        expect((await store.pipeline())?.foldedSequence).toBe(4);
      });

      test('gives a detector that goes on as if it had never stopped', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(80, 1)]);
        await writer.fold(detector.takeFold(), 1);
        await commitRows(sample, writer, detector, [someRows(80, 2)], 1);
        const reloaded = freshDetector(sample);
        await store.load(reloaded);
        const delta = makeSampleDelta(sample.layout, someRows(80, 3));
        expect(plainStep(reloaded.step(delta))).toEqual(plainStep(detector.step(delta)));
        expect(plainFold(reloaded.takeFold())).toEqual(plainFold(detector.takeFold()));
      });

      test('loads values that look like something else', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const rows = oddTexts.flatMap((text, i) => [
          row({ merchant: text, customer: 'c', gender: 'F', category: text }, 1n, null),
          row({ merchant: 'm', customer: text, gender: text, category: 'b c' }, BigInt(i), 5n),
        ]);
        await commitRows(sample, writer, detector, [rows, rows]);
        await expectLoaded(sample, [...rows, ...rows], store);
        await writer.fold(detector.takeFold(), 2);
        await expectLoaded(sample, [...rows, ...rows], store);
      });

      test('PROTOCOL 3.6: law 5, exactness: sums far beyond 64 bits, and negative ones', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const huge = 10n ** 36n;
        const chunks = [
          [huge, 2n ** 53n - 1n, -5n],
          [huge, 2n, -(10n ** 30n)],
          [-huge, 2n ** 64n, 0n],
        ].map((amounts) =>
          amounts.map((amount, i) => row({ merchant: `m${i}`, customer: 'c', gender: 'F', category: 'food' }, amount, -amount)),
        );
        for (const [i, chunk] of chunks.entries()) {
          await commitRows(sample, writer, detector, [chunk], i);
          await expectLoaded(sample, chunks.slice(0, i + 1).flat(), store);
          await writer.fold(detector.takeFold(), i + 1);
          await expectLoaded(sample, chunks.slice(0, i + 1).flat(), store);
        }
      });

      test('equals the plain aggregate for random chunks and folds', async () => {
        const name = fc.constantFrom('a', 'b', '', 'a|b', '{', '\u{1f600}', "'");
        const arbitraryRow = fc.record({
          values: fc.record({
            merchant: name,
            customer: name,
            gender: fc.constantFrom('F', 'M'),
            category: fc.constantFrom('food', 'b c', 'x'),
          }),
          amount: fc.oneof(fc.bigInt({ min: -1000n, max: 1000n }), fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n })),
          weight: fc.option(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n })),
        });
        const arbitrary = fc.array(fc.record({ rows: fc.array(arbitraryRow, { maxLength: 12 }), fold: fc.boolean() }), {
          minLength: 1,
          maxLength: 6,
        });
        let run = 0;
        await fc.assert(
          fc.asyncProperty(arbitrary, async (chunks) => {
            pipeline = `${pipeline.split(' ')[0]} ${++run}`;
            const { store, writer } = await start();
            const detector = freshDetector(sample);
            for (const [i, { rows, fold }] of chunks.entries()) {
              await commitRows(sample, writer, detector, [rows], i);
              if (fold) await writer.fold(detector.takeFold(), i + 1);
            }
            await expectLoaded(
              sample,
              chunks.flatMap(({ rows }) => rows),
              store,
            );
            await store.close();
          }),
          { numRuns: 15 },
        );
      });

      test('remembers what was detected, of the current generation', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const rows = Array.from({ length: 3 }, () => row({ merchant: 'm', customer: 'c', gender: 'F', category: 'food' }, 1n, 1n));
        await commitRows(sample, writer, detector, [rows]);
        const detected = async (): Promise<boolean> => {
          const loaded = freshDetector(sample);
          await store.load(loaded);
          return loaded.explain(0, ['m', 'c']).detected;
        };
        expect(await detected()).toBe(true);
        await writer.resetPattern('Often');
        expect(await detected()).toBe(false);
      });

      test('is refused for another layout', async () => {
        const { store, writer } = await start();
        const other = makeSample([{ id: 'P', action: 'A', entity: ['customer'], when: ['count > 1'] }]);
        await expect(store.load(freshDetector(other))).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
        await expect(writer.load(freshDetector(other))).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
      });
    });

    describe('fold', () => {
      test('is refused to a sequence number that is not committed, or before the watermark', async () => {
        const { writer } = await start();
        await commitRows(sample, writer, freshDetector(sample), [someRows(5, 1), someRows(5, 2)]);
        await writer.fold([], 2);
        await expect(writer.fold([], 3)).rejects.toMatchObject({ code: 'FENCED' });
        expect(writer.pipeline.epoch).toBe(1);
      });

      test('of an entity that has no row is refused, and can be tried again', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        await commitRows(sample, writer, detector, [someRows(30, 1)]);
        const rows = detector.takeFold();
        const wrong = rows.map((fold) => ({ ...fold, firstNew: fold.entities.length }));
        await expect(writer.fold(wrong, 1)).rejects.toMatchObject({ code: 'INTERNAL' });
        expect((await store.pipeline())?.foldedSequence).toBe(-1);
        await writer.fold(rows, 1);
        expect((await store.pipeline())?.foldedSequence).toBe(1);
      });
    });

    describe('the basis', () => {
      const other = makeSample([{ id: 'P', action: 'A', entity: ['customer', 'gender'], when: ['count > 1'] }]);

      test('may change as long as nothing is applied', async () => {
        const { store, writer } = await start();
        await writer.commit({ from: 0, to: 0, entries: [makeEntry()], sameContent: [] });
        await writer.setBasis({ layout: other.layout, input: '{"other":1}' });
        expect((await store.pipeline())?.basis).toEqual({ layout: other.layout, input: '{"other":1}' });
        const detector = freshDetector(other);
        await commitRows(other, writer, detector, [someRows(10, 1)]);
        await writer.fold(detector.takeFold(), 1);
        await expect(writer.setBasis({ layout: sample.layout, input: '{}' })).rejects.toMatchObject({ code: 'REBUILD_NEEDED' });
      });

      test('changes with a rebuild, which keeps ledger places, sequence numbers, detections and ids', async () => {
        const { store, writer } = await start();
        const detector = freshDetector(sample);
        const chunks = [someRows(50, 1), someRows(50, 2)];
        await commitRows(sample, writer, detector, chunks);
        await writer.fold(detector.takeFold(), 1);
        const rejectedBefore: RejectedRow = { object: 'q', line: 2, reason: 'bad_amount', raw: Buffer.from('x'), length: 1, sha256: null };
        await writer.commit({
          from: 2,
          to: 2,
          entries: [makeEntry({ key: 'q', rows: 1, quarantined: 1 }, { rejected: [rejectedBefore] })],
          sameContent: [],
        });
        const before = { lines: await all(store.chunks()), detections: await all(store.detections()), files: await store.files() };

        const rebuilt = freshDetector(other);
        await writer.loadNames(rebuilt);
        const rejected: RejectedRow = { ...rejectedBefore, object: 'chunk_2.csv', reason: 'missing_key' };
        const lines = [chunks[0] ?? [], (chunks[1] ?? []).slice(1)].map((rows, i) => {
          const line = before.lines[i] as StoredLine;
          const step = rebuilt.addWeights(makeSampleDelta(other.layout, rows));
          const bad = 50 - rows.length;
          return {
            position: line.position,
            key: line.key,
            version: line.version,
            contentId: line.contentId ?? '',
            bytes: line.bytes ?? 0,
            rows: 50,
            applied: rows.length,
            quarantined: bad,
            rejected: bad > 0 ? [rejected] : [],
            behind: [],
            delta: encodeDelta(step.delta),
            newValues: step.newValues,
          };
        });
        const reference = {
          position: null,
          key: 'ref.csv',
          version: 'r',
          contentId: 'R',
          bytes: 7,
          rows: 1,
          applied: 1,
          quarantined: 0,
          rejected: [],
          behind: [],
          delta: encodeDelta(rebuilt.addWeights(makeSampleDelta(other.layout, [])).delta),
          newValues: [],
        };
        const found = rebuilt.reevaluate();
        const records = found.map(({ values }, ordinal) => ({
          patternId: 'P',
          action: 'A',
          ordinal,
          evidence: '{}',
          entity: { customer: values[0] ?? '', gender: values[1] ?? '' },
        }));
        await writer.rebuild({
          from: 2,
          to: 3,
          basis: { layout: other.layout, input: '{"other":1}' },
          lines: [reference, ...lines],
          statistics: rebuilt.takeFold(),
          entry: makeEntry(
            { kind: 'reevaluation', key: '', outcome: 'applied', sequence: 3 },
            { detections: records, patternSet: other.set },
          ),
        });

        const after = await all(store.chunks());
        expect(after.slice(0, 3)).toEqual(before.lines.map((line, i) => (i === 1 ? { ...line, applied: 49, quarantined: 1 } : line)));
        expect(after.slice(3)).toMatchObject([
          { kind: 'reference', key: 'ref.csv', sequence: 0, position: 4, rows: 1 },
          { kind: 'reevaluation', sequence: 3, position: 5, detections: records.length },
        ]);
        expect((await all(store.rejected())).map(({ object }) => object)).toEqual(['chunk_2.csv', 'q']);
        expect(await all(store.detections())).toHaveLength(before.detections.length + records.length);
        expect(records.length).toBeGreaterThan(0);
        expect(await store.files()).toEqual(before.files);
        expect(await store.pipeline()).toMatchObject({
          lastSequence: 3,
          foldedSequence: 3,
          basis: { layout: other.layout, input: '{"other":1}' },
          patternSet: other.set,
        });
        const kept = [...(chunks[0] ?? []), ...(chunks[1] ?? []).slice(1)];
        const loaded = freshDetector(other);
        await store.load(loaded);
        expect(totalsOf(loaded, 0)).toEqual(aggregateOf(other.layout, 0, kept));

        // And it goes on.
        await commitRows(other, writer, rebuilt, [someRows(50, 9)], 3);
        await writer.fold(rebuilt.takeFold(), 4);
        const last = freshDetector(other);
        await store.load(last);
        expect(totalsOf(last, 0)).toEqual(aggregateOf(other.layout, 0, [...kept, ...someRows(50, 9)]));
        expect(baseGrains(other.layout)).toEqual([0]);
      });
    });
  });
}

/** Everything that readers can see, but who holds it. */
export async function everything(store: StoreReader): Promise<unknown> {
  const pipeline = await store.pipeline();
  return {
    pipeline: pipeline === null ? null : { ...pipeline, held: undefined, epoch: undefined },
    chunks: await all(store.chunks()),
    rejected: await all(store.rejected()),
    detections: await all(store.detections()),
    files: await store.files(),
    counts: await store.counts(),
  };
}

export async function all<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const list: T[] = [];
  for await (const batch of batches) list.push(...batch);
  return list;
}

function inListingOrder(entries: readonly CommitEntry[]): CommitEntry[] {
  const listing = ({ line }: CommitEntry): Buffer => Buffer.from(line.folder ? `${line.key}/` : line.key);
  return entries.toSorted((a, b) => Buffer.compare(listing(a), listing(b)));
}

function row(values: Readonly<Record<string, string>>, amount: bigint, weight: bigint | null): SampleRow {
  return { values, amount, weight };
}

/** The same rows for the same seed. */
export function someRows(count: number, seed: number): SampleRow[] {
  let state = seed * 2654435761;
  const next = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return (state >>> 8) % below;
  };
  return Array.from({ length: count }, () =>
    row(
      {
        merchant: `m${next(4)}`,
        customer: `c${next(12)}`,
        gender: next(2) === 0 ? 'F' : 'M',
        category: ['food', 'b c', 'x'][next(3)] ?? '',
      },
      BigInt(next(100_000)),
      next(4) === 0 ? null : BigInt(next(1_000)),
    ),
  );
}

function plainStep({ newValues, detections }: ReturnType<ReturnType<typeof freshDetector>['step']>): unknown {
  return { newValues, detections: detections.map(({ pattern, values, conditions }) => ({ pattern, values, conditions })) };
}

function plainFold(folds: ReturnType<ReturnType<typeof freshDetector>['takeFold']>): unknown {
  return folds.map(({ grain, entities, firstNew, keys, additive }) => ({
    grain,
    firstNew,
    entities: [...entities],
    keys: keys.map((column) => [...column.subarray(0, entities.length)]),
    additive: additive.map((column) => Array.from(entities, (_, i) => column.big(i))),
  }));
}
