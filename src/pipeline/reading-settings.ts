/**
 * A quarantined chunk is looked at again when its bytes change, or when the settings that it was read by do.
 *
 * A new user's first config names a wrong column, and every chunk is quarantined; once the config is mended the chunks
 * must count, though their bytes are as they were. So the version of a quarantined line carries a fingerprint of what
 * decided it (needed fields, headers, dialect, limits); a line with another fingerprint is read afresh, and takes the place
 * of the old one. Applied chunks are not concerned: another meaning of theirs is for `rebuild` (pipeline/basis.ts).
 */
import { createHash } from 'node:crypto';
import type { ReadPlan } from '../engine/engine.ts';
import type { KnownChunk } from '../store/store.ts';
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

/** Whether the line was quarantined under other settings. */
export function isReadOtherwise(known: KnownChunk | null, settings: string): boolean {
  return known !== null && known.outcome === 'quarantined' && known.version.includes(mark) && !known.version.endsWith(mark + settings);
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
