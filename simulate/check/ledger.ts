/**
 * The ledger against the bucket, from scratch: each line says of its bytes what DESIGN.md 4 and 5 say, no bytes count twice, and
 * nothing that lies in the bucket has been passed over.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StoredLine } from '../../src/store/store.ts';
import type { SlowRejected } from '../../test/helpers/slow-parser/parse.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { State } from '../store/state.ts';
import { type Contents, folderId, hash } from './contents.ts';
import { readyParts } from './folders.ts';

export type Complain = (what: string) => void;

export interface LedgerRules {
  readonly maxBadRows: bigint;
  readonly onChanged: 'report' | 'correct';
  readonly keepDeltas: number;
  /** Content ids of folders that were complete at any time; null: any part may be missing. */
  readonly folders: ReadonlySet<string> | null;
}

export function checkLedger(state: State, contents: Contents, rules: LedgerRules, complain: Complain): void {
  const { folders } = rules;
  const lines = state.lines.filter(({ kind }) => kind === 'chunk' || kind === 'correction');
  for (const line of lines) {
    if (line.folder && line.contentId !== null && folders?.has(`${line.key} ${line.contentId}`) === false)
      complain(`${nameOf(line)} was read as it never was when it was complete`);
    const expected = expectedOf(line, lines, contents, { ...rules, entries: state.lastSequence });
    if (typeof expected === 'string') {
      complain(`${nameOf(line)}: ${expected}`);
      continue;
    }
    const { outcome, rows, applied, quarantined, notCounted, reason } = line;
    const found = { outcome, rows, applied, quarantined, notCounted, reason };
    if (!isDeepStrictEqual(found, expected.counts))
      complain(`${nameOf(line)} is ${JSON.stringify(found)}, and must be ${JSON.stringify(expected.counts)}`);
    const rejected = (state.rejected.get(line.position) ?? []).map(plainRejected);
    const wanted = expected.rejected.map(plainRejected);
    if (JSON.stringify(rejected) !== JSON.stringify(wanted))
      complain(`${nameOf(line)} rejects ${JSON.stringify(rejected)}, and must reject ${JSON.stringify(wanted)}`);
  }
  const sequences = state.lines.flatMap(({ sequence }) => sequence ?? []).sort((a, b) => a - b);
  if (sequences.some((sequence, i) => sequence !== i + 1) || sequences.length !== state.lastSequence)
    complain(`the sequence numbers are ${sequences.join(' ')}, the last is said to be ${state.lastSequence}`);
  checkTimes(state.lines, complain);
  for (const line of lines.filter(({ outcome }) => outcome === 'waiting'))
    if (lines.some(({ key, folder, position }) => key === line.key && folder === line.folder && position > line.position))
      complain(`${nameOf(line)} waits, though another line says what became of it`);
}

/** PROTOCOL.md 4.6: detection times go with the sequence numbers, whatever clocks say. */
function checkTimes(lines: readonly StoredLine[], complain: Complain): void {
  const applied = lines.filter(({ sequence }) => sequence !== null).sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
  for (const [i, line] of applied.entries())
    if (line.detectionTime < (applied[i - 1] ?? line).detectionTime) complain(`${nameOf(line)} was detected before the entry before it`);
}

interface Expected {
  readonly counts: Pick<StoredLine, 'outcome' | 'rows' | 'applied' | 'quarantined' | 'notCounted' | 'reason'>;
  readonly rejected: readonly SlowRejected[];
}

/** What the line must say; or what is wrong with it. */
function expectedOf(
  line: StoredLine,
  lines: readonly StoredLine[],
  contents: Contents,
  rules: LedgerRules & { readonly entries: number },
): Expected | string {
  const nothing = { rows: 0, applied: 0, quarantined: 0, notCounted: 0, reason: null };
  const { outcome } = line;
  if (outcome === 'waiting') return { counts: { ...nothing, outcome }, rejected: [] };
  const parts = contents.partsOf(line);
  if (parts === null) return `nobody ever wrote the bytes ${line.contentId}`;
  const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  if (line.bytes !== bytes) return `has ${bytes} bytes, and not ${line.bytes}`;
  const applied = lines.filter((other) => other.outcome === 'applied');
  if (outcome === 'changed') {
    const before = applied.find(({ key }) => key === line.key);
    if (before === undefined || (before.contentId === line.contentId && rules.onChanged === 'report'))
      return 'is said to have changed, and has not';
    if (rules.onChanged === 'correct') {
      // Reevaluations are entries, too: a delta is forgotten by its number.
      const mayForget = rules.keepDeltas < rules.entries && line.reason === 'not_kept';
      return mayForget ? { counts: { ...nothing, outcome, reason: 'not_kept' }, rejected: [] } : 'has changed, and is not corrected';
    }
    const grew = !line.folder && startsWith(contents, line, before);
    return { counts: { ...nothing, outcome, reason: grew ? 'grew' : null }, rejected: [] };
  }
  if (outcome === 'duplicate') {
    const original = applied.find(({ key, contentId, rows }) => contentId === line.contentId && key !== line.key && rows > 0);
    if (original === undefined) return 'is said to be a duplicate, and is none';
    return { counts: { ...nothing, outcome, rows: original.rows, notCounted: original.rows }, rejected: [] };
  }
  const result = contents.parse(parts);
  if (result.kind === 'fault') return { counts: { ...nothing, outcome: 'quarantined', reason: result.reason }, rejected: [] };
  const good = result.rows.length;
  const bad = result.rejected.length;
  const rows = good + bad;
  // A correction takes out what was there.
  if (rows === 0) return { counts: { ...nothing, outcome: line.kind === 'correction' ? 'applied' : 'empty' }, rejected: [] };
  if (BigInt(bad) * 100n > rules.maxBadRows * BigInt(rows))
    return {
      counts: { ...nothing, outcome: 'quarantined', rows, quarantined: rows, reason: 'too_many_bad_rows' },
      rejected: result.rejected,
    };
  return { counts: { outcome: 'applied', rows, applied: good, quarantined: bad, notCounted: 0, reason: null }, rejected: result.rejected };
}

function startsWith(contents: Contents, line: StoredLine, before: StoredLine): boolean {
  const [now] = contents.partsOf(line) ?? [];
  const [then] = contents.partsOf(before) ?? [];
  if (now === undefined || then === undefined || now.bytes.length <= then.bytes.length) return false;
  return Buffer.compare(now.bytes.subarray(0, then.bytes.length), then.bytes) === 0;
}

/** Every chunk that lies there now has a line for its bytes, or waits. */
export function checkNothingPassedOver(state: State, bucket: Bucket, complain: Complain): void {
  const keys = bucket.objects().map(({ key }) => key);
  const idOf = (key: string): string => hash(bucket.current(key)?.bytes ?? '');
  const has = (key: string, contentId: string): boolean => state.lines.some((line) => line.key === key && line.contentId === contentId);
  for (const key of keys)
    if (key.endsWith('.csv') && !key.includes('.csv/') && !has(key, idOf(key))) complain(`${key} as it is now is not in the ledger`);
  const folders = new Set(keys.filter((key) => key.includes('.csv/')).map((key) => key.slice(0, key.lastIndexOf('/'))));
  for (const folder of folders) {
    const ready = readyParts(bucket, folder);
    if (ready !== null && !has(folder, folderId(ready.map(idOf)))) complain(`${folder}/ as it is now is not in the ledger`);
    if (ready === null && !state.lines.some(({ key }) => key === folder)) complain(`${folder}/ waits, and is not in the ledger`);
  }
}

function nameOf({ position, key, folder }: StoredLine): string {
  return `line ${position} (${key}${folder ? '/' : ''})`;
}

function plainRejected({ object, line, reason, raw }: Pick<SlowRejected, 'object' | 'line' | 'reason'> & { raw: Uint8Array }): unknown {
  return [object, line, reason, Buffer.from(raw).toString('latin1')];
}
