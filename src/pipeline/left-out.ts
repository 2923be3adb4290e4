/**
 * Chunks whose rows shall not count any more, because nothing is left to read them from (PROTOCOL.md 3.9, `rebuild --without`).
 *
 * The line keeps its place, its sequence number and what it detected; its rows are none, and its contents are bytes that no chunk has.
 * So whoever had the same bytes is no duplicate any more, and the chunk itself, should it come back, has changed: it is reported, or
 * with `onChanged: correct` counted again. Later rebuilds leave it out too, until it is there and
 * `--accept-changed` takes it.
 */
import { encodeDelta } from '../core/delta-codec.ts';
import { TallyhoError } from '../core/error.ts';
import type { Layout } from '../core/layout.ts';
import { emptyDelta } from '../core/zero-delta.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { nearest } from '../patterns/nearest.ts';
import type { RebuildRequest, StoredLine } from '../store/store.ts';

/** Equal to no content id. */
const noContents = 'left-out';

/** `lines`: all in force; `found`: those that the source has. USAGE where a key is none of them, or lies there. */
export function leftOutOf(
  { without = [], acceptChanged = false }: { readonly without?: readonly string[]; readonly acceptChanged?: boolean },
  lines: readonly StoredLine[],
  found: ReadonlyMap<StoredLine, ChunkVersion>,
): ReadonlySet<StoredLine> {
  const out = new Set(lines.filter((line) => line.contentId === noContents && !(acceptChanged && found.has(line))));
  for (const given of without) {
    const key = given.replace(/\/$/, '');
    const named = lines.filter((line) => line.key === key);
    const there = named.find((line) => found.has(line));
    if (there !== undefined)
      throw new TallyhoError('USAGE', `${key} cannot be left out: it lies in the source, and would be told of again.`, {
        mend: 'Take it away first; or take it as it is now with `--accept-changed`.',
      });
    if (named.length === 0) {
      const near = nearest(
        key,
        lines.map((line) => line.key),
      );
      throw new TallyhoError('USAGE', `${key} cannot be left out: no chunk of this name counts.`, {
        mend: near === null ? '`tallyho chunks --outcome applied` lists those that do.' : `Did you mean ${near}?`,
      });
    }
    for (const line of named) out.add(line);
  }
  return out;
}

export function leftOutLine(line: StoredLine, layout: Layout): RebuildRequest['lines'][number] {
  const { position, key, rows, detail } = line;
  const again = line.contentId === noContents && detail !== null;
  return {
    position,
    key,
    // Of no listing, so that it is looked at when it comes back.
    version: noContents,
    contentId: noContents,
    bytes: 0,
    rows: 0,
    applied: 0,
    quarantined: 0,
    rejected: [],
    behind: [],
    delta: encodeDelta(emptyDelta(layout)),
    newValues: [],
    leftOut: again ? detail : `Left out by a rebuild: its ${rows} rows are not counted any more, for the source did not have them.`,
  };
}
