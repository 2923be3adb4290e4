/** `rebuild` as a function of states (PROTOCOL.md 3.9): new statistics; sequence numbers, outcomes, detections and files stay. */
import { assertLaw } from '../../src/core/error.ts';
import type { RebuildRequest, StoredLine } from '../../src/store/store.ts';
import { commitTo, withValues } from './commit.ts';
import type { State } from './state.ts';
import { foldInto, withoutOldDeltas } from './statistics.ts';

type RebuiltLine = RebuildRequest['lines'][number];

/** The fence is passed. */
export function rebuildTo(state: State, { from, to, basis, lines: rebuilt, statistics, entry }: RebuildRequest, keepDeltas: number): State {
  const { layout } = basis;
  const lines = [...state.lines];
  const rejected = new Map(state.rejected);
  const deltas = new Map<number, Uint8Array>();
  for (const line of rebuilt) {
    assertLaw(line.rows === line.applied + line.quarantined, `${line.key}: rows read = applied + quarantined`);
    const position = line.position ?? lines.length + 1;
    const before = lines[position - 1] ?? referenceLine(line, position, entry.line.detectionTime);
    assertLaw(before.outcome === 'applied', 'rebuild gives numbers to applied lines');
    const { key, version, contentId, bytes, rows, applied, quarantined, leftOut } = line;
    const said = before.reason === 'left_out' ? { reason: null, detail: null } : { reason: before.reason, detail: before.detail };
    const words = leftOut === undefined ? said : { reason: 'left_out', detail: leftOut };
    lines[position - 1] = { ...before, key, version, contentId, bytes, rows, applied, quarantined, ...words };
    rejected.set(position, line.rejected);
    if (before.sequence !== null) deltas.set(before.sequence, line.delta);
  }
  const before: State = {
    ...state,
    basis,
    lines,
    rejected,
    deltas,
    contents: new Map(),
    tables: foldInto(new Map(), layout, statistics),
    dictionary: withValues(
      state.dictionary,
      layout,
      rebuilt.flatMap(({ newValues }) => newValues),
    ),
  };
  const after = commitTo(before, { from, to, entries: [entry], sameContent: [] });
  return { ...after, foldedSequence: to, deltas: withoutOldDeltas(after.deltas, to, to, keepDeltas) };
}

/** One that was not there before. */
function referenceLine({ key, version }: RebuiltLine, position: number, detectionTime: Date): StoredLine {
  return {
    kind: 'reference',
    key,
    folder: false,
    version,
    contentId: null,
    bytes: null,
    outcome: 'applied',
    sequence: 0,
    corrects: null,
    rows: 0,
    applied: 0,
    quarantined: 0,
    notCounted: 0,
    detections: 0,
    reason: null,
    detail: null,
    detectionTime,
    position,
    correctedBy: null,
  };
}
