/**
 * A quarantined chunk is looked at again when its bytes change, or when the settings that it was read by do.
 *
 * A new user's first config names a wrong column, and every chunk is quarantined; once the config is mended the chunks
 * must count, though their bytes are as they were. So the version of a quarantined line carries a fingerprint of what
 * decided it (needed fields, headers, dialect, limits); a line with another fingerprint is read afresh. What comes of it is
 * a line of its own, as for a repaired chunk; if it is quarantined again as before, the old line only learns the settings.
 * Applied chunks are not concerned: another meaning of theirs is for `rebuild` (pipeline/basis.ts).
 */
import { createHash } from 'node:crypto';
import type { ReadPlan } from '../engine/engine.ts';
import type { KnownChunk, LedgerLine } from '../store/store.ts';
import type { Percent } from './options.ts';

const mark = ';read-by=';

export function readingSettings({ layout, columns, csv, maxChunkBytes }: ReadPlan, maxBadRows: Percent): string {
  const { scale, amount, weight } = layout;
  const dimensions = layout.dimensions.map(({ name, key }) => [name, key]);
  const headers = Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1));
  const bad = [String(maxBadRows.units), maxBadRows.digits];
  const text = JSON.stringify([scale, amount, weight, dimensions, headers, csv.delimiter, csv.quote, maxChunkBytes, bad]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The version that goes into a quarantined line. */
export function markVersion(version: string, settings: string): string {
  return `${version}${mark}${settings}`;
}

/** Whether the line was quarantined under other settings, and nothing of its key counts. */
export function isReadOtherwise(known: KnownChunk | null, settings: string): boolean {
  if (known === null || known.outcome !== 'quarantined' || known.inForce !== null) return false;
  return known.version.includes(mark) && !known.version.endsWith(mark + settings);
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

/** Lines as discovery compares them: a quarantined one of the same settings has the version of its bytes. */
export async function* comparable(known: AsyncIterable<readonly KnownChunk[]>, settings: string): AsyncIterable<readonly KnownChunk[]> {
  for await (const batch of known) {
    yield batch.map((line) =>
      line.outcome === 'quarantined' && line.version.endsWith(mark + settings)
        ? { ...line, version: line.version.slice(0, line.version.lastIndexOf(mark)) }
        : line,
    );
  }
}
