/**
 * What a key is, by its name alone (DESIGN.md 5).
 *
 *   chunk    NAME.csv, NAME.csv.gz, NAME.parquet outside of any folder chunk
 *   part     such an object directly inside the folder NAME.csv/ or NAME.parquet/; the outermost such folder decides
 *   marker   _SUCCESS, _committed_*, _started_* directly inside it
 *   other    everything else, whatever has a path component that starts with `_` or `.` above all
 */
export type Classified =
  | { readonly kind: 'chunk' | 'other' }
  /** `folder` is the key of the folder chunk, without its final `/`. */
  | { readonly kind: 'part' | 'marker'; readonly folder: string };

export const successName = '_SUCCESS';
export const committedPrefix = '_committed_';
export const startedPrefix = '_started_';

const other: Classified = { kind: 'other' };
const chunk: Classified = { kind: 'chunk' };

export function classify(key: string): Classified {
  let start = 0;
  let folder: string | null = null;
  while (true) {
    const slash = key.indexOf('/', start);
    const last = slash === -1;
    const end = last ? key.length : slash;
    const first = key.charCodeAt(start);
    const hidden = start < end && (first === 0x5f || first === 0x2e);
    if (last) {
      const name = key.slice(start);
      if (folder !== null && isMarker(name)) return { kind: 'marker', folder };
      if (hidden || !isData(name)) return other;
      return folder === null ? chunk : { kind: 'part', folder };
    }
    // Below a folder chunk there are no further folders that count.
    if (hidden || folder !== null) return other;
    if (key.endsWith('.csv', end) || key.endsWith('.parquet', end)) folder = key.slice(0, end);
    start = end + 1;
  }
}

export function isData(name: string): boolean {
  return name.endsWith('.csv') || name.endsWith('.csv.gz') || name.endsWith('.parquet');
}

function isMarker(name: string): boolean {
  return name === successName || name.startsWith(committedPrefix) || name.startsWith(startedPrefix);
}
