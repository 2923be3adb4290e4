/** Lines of the ledger: writing them, and law 4 (conservation). */
import { assertLaw } from '../../core/error.ts';
import type { LedgerLine } from '../store.ts';
import { booleanArray, numberArray, textArray, timeArray } from './arrays.ts';
import { exactly, orRefused, type Sending } from './sending.ts';

export interface PlacedLine {
  readonly position: number;
  readonly line: LedgerLine;
}

/** A line that waits is replaced in place; nothing else ever is, and all find their place. */
const upsertChunks = exactly(
  '$19',
  `
insert into chunk as c (position, kind, key, folder, version, content_id, bytes, outcome, sequence, rows, applied, quarantined,
  not_counted, detections, reason, detail, detection_time, corrects)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[],
  $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::timestamptz[], $18::bigint[])
on conflict (position) do update set kind = excluded.kind, version = excluded.version, content_id = excluded.content_id,
  bytes = excluded.bytes, outcome = excluded.outcome, sequence = excluded.sequence, rows = excluded.rows, applied = excluded.applied,
  quarantined = excluded.quarantined, not_counted = excluded.not_counted, detections = excluded.detections,
  reason = excluded.reason, detail = excluded.detail, detection_time = excluded.detection_time, corrects = excluded.corrects
where c.outcome = 'waiting' and c.key = excluded.key and c.folder = excluded.folder`,
);

export async function writeLines(sending: Sending, placed: readonly PlacedLine[]): Promise<void> {
  if (placed.length === 0) return;
  const lines = placed.map(({ line }) => line);
  const texts = (of: (line: LedgerLine) => string | null): string => textArray(lines.map(of));
  const numbers = (of: (line: LedgerLine) => number | null): string => numberArray(lines.map(of));
  const parameters = [
    numberArray(placed.map(({ position }) => position)),
    texts((line) => line.kind),
    texts((line) => line.key),
    booleanArray(lines.map((line) => line.folder)),
    texts((line) => line.version),
    texts((line) => line.contentId),
    numbers((line) => line.bytes),
    texts((line) => line.outcome),
    numbers((line) => line.sequence),
    numbers((line) => line.rows),
    numbers((line) => line.applied),
    numbers((line) => line.quarantined),
    numbers((line) => line.notCounted),
    numbers((line) => line.detections),
    texts((line) => line.reason),
    texts((line) => withoutNul(line.detail)),
    timeArray(lines.map((line) => line.detectionTime)),
    numbers((line) => line.corrects),
    placed.length,
  ];
  await sending.send(upsertChunks, parameters, (answer) =>
    orRefused(answer, () => assertLaw(false, 'a ledger line replaces a waiting line of the same key, or none')),
  );
}

/** A detail may quote bytes of a file; PostgreSQL has no text with U+0000. */
export function withoutNul(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '\u2400');
}

/** Law 4, checked before anything is sent; the table checks it once more. */
export function assertConservation(line: LedgerLine): void {
  const { rows, applied, quarantined, notCounted, outcome, key } = line;
  const counts = [rows, applied, quarantined, notCounted];
  assertLaw(
    counts.every((count) => Number.isSafeInteger(count) && count >= 0) && rows === applied + quarantined + notCounted,
    `${key}: rows read (${rows}) = applied (${applied}) + quarantined (${quarantined}) + not counted (${notCounted})`,
  );
  assertLaw(
    notCounted === 0 || outcome === 'duplicate' || outcome === 'changed',
    `${key}: only a duplicate or a changed chunk has rows that are not counted`,
  );
  assertLaw((line.sequence !== null) === (outcome === 'applied'), `${key}: the applied entries, and no others, have a sequence number`);
  assertLaw((line.corrects !== null) === (line.kind === 'correction'), `${key}: a correction, and no other entry, refers to one before it`);
}
