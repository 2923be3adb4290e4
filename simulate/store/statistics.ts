/** Statistics tables as arrays of rows: folding into them, and filling a detector. */
import { isDeepStrictEqual } from 'node:util';
import { decodeDelta } from '../../src/core/delta-codec.ts';
import type { Detector, FoldRows } from '../../src/core/detector.ts';
import { assertLaw, TallyhoError } from '../../src/core/error.ts';
import { Integers } from '../../src/core/integers.ts';
import { baseGrains, type Layout } from '../../src/core/layout.ts';
import { currentPatterns, type State, type TableRow } from './state.ts';

type Tables = State['tables'];

export function foldInto(tables: Tables, layout: Layout, folds: readonly FoldRows[]): Tables {
  const next = new Map(tables);
  for (const { grain, entities, firstNew, keys, additive } of folds) {
    const shape = layout.grains[grain];
    assertLaw(
      shape?.base === grain && keys.length === shape.dimensions.length && additive.length === shape.additive.length,
      'a fold has the layout of a base grain',
    );
    const rows: TableRow[] = [...(next.get(grain) ?? [])];
    for (const [i, entity] of entities.entries()) {
      const sums = additive.map((column) => column.big(i));
      const before = rows[entity];
      assertLaw(entity < firstNew === (before !== undefined), 'an entity that was folded before has a row, and no other');
      assertLaw(entity <= rows.length, 'new entities are dense in a fold');
      rows[entity] =
        before === undefined
          ? { keys: keys.map((column) => column[i] ?? 0), sums }
          : { keys: before.keys, sums: before.sums.map((sum, m) => sum + (sums[m] ?? 0n)) };
    }
    next.set(grain, rows);
  }
  return next;
}

/** Folded deltas beyond the newest `keep` are not needed to start. */
export function withoutOldDeltas(deltas: State['deltas'], folded: number, lastSequence: number, keep: number): State['deltas'] {
  return new Map([...deltas].filter(([sequence]) => sequence > Math.min(folded, lastSequence - keep)));
}

export function loadDetector(state: State, detector: Detector): void {
  const { basis, foldedSequence, name } = state;
  if (basis === null) return;
  if (!isDeepStrictEqual(basis.layout, JSON.parse(JSON.stringify(detector.plan.layout))))
    throw new TallyhoError('REBUILD_NEEDED', `The patterns need other statistics than those that the pipeline ${name} keeps.`);
  loadDictionary(state, detector);
  if (foldedSequence >= 0) for (const grain of baseGrains(basis.layout)) loadTable(state.tables.get(grain) ?? [], grain, detector);
  const behind = [...state.deltas].filter(([sequence]) => sequence > foldedSequence).sort(([a], [b]) => a - b);
  for (const [, bytes] of behind) detector.apply(decodeDelta(bytes));
  loadDetected(state, detector);
}

/** For a rebuild. */
export function loadNames(state: State, detector: Detector): void {
  loadDictionary(state, detector);
  loadDetected(state, detector);
}

function loadDictionary({ dictionary }: State, detector: Detector): void {
  for (const [dimension, { name }] of detector.plan.layout.dimensions.entries()) {
    const values = dictionary.get(name) ?? [];
    if (values.length > 0) detector.loadValues(dimension, values);
  }
}

function loadTable(rows: readonly TableRow[], grain: number, detector: Detector): void {
  const first = rows[0];
  if (first === undefined) return;
  detector.loadRows(
    grain,
    first.keys.map((_, k) => Uint32Array.from(rows, ({ keys }) => keys[k] ?? 0)),
    first.sums.map((_, m) => Integers.from(rows.map(({ sums }) => sums[m] ?? 0n))),
    rows.length,
  );
}

/** Of the patterns that the detector has, in their current generation; values in the detector's order. */
function loadDetected(state: State, detector: Detector): void {
  for (const { id, entity, generation } of currentPatterns(state)) {
    const index = detector.plan.patterns.findIndex((pattern) => pattern.id === id);
    const order = detector.plan.patterns[index]?.entity.map((name) => entity.indexOf(name)) ?? [];
    if (index === -1 || order.length !== entity.length || order.includes(-1)) continue;
    for (const row of state.detections)
      if (row.patternId === id && row.generation === generation)
        detector.loadDetected(
          index,
          order.map((at) => row.entity[at] ?? ''),
        );
  }
}
