/**
 * A chunk that does not count is looked at again when its bytes change, or what decided it does: most often the settings.
 *
 * A new user's first config names a wrong column, and every chunk is quarantined; once the config is mended the chunks
 * must count, though their bytes are as they were. So the version of a quarantined line carries a fingerprint of what
 * decided it (needed fields, headers, dialect, limits); a line with another fingerprint is read afresh. What comes of it is
 * a line of its own, as for a repaired chunk; if it is quarantined again as before, the old line only learns the settings.
 * Applied chunks are not concerned: another meaning of theirs is for `rebuild` (pipeline/basis.ts).
 *
 * The same holds of two other lines. A changed chunk that was only told of is corrected once `onChanged: correct` is set; one that
 * could not be corrected has the mark, and is not tried again. And a duplicate whose original was corrected away is in force nowhere:
 * it counts from then on.
 */
import { createHash } from 'node:crypto';
import type { ReadPlan } from '../engine/engine.ts';
import type { KnownChunk, LedgerLine } from '../store/store.ts';
import type { Percent } from './options.ts';

const mark = ';read-by=';
const restored = 'in-force';

export function readingSettings({ layout, columns, csv, maxChunkBytes }: ReadPlan, maxBadRows: Percent): string {
  const { scale, amount, weight } = layout;
  const dimensions = layout.dimensions.map(({ name, key }) => [name, key]);
  const headers = Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1));
  const bad = [String(maxBadRows.units), maxBadRows.digits];
  const text = JSON.stringify([scale, amount, weight, dimensions, headers, csv.delimiter, csv.quote, maxChunkBytes, bad]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The version that goes into a line which these settings decided. */
export function markVersion(version: string, settings: string): string {
  return `${version}${mark}${settings}`;
}

/** The version of bytes that are again those in force, for the line of others. */
export function markRestored(version: string): string {
  return markVersion(version, restored);
}

export function isMarkedRestored(version: string): boolean {
  return version.endsWith(`${mark}${restored}`);
}

/** Whether a line says of its bytes what they would be told now. */
export function saysTheSame(line: LedgerLine, now: Pick<LedgerLine, 'outcome' | 'reason' | 'detail' | 'rows' | 'contentId'>): boolean {
  return (
    line.outcome === now.outcome &&
    line.contentId === now.contentId &&
    line.reason === now.reason &&
    line.detail === now.detail &&
    line.rows === now.rows
  );
}

/** The ledger's line of a key as the listing is compared with it. */
export interface ComparedChunk extends KnownChunk {
  /** What it says of its bytes does not hold any more: they are decided afresh. Its version then fits none. */
  readonly isAfresh: boolean;
  /** The bytes are again those in force: what the line says is past. */
  readonly isRestored: boolean;
}

/** What is decided afresh, and the versions of all others as the source has them. */
export async function* comparable(
  known: AsyncIterable<readonly KnownChunk[]>,
  settings: string,
  onChanged: 'report' | 'correct' = 'report',
): AsyncIterable<readonly ComparedChunk[]> {
  for await (const batch of known) yield batch.map((line) => compared(line, settings, onChanged === 'correct'));
}

function compared(line: KnownChunk, settings: string, corrects: boolean): ComparedChunk {
  const { outcome, inForce } = line;
  const at = line.version.lastIndexOf(mark);
  const readBy = at < 0 ? null : line.version.slice(at + mark.length);
  const mayChange = inForce === null || corrects;
  if (outcome !== 'applied' && readBy === restored)
    return { ...line, version: line.version.slice(0, at), isAfresh: false, isRestored: true };
  // Corrected under the other kind of its name.
  if (outcome === 'applied' && inForce === null) return afresh(line);
  if (outcome === 'duplicate' && line.isFreed && mayChange) return afresh(line);
  if (outcome === 'changed' && readBy === null && corrects) return afresh(line);
  if ((outcome !== 'quarantined' && outcome !== 'changed') || readBy === null) return { ...line, isAfresh: false, isRestored: false };
  if (readBy !== settings && mayChange && (outcome === 'quarantined' || corrects)) return afresh(line);
  return { ...line, version: line.version.slice(0, at), isAfresh: false, isRestored: false };
}

function afresh(line: KnownChunk): ComparedChunk {
  const version = line.version.includes(mark) ? line.version : `${line.version}${mark}`;
  return { ...line, version, isAfresh: true, isRestored: false };
}
