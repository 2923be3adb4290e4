/**
 * A replay under `rebuild`: its rows are read again as they were mended, by the new settings.
 *
 * A row counts as long as the row that it stands for is quarantined: one that the chunk itself counts by the new settings would
 * count twice, and then the replay does not count it. Its chunk's reading is asked for such rows, however many are bad now. What was replayed for contents that are no longer in force (a correction took
 * them out, or `--accept-changed` took other bytes) adds nothing, and its place in the ledger stays as it was. The number of rows
 * of a replay never changes, so this can be done again and again: rows = applied + quarantined.
 */
import type { Delta } from '../core/delta.ts';
import type { ReadPlan } from '../engine/engine.ts';
import type { RejectedTaker } from '../reader/rejected.ts';
import type { RebuildRequest, Store, StoredLine, StoredReplayedRow } from '../store/store.ts';
import { readReplayed } from './read-replayed.ts';

type RebuiltLine = RebuildRequest['lines'][number];

/** `rebuilt`: all chunks in force, by position. */
export async function rebuildReplay(
  store: Pick<Store, 'replayed'>,
  plan: ReadPlan,
  replay: StoredLine,
  rebuilt: ReadonlyMap<number | null, RebuiltLine>,
): Promise<{ readonly line: Omit<RebuiltLine, 'delta' | 'newValues'>; readonly delta: Delta }> {
  const open: StoredReplayedRow[] = [];
  let past = 0;
  const rejected = new Map<RebuiltLine, ReadonlySet<string>>();
  for await (const page of store.replayed({ position: replay.position })) {
    for (const row of page) {
      const chunk = rebuilt.get(row.origin);
      if (chunk === undefined || chunk.contentId !== row.version) past++;
      else {
        const names = rejected.get(chunk) ?? new Set([...chunk.rejected, ...chunk.behind.map(({ row: other }) => other)].map(nameOf));
        rejected.set(chunk, names);
        if (names.has(nameOf(row))) open.push(row);
      }
    }
  }
  const { delta, bad } = readReplayed(open, plan);
  const applied = past + open.length - bad.size;
  const { position, key, version, rows } = replay;
  const line = {
    position,
    key,
    version,
    contentId: replay.contentId ?? '',
    bytes: replay.bytes ?? 0,
    rows,
    applied,
    quarantined: rows - applied,
    rejected: [],
    behind: [],
  };
  return { line, delta };
}

/** The names of all rows that replays resolve, by the ledger position of their chunks. */
export async function replayedNames(store: Pick<Store, 'replayed'>): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const names = new Map<number, Set<string>>();
  for await (const page of store.replayed({}))
    for (const row of page) names.set(row.origin, (names.get(row.origin) ?? new Set()).add(nameOf(row)));
  return names;
}

/** Takes those of `names` among a chunk's rejected rows. */
export function makeNamedTaker(names: ReadonlySet<string>): RejectedTaker & { readonly taken: readonly Taken[] } {
  const taken: Taken[] = [];
  return {
    taken,
    from: 0,
    take: (row, number) => void (names.has(nameOf(row)) && taken.push({ number, row })),
    room: () => undefined,
  };
}

type Taken = RebuiltLine['behind'][number];

function nameOf({ object, line }: { readonly object: string; readonly line: number }): string {
  return `${line} ${object}`;
}
