import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadOutcome } from '../../src/engine/engine.ts';
import { isDataError } from '../../src/pipeline/data-error.ts';
import { type Decision, decide, decideUnread, type Original } from '../../src/pipeline/decide.ts';
import { TallyhoError } from '../../src/core/error.ts';
import type { KnownChunk } from '../../src/store/store.ts';
import { makeSample, makeSampleDelta } from '../helpers/store-samples.ts';

type Read = Exclude<ReadOutcome, { kind: 'moved' }>;

const delta = makeSampleDelta(makeSample().layout, []);
const half = { maxBadRows: { units: 50n, digits: 0 }, onDuplicate: 'skip' } as const;

const rows = (contentId: string, count: number, rejectedRows = 0): Read => ({
  kind: 'rows',
  contentId,
  rows: count,
  rejectedRows,
  rejected: [],
  delta,
  notes: [],
});
const id = (contentId: string, grew = false): Read => ({ kind: 'id', contentId, grew });
const fault = (contentId: string): Read => ({
  kind: 'fault',
  contentId,
  fault: { object: 'a.csv', reason: 'bad_header', detail: 'no customer' },
});
const known = (more: Partial<KnownChunk>): KnownChunk => ({
  key: 'a.csv',
  folder: false,
  position: 1,
  version: 'v',
  outcome: 'applied',
  contentId: null,
  inForce: null,
  inForceBytes: null,
  isFreed: false,
  reason: null,
  ...more,
});
const inForce = (contentId = 'A', last = contentId): KnownChunk =>
  known({ outcome: last === contentId ? 'applied' : 'changed', contentId: last, inForce: contentId, inForceBytes: 10 });

const short = (decision: Decision): string =>
  decision.kind === 'same' ? 'same' : [decision.outcome, decision.reason, decision.rows].filter((part) => part !== null).join(' ');

const original: Original = { key: 'first.csv', rows: 7 };

describe('the first rule that fits decides', () => {
  const table: readonly (readonly [name: string, read: Read, known: KnownChunk | null, original: Original | null, expected: string])[] = [
    ['new bytes of a new key', rows('A', 3), null, null, 'applied 3'],
    ['of a key that waited', rows('A', 3), known({ outcome: 'waiting' }), null, 'applied 3'],
    ['the bytes in force', id('A'), inForce(), null, 'same'],
    ['other bytes than those in force', id('B'), inForce(), null, 'changed 0'],
    ['the bytes that were told last', id('B'), inForce('A', 'B'), null, 'same'],
    ['back to those in force', id('A'), inForce('A', 'B'), null, 'same'],
    ['a third content', id('C'), inForce('A', 'B'), null, 'changed 0'],
    ['grown', id('B', true), inForce(), null, 'changed grew 0'],
    ['changed wins over duplicate', id('B'), inForce(), original, 'changed 0'],
    ['the bytes of another key in force', rows('A', 3), null, original, 'duplicate 7'],
    ['unreadable bytes of another key in force', fault('A'), null, original, 'duplicate 7'],
    ['of a key that was quarantined', rows('A', 3), known({ outcome: 'quarantined', contentId: 'B' }), original, 'duplicate 7'],
    ['quarantined bytes again', fault('B'), known({ outcome: 'quarantined', contentId: 'B' }), null, 'same'],
    ['a duplicate again, whatever became of its original', rows('B', 3), known({ outcome: 'duplicate', contentId: 'B' }), null, 'same'],
    ['an empty chunk again', rows('B', 0), known({ outcome: 'empty', contentId: 'B' }), null, 'same'],
    ['quarantined, then mended', rows('A', 3), known({ outcome: 'quarantined', contentId: 'B' }), null, 'applied 3'],
    ['a fault', fault('A'), null, null, 'quarantined bad_header 0'],
    ['no rows', rows('A', 0), null, null, 'empty 0'],
    ['half of the rows bad', rows('A', 4, 2), null, null, 'applied 4'],
    ['more than half', rows('A', 5, 3), null, null, 'quarantined too_many_bad_rows 5'],
  ];
  test.each(table)('%s', (_, read, line, other, expected) => {
    expect(short(decide(read, line, other, half))).toBe(expected);
  });

  const correcting: readonly (readonly [
    name: string,
    read: Read,
    known: KnownChunk | null,
    original: Original | null,
    expected: string,
  ])[] = [
    ['other bytes than those in force', rows('B', 3), inForce(), null, 'applied 3'],
    ['the bytes in force', rows('A', 3), inForce(), null, 'same'],
    ['the bytes that were told last', rows('B', 3, 3), inForce('A', 'B'), null, 'same'],
    ['bytes that cannot be read', fault('B'), inForce(), null, 'quarantined bad_header 0'],
    ['too many bad rows', rows('B', 3, 2), inForce(), null, 'quarantined too_many_bad_rows 3'],
    ['no rows take out those that are there', rows('B', 0), inForce(), null, 'applied 0'],
    ['no rows of a new key', rows('B', 0), null, null, 'empty 0'],
    ['the bytes of another key in force', rows('B', 3), inForce(), original, 'duplicate 7'],
    ['no rows, as another that was emptied', rows('B', 0), inForce(), { key: 'first.csv', rows: 0 }, 'applied 0'],
  ];
  test.each(correcting)('onChanged: correct, %s', (_, read, line, of, expected) => {
    const decision = decide(read, line, of, { ...half, onChanged: 'correct' });
    expect(short(decision)).toBe(expected);
    if (line !== null && decision.kind === 'line' && decision.outcome !== 'applied')
      expect(decision.detail).toMatch(/ What was applied before stays in force\.$/);
  });

  test('what is decided afresh is not what was told last, but still what is in force', () => {
    const settings = { ...half, onChanged: 'correct' } as const;
    expect(short(decide(rows('B', 3), inForce('A', 'B'), null, settings, true))).toBe('applied 3');
    expect(short(decide(rows('A', 3), inForce('A', 'B'), null, settings, true))).toBe('same');
    expect(short(decide(rows('B', 3), known({ outcome: 'duplicate', contentId: 'B' }), null, half, true))).toBe('applied 3');
  });

  test('onDuplicate: apply knows no duplicates', () => {
    expect(short(decide(rows('A', 3), null, original, { ...half, onDuplicate: 'apply' }))).toBe('applied 3');
    expect(short(decide(fault('A'), null, original, { ...half, onDuplicate: 'apply' }))).toBe('quarantined bad_header 0');
  });
});

test('maxBadRows is exact: a share of rows, not a rounded one', () => {
  const third = { ...half, maxBadRows: { units: 333_333n, digits: 4 } };
  expect(short(decide(rows('A', 3, 1), null, null, third))).toBe('quarantined too_many_bad_rows 3');
  expect(short(decide(rows('A', 1_000_000, 333_333), null, null, third))).toBe('applied 1000000');
  expect(short(decide(rows('A', 1, 1), null, null, { ...half, maxBadRows: { units: 100n, digits: 0 } }))).toBe('applied 1');
  expect(short(decide(rows('A', 1_000_000, 1), null, null, { ...half, maxBadRows: { units: 0n, digits: 0 } }))).toBe(
    'quarantined too_many_bad_rows 1000000',
  );
});

test('law 4: whatever is decided, rows = applied + quarantined + not counted', () => {
  const read = fc.oneof(
    fc.tuple(fc.nat(100), fc.nat(100)).map(([good, bad]) => rows('A', good + bad, bad)),
    fc.constant(fault('A')),
  );
  const line = fc.constantFrom(null, inForce('B'), known({ outcome: 'waiting' }), known({ outcome: 'quarantined', contentId: 'C' }));
  const other = fc.option(fc.record({ key: fc.constant('x'), rows: fc.nat(100) }), { nil: null });
  const percent = fc.record({ units: fc.bigInt({ min: 0n, max: 1000n }), digits: fc.constant(1) });
  fc.assert(
    fc.property(read, line, other, percent, (read, line, other, maxBadRows) => {
      const decided = decide(read, line, other, { maxBadRows, onDuplicate: 'skip' });
      if (decided.kind === 'same') return;
      expect(decided.rows).toBe(decided.applied + decided.quarantined + decided.notCounted);
      expect(decided.notCounted === 0 || decided.outcome === 'duplicate' || decided.outcome === 'changed').toBe(true);
      expect(decided.applied === 0 || decided.outcome === 'applied').toBe(true);
    }),
  );
});

test('the listing alone decides what waits and what is ambiguous', () => {
  const chunk = { key: 'a.csv', folder: true, parts: [], version: 'v', modified: 0 };
  expect(decideUnread({ ...chunk, state: { kind: 'ready' } })).toBeNull();
  expect(decideUnread({ ...chunk, state: { kind: 'waiting', why: 'no marker' } })).toMatchObject({
    outcome: 'waiting',
    detail: 'no marker',
  });
  expect(decideUnread({ ...chunk, state: { kind: 'ambiguous', why: 'two' } })).toMatchObject({
    outcome: 'quarantined',
    reason: 'ambiguous',
  });
});

test('only what the database says of the data quarantines, by its SQLSTATE', () => {
  const failed = (code: unknown): TallyhoError => new TallyhoError('STORE_FAILED', 'no', { cause: { code } });
  for (const code of ['22003', '22P02', '23505', '23514', '54000', '54001']) expect(isDataError(failed(code)), code).toBe(true);
  for (const code of ['53100', '53200', '57014', '40001', '40P01', '42P01', 'XX000', '25006', undefined, 22003])
    expect(isDataError(failed(code)), String(code)).toBe(false);
  expect(isDataError(new TallyhoError('STORE_FAILED', 'no'))).toBe(false);
  expect(isDataError(new TallyhoError('STORE_UNREACHABLE', 'no', { cause: { code: '22003' } }))).toBe(false);
  expect(isDataError(Object.assign(new Error('no'), { code: '22003' }))).toBe(false);
});
