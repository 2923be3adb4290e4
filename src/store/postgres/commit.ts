/**
 * The one transaction that holds ledger lines, deltas, new values, detections and their files (DESIGN.md 7).
 *
 * All statements leave together, the fence first and COMMIT behind them; sets go as arrays, so their number does not grow with
 * the rows. Large sets are cut, and waited for in between, so that the bytes under way stay bounded.
 */
import { assertLaw } from '../../core/error.ts';
import type { NewValues } from '../../core/detector.ts';
import type { Layout } from '../../core/layout.ts';
import type { CommitEntry, CommitRequest, DetectionRecord, RejectedBehind } from '../store.ts';
import type { RejectedRow } from '../../reader/rejected.ts';
import { bytesArray, joinBase64, numberArray, textArray } from './arrays.ts';
import { compress } from './compress.ts';
import { leaseSeconds } from './lease.ts';
import { fenceCommit, type Holding, passFence } from './fence.ts';
import { assertConservation, type PlacedLine, writeLines } from './ledger.ts';
import { writeAnswers } from './inbox.ts';
import { type KnownPattern, withPatternSets, writePatternSets } from './pattern-sets.ts';
import { assertReplayed, writeReplayed } from './replayed.ts';
import { Sending } from './sending.ts';
import type { AtOnce, UnderWay } from './session.ts';

export interface CommitContext extends Holding {
  readonly generation: number;
  readonly layout: Layout | null;
  /** The next free place in the ledger. */
  readonly nextPosition: number;
  readonly patterns: ReadonlyMap<string, KnownPattern>;
  readonly keepDeltas: number;
}

/** What the writer knows once the commit took place. */
export interface Committed {
  readonly nextPosition: number;
  readonly patterns: ReadonlyMap<string, KnownPattern>;
}

export interface PlacedEntry extends PlacedLine {
  readonly entry: CommitEntry;
}

/** Refuses what breaks a law, before anything is sent. */
export function checkRequest({ from, to, entries }: CommitRequest): void {
  for (const { line, delta, contents, rejected, replayed = [], behind = [] } of entries) {
    assertConservation(line);
    assertReplayed({ line, replayed, behind });
    assertLaw(
      (contents !== null) === (line.kind === 'correction'),
      `${line.key}: a correction, and no other entry, has contents of its own`,
    );
    assertLaw(delta === null || line.sequence !== null, `${line.key}: only an applied entry has a delta`);
    assertLaw(rejected.length <= line.quarantined, `${line.key}: listed rejected rows are quarantined rows`);
  }
  const taken = entries.flatMap(({ line }) => (line.sequence === null || line.kind === 'reference' ? [] : [line.sequence]));
  assertLaw(
    taken.length === to - from && taken.every((sequence, i) => sequence === from + 1 + i),
    `the commit from ${from} to ${to} has each sequence number in between once, in order`,
  );
}

export function placeEntries(entries: readonly CommitEntry[], nextPosition: number): { placed: PlacedEntry[]; nextPosition: number } {
  let next = nextPosition;
  const placed = entries.map((entry) => ({ entry, line: entry.line, position: entry.replaces ?? next++ }));
  return { placed, nextPosition: next };
}

export async function commitEntries(statements: AtOnce, context: CommitContext, request: CommitRequest): Promise<UnderWay<Committed>> {
  const { placed, nextPosition } = placeEntries(request.entries, context.nextPosition);
  const latest = request.entries.reduce<Date | null>(
    (time, { line }) => (time === null || line.detectionTime > time ? line.detectionTime : time),
    null,
  );
  const sending = new Sending(statements);
  const fence = [context.name, context.epoch, request.from, request.to, latest?.toISOString() ?? null, leaseSeconds];
  await sending.send(fenceCommit, fence, (answer) => passFence(answer, context));
  const patterns = withPatternSets(context.patterns, request.entries);
  await writeEntries(sending, context, patterns, placed, request);
  // Whether an id may stand for what it is declared to is said by an answer, not by a failure.
  if (request.entries.some(({ patternSet }) => patternSet !== null)) await sending.answers();
  return { answers: sending.answers().then(() => ({ nextPosition, patterns })) };
}

/** All that the entries bring but the fence. What is sent first is there first: patterns before their detections. */
export async function writeEntries(
  sending: Sending,
  { layout, patterns: before }: Pick<CommitContext, 'layout' | 'patterns'>,
  patterns: ReadonlyMap<string, KnownPattern>,
  placed: readonly PlacedEntry[],
  { from, sameContent }: Pick<CommitRequest, 'from' | 'sameContent'>,
): Promise<void> {
  const entries = placed.map(({ entry }) => entry);
  const rejected = placed.map(({ position, entry }) => ({ position, rejected: entry.rejected }));
  const newValues = entries.flatMap((entry) => entry.newValues);
  await writePatternSets(sending, entries, from, before);
  await writeLines(sending, placed);
  await writeDeltas(sending, entries);
  await writeValues(sending, layout, newValues);
  await writeVersions(sending, sameContent);
  await writeFiles(sending, entries);
  await writeDetections(sending, entries, patterns);
  await writeRejected(sending, rejected);
  await writeBehind(
    sending,
    entries.flatMap(({ behind = [] }) => behind),
  );
  await writeReplayed(sending, placed);
  await writeAnswers(sending, entries);
}

/** Of a correction, which is rare. */
const updateContents = `update delta set contents = decode($2, 'base64') where sequence = $1`;

/**
 * $1 sequences, $2 and $3 start (from 1) and length of each in $4, all joined, as base64. Of an array in hexadecimal digits, as
 * other bytes go, a third more would be sent, and client and server would take twice the time over it.
 */
const insertDeltas = `
with joined as materialized (select decode($4, 'base64') as bytes)
insert into delta (sequence, bytes)
select u.sequence, substring(j.bytes from u.start for u.length)
from joined j, unnest($1::bigint[], $2::integer[], $3::integer[]) u (sequence, start, length)`;

async function writeDeltas(sending: Sending, entries: readonly CommitEntry[]): Promise<void> {
  const rows = entries.flatMap(({ line, delta }) => (delta === null || line.sequence === null ? [] : [{ sequence: line.sequence, delta }]));
  for (const part of parts(rows, ({ delta }) => delta.length)) await sending.send(insertDeltas, deltaParameters(part));
  const own = entries.flatMap(({ line, contents }) =>
    contents === null || line.sequence === null ? [] : [{ sequence: line.sequence, contents }],
  );
  for (const { sequence, contents } of own) await sending.send(updateContents, [sequence, joinBase64([contents])]);
}

function deltaParameters(rows: readonly { readonly sequence: number; readonly delta: Uint8Array }[]): string[] {
  let next = 1;
  const starts = rows.map(({ delta }) => (next += delta.length) - delta.length);
  return [
    numberArray(rows.map(({ sequence }) => sequence)),
    numberArray(starts),
    numberArray(rows.map(({ delta }) => delta.length)),
    joinBase64(rows.map(({ delta }) => delta)),
  ];
}

const insertValues = `
insert into dictionary (dimension, id, value) select $1, $2 + u.n - 1, u.value from unnest($3::text[]) with ordinality u (value, n)`;

export async function writeValues(sending: Sending, layout: Layout | null, newValues: readonly NewValues[]): Promise<void> {
  for (const { dimension, first, values } of joinValues(newValues)) {
    const name = layout?.dimensions[dimension]?.name;
    assertLaw(name !== undefined, 'new values are of a dimension of the layout');
    let id = first;
    for (const part of parts(values, (value) => value.length + 8)) {
      await sending.send(insertValues, [name, id, textArray(part)]);
      id += part.length;
    }
  }
}

/** Those of one dimension follow each other over the entries of a commit: one run each. */
function joinValues(newValues: readonly NewValues[]): NewValues[] {
  const runs = new Map<number, { dimension: number; first: number; values: string[] }>();
  for (const { dimension, first, values } of newValues) {
    const run = runs.get(dimension);
    if (run === undefined) runs.set(dimension, { dimension, first, values: [...values] });
    else {
      assertLaw(run.first + run.values.length === first, 'ids of new values are dense');
      for (const value of values) run.values.push(value);
    }
  }
  return [...runs.values()];
}

const insertRejected = `
insert into rejected_row (position, number, object, line, reason, raw, length, sha256)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::bigint[], $8::text[])`;

export async function writeRejected(
  sending: Sending,
  lines: readonly { readonly position: number; readonly rejected: readonly RejectedRow[] }[],
): Promise<void> {
  await writeBehind(
    sending,
    lines.flatMap(({ position, rejected }) => rejected.map((row, number) => ({ origin: position, number, row }))),
  );
}

/** Rows in their places: one that is there is never written over. */
export async function writeBehind(sending: Sending, rows: readonly RejectedBehind[]): Promise<void> {
  for (const part of parts(rows, ({ row }) => row.raw.length + 100))
    await sending.send(insertRejected, [
      numberArray(part.map(({ origin }) => origin)),
      numberArray(part.map(({ number }) => number)),
      textArray(part.map(({ row }) => row.object)),
      numberArray(part.map(({ row }) => row.line)),
      textArray(part.map(({ row }) => row.reason)),
      bytesArray(part.map(({ row }) => row.raw)),
      numberArray(part.map(({ row }) => row.length)),
      textArray(part.map(({ row }) => row.sha256)),
    ]);
}

const insertDetections = `
insert into detection (sequence, ordinal, pattern, generation, action, entity, evidence)
select u.sequence, u.ordinal, u.pattern, u.generation, u.action, u.entity::text[], u.evidence
from unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[])
  u (sequence, ordinal, pattern, generation, action, entity, evidence)`;

async function writeDetections(
  sending: Sending,
  entries: readonly CommitEntry[],
  patterns: ReadonlyMap<string, KnownPattern>,
): Promise<void> {
  const rows = entries.flatMap(({ line, detections }) => {
    assertLaw(detections.length === line.detections, `${line.key}: the line counts its detections`);
    assertLaw(detections.length === 0 || line.sequence !== null, `${line.key}: only an applied entry detects`);
    return detections.map((record) => ({ sequence: line.sequence, record, pattern: patterns.get(record.patternId) }));
  });
  for (const part of parts(rows, ({ record }) => record.evidence.length + 100))
    await sending.send(insertDetections, [
      numberArray(part.map(({ sequence }) => sequence)),
      numberArray(part.map(({ record }) => record.ordinal)),
      textArray(part.map(({ record }) => record.patternId)),
      numberArray(part.map(({ pattern }) => pattern?.generation ?? null)),
      textArray(part.map(({ record }) => record.action)),
      textArray(part.map(({ record, pattern }) => textArray(entityValues(record, pattern)))),
      textArray(part.map(({ record }) => record.evidence)),
    ]);
}

/** In the order in which the pattern was first declared: that of the names kept beside it. */
function entityValues({ patternId, entity }: DetectionRecord, pattern: KnownPattern | undefined): string[] {
  assertLaw(pattern !== undefined, `the pattern ${patternId} of a detection is in a pattern set`);
  assertLaw(Object.keys(entity).length === pattern.entity.length, `a detection of ${patternId} names its entity`);
  return pattern.entity.map((name) => {
    const value = Object.hasOwn(entity, name) ? entity[name] : undefined;
    assertLaw(value !== undefined, `a detection of ${patternId} has a ${name}`);
    return value;
  });
}

const insertFiles = `
insert into detection_file (sequence, ordinal, folder, key, sha256, bytes)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::bytea[])`;

async function writeFiles(sending: Sending, entries: readonly CommitEntry[]): Promise<void> {
  const rows = entries.flatMap(({ line, files }) => {
    assertLaw(files.length === 0 || line.sequence !== null, `${line.key}: only an applied entry has files`);
    return files.map((file) => ({ sequence: line.sequence, file }));
  });
  for (const part of parts(rows, ({ file }) => file.bytes.length + 100))
    await sending.send(insertFiles, [
      numberArray(part.map(({ sequence }) => sequence)),
      numberArray(part.map(({ file }) => file.ordinal)),
      textArray(part.map(({ file }) => folderOf(file.key))),
      textArray(part.map(({ file }) => file.key)),
      textArray(part.map(({ file }) => file.sha256)),
      bytesArray(part.map(({ file }) => compress(file.bytes))),
    ]);
}

/** The folder of a file's key: all before its last slash. */
export function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')));
}

const updateVersions = `
update chunk c set version = u.version from unnest($1::bigint[], $2::text[]) u (position, version) where c.position = u.position`;

async function writeVersions(sending: Sending, same: CommitRequest['sameContent']): Promise<void> {
  if (same.length === 0) return;
  await sending.send(updateVersions, [numberArray(same.map(({ position }) => position)), textArray(same.map(({ version }) => version))]);
}

/** Rows in runs of at most 8 MB or 20,000 rows. */
export function* parts<T>(rows: readonly T[], size: (row: T) => number): Generator<readonly T[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (row === undefined) continue;
    const more = size(row);
    if (i > start && (bytes + more > 8_000_000 || i - start >= 20_000)) {
      yield rows.slice(start, i);
      start = i;
      bytes = 0;
    }
    bytes += more;
  }
  if (start < rows.length) yield rows.slice(start);
}
