/**
 * What a chunk adds by the declared patterns, from the delta that the ledger keeps of it: for a rebuild whose source no longer has the
 * bytes (PROTOCOL.md 3.9).
 *
 * The rows were read by the old patterns and settings. So they stand for what the new ones would read only if a number means the
 * same under both, no row is refused by the new ones alone, and the old statistics have every measure that the new ones need. Which
 * rows were rejected stays as it was, and so do the numbers of the line.
 */
import { decodeDelta } from '../core/delta-codec.ts';
import type { StateDelta } from '../core/detector.ts';
import type { Layout } from '../core/layout.ts';
import { projection } from '../core/projection.ts';
import type { RejectedRow } from '../reader/rejected.ts';
import type { Basis, RebuildRequest, Store, StoredLine, Writer } from '../store/store.ts';
import { isReadAlike } from './basis.ts';

type RebuiltLine = RebuildRequest['lines'][number];

export interface KeptContents {
  readonly delta: StateDelta;
  readonly rejected: readonly RejectedRow[];
  /** Those that a replay has added behind them. */
  readonly behind: RebuiltLine['behind'];
}

/** null where it is no longer kept, or lacks what is needed. */
export type FindKept = (line: StoredLine) => Promise<KeptContents | null>;

export function findKept(
  writer: Pick<Writer, 'pipeline' | 'inForce'>,
  store: Pick<Store, 'quarantined'>,
  declared: Layout,
  columns: Readonly<Record<string, string>>,
): FindKept {
  const project = projectKept(writer.pipeline.basis, declared, columns);
  return async (line) => {
    const force = project === null ? null : await writer.inForce(line.key);
    // An object and a folder of one name are both in force: the key finds one of them.
    if (project === null || force === null || force.contents === null || force.sequence !== line.sequence) return null;
    return { delta: project(decodeDelta(force.contents)), ...(await rejectedOf(store, line)) };
  };
}

function projectKept(basis: Basis | null, declared: Layout, columns: Readonly<Record<string, string>>): ReturnType<typeof projection> {
  return basis === null || !isReadAlike(basis, declared, columns) ? null : projection(basis.layout, declared);
}

/** Each in its place. */
async function rejectedOf(
  store: Pick<Store, 'quarantined'>,
  { key, position, quarantined }: StoredLine,
): Promise<Omit<KeptContents, 'delta'>> {
  const rejected: RejectedRow[] = [];
  const behind: { number: number; row: RejectedRow }[] = [];
  if (quarantined === 0) return { rejected, behind };
  for await (const page of store.quarantined({ key })) {
    for (const { position: of, number, object, line, reason, raw, length, sha256 } of page) {
      if (of !== position) continue;
      const row = { object, line, reason, raw, length, sha256 };
      if (number === rejected.length) rejected.push(row);
      else behind.push({ number, row });
    }
  }
  return { rejected, behind };
}
