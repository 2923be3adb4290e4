/**
 * A small world to fill stores with: rows -> real deltas of a real detector -> commit entries, and beside it the plain
 * aggregate of the same rows.
 */
import { createHash } from 'node:crypto';
import type { Delta, GrainDelta, Values } from '../../src/core/delta.ts';
import { decodeDelta, encodeDelta } from '../../src/core/delta-codec.ts';
import type { Detector, StepResult } from '../../src/core/detector.ts';
import { Integers } from '../../src/core/integers.ts';
import { type Additive, baseGrains, type Filter, type Layout, type Test } from '../../src/core/layout.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import type { Plan } from '../../src/core/plan.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { declarePatterns } from '../../src/pipeline/declare-patterns.ts';
import type { CommitEntry, DetectionRecord, LedgerLine, PatternSet, PlannedFile, Writer } from '../../src/store/store.ts';

export interface SampleRow {
  readonly values: Readonly<Record<string, string>>;
  /** In units of 10^-scale. */
  readonly amount: bigint;
  readonly weight: bigint | null;
}

export interface Sample {
  readonly layout: Layout;
  readonly plan: Plan;
  readonly set: PatternSet;
  readonly input: string;
}

export const samplePatterns: readonly PatternSource[] = [
  { id: 'Often', action: 'UPGRADE', entity: ['merchant', 'customer'], when: ['count >= 3', 'avg(weight) < 1000000000000'] },
  {
    id: 'Women',
    action: 'CARE',
    entity: ['merchant'],
    when: ['distinct(customer where gender = F) > 1', 'sum(amount where category in (food, "b c")) > 0'.replaceAll('"', "'")],
  },
];

export function makeSample(patterns: readonly PatternSource[] = samplePatterns): Sample {
  const parsed = requirePatterns(patterns, { columns: [], weight: 'column' });
  const declared = declarePatterns(parsed, { scale: 2, weight: 'column' });
  const bound = bindPatterns(parsed, declared.layout);
  if (bound.kind === 'missing') throw new Error(bound.missing.join('; '));
  return { layout: declared.layout, plan: bound.plan, set: declared.set, input: '{"scale":2}' };
}

/** Whether the row counts for the measure, and with how much. */
export function contribution(layout: Layout, measure: Additive, row: SampleRow): bigint {
  const filter = measure.filter === null ? null : (layout.filters[measure.filter] as Filter);
  if (filter !== null && !filter.tests.every((test) => passes(layout, test, row))) return 0n;
  if (measure.kind === 'count') return 1n;
  if (measure.kind === 'number') return row.weight === null ? 0n : 1n;
  return (measure.of === 'amount' ? row.amount : row.weight) ?? 0n;
}

function passes(layout: Layout, test: Test, row: SampleRow): boolean {
  if (test.kind !== 'text') throw new Error('the samples test texts only');
  const value = row.values[layout.dimensions[test.dimension]?.name ?? ''] ?? '';
  return test.op === '!=' ? !test.values.includes(value) : test.values.includes(value);
}

export function makeSampleDelta(layout: Layout, rows: readonly SampleRow[]): Delta {
  const locals = layout.dimensions.map(() => new Map<string, number>());
  const local = (dimension: number, row: SampleRow): number => {
    const known = locals[dimension] as Map<string, number>;
    const value = row.values[layout.dimensions[dimension]?.name ?? ''] ?? '';
    const id = known.get(value) ?? known.size;
    known.set(value, id);
    return id;
  };
  const grains = baseGrains(layout).map((index): GrainDelta => {
    const { dimensions, additive } = layout.grains[index] as Layout['grains'][number];
    const entities = new Map<string, { key: readonly number[]; sums: bigint[] }>();
    for (const row of rows) {
      const key = dimensions.map((dimension) => local(dimension, row));
      const entity = entities.get(key.join()) ?? { key, sums: additive.map(() => 0n) };
      entities.set(key.join(), entity);
      additive.forEach((measure, i) => {
        entity.sums[i] = (entity.sums[i] ?? 0n) + contribution(layout, measure, row);
      });
    }
    const list = [...entities.values()];
    return {
      size: list.length,
      keys: dimensions.map((_, k) => Uint32Array.from(list, ({ key }) => key[k] as number)),
      additive: additive.map((_, m) => Integers.from(list.map(({ sums }) => sums[m] as bigint))),
    };
  });
  return { values: locals.map((known) => makeValues([...known.keys()])), grains };
}

function makeValues(texts: readonly string[]): Values {
  const bytes = texts.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  bytes.forEach((value, i) => (offsets[i + 1] = (offsets[i] ?? 0) + value.length));
  return { count: texts.length, bytes: Buffer.concat(bytes), offsets };
}

export const sampleTime = new Date('2026-11-22T07:30:00.123Z');

export function makeLine(line: Partial<LedgerLine> = {}): LedgerLine {
  return {
    kind: 'chunk',
    key: 'chunk_1.csv',
    folder: false,
    version: 'v1',
    contentId: null,
    bytes: null,
    outcome: 'quarantined',
    sequence: null,
    corrects: null,
    rows: 0,
    applied: 0,
    quarantined: 0,
    notCounted: 0,
    detections: 0,
    reason: null,
    detail: null,
    detectionTime: sampleTime,
    ...line,
  };
}

export function makeEntry(line: Partial<LedgerLine> = {}, rest: Partial<Omit<CommitEntry, 'line'>> = {}): CommitEntry {
  return {
    line: makeLine({ detections: rest.detections?.length ?? 0, ...line }),
    replaces: null,
    rejected: [],
    delta: null,
    contents: null,
    newValues: [],
    detections: [],
    files: [],
    patternSet: null,
    ...rest,
  };
}

/** The entry of an applied chunk of these rows; the detector is ahead of the store until it is committed. */
export function makeApplied(
  sample: Sample,
  detector: Detector,
  sequence: number,
  rows: readonly SampleRow[],
  line: Partial<LedgerLine> = {},
): CommitEntry {
  const step = detector.step(makeSampleDelta(sample.layout, rows));
  const counts = { rows: rows.length, applied: rows.length };
  const content = createHash('sha256').update(`content ${sequence}`).digest('hex');
  return makeEntry(
    { key: `chunk_${sequence}.csv`, outcome: 'applied', sequence, contentId: content, bytes: 1000 + sequence, ...counts, ...line },
    {
      delta: encodeDelta(step.delta),
      newValues: step.newValues,
      detections: makeRecords(sample, step, sequence),
      files: makeFiles(sequence, step.detections.length),
    },
  );
}

/** The entry by which these rows take the place of what was in force as chunk_1.csv. */
export function makeCorrection(
  sample: Sample,
  detector: Detector,
  old: { readonly sequence: number; readonly contents: Uint8Array },
  sequence: number,
  rows: readonly SampleRow[],
): CommitEntry {
  const step = detector.correct(decodeDelta(old.contents), makeSampleDelta(sample.layout, rows));
  const contentId = createHash('sha256').update(`content ${sequence}`).digest('hex');
  const counts = { rows: rows.length, applied: rows.length };
  return makeEntry(
    { kind: 'correction', key: 'chunk_1.csv', outcome: 'applied', sequence, corrects: old.sequence, contentId, bytes: 1000, ...counts },
    {
      delta: encodeDelta(step.delta),
      contents: encodeDelta(step.contents),
      newValues: step.newValues,
      detections: makeRecords(sample, step, sequence),
      files: makeFiles(sequence, step.detections.length),
    },
  );
}

export function makeRecords({ plan }: Sample, { detections }: Pick<StepResult, 'detections'>, sequence: number): DetectionRecord[] {
  return detections.map(({ pattern, values, conditions }, ordinal) => {
    const { id, action, entity: names } = plan.patterns[pattern] as Plan['patterns'][number];
    const entity = Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
    return { patternId: id, action, entity, ordinal, evidence: JSON.stringify({ patternId: id, action, entity, sequence, conditions }) };
  });
}

export function makeFiles(sequence: number, detections: number): PlannedFile[] {
  if (detections === 0) return [];
  const folder = `20261122T073000.123-${sequence}`;
  return ['evidence-1.jsonl', 'detections-1.csv'].map((name, ordinal) => {
    const bytes = Buffer.from(`${name} of ${sequence}\n`.repeat(detections));
    return { key: `${folder}/${name}`, ordinal, sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
  });
}

/** Commits one applied chunk a list of rows, the first with the set of patterns. */
export async function commitRows(
  sample: Sample,
  writer: Writer,
  detector: Detector,
  chunks: readonly (readonly SampleRow[])[],
  from = 0,
): Promise<void> {
  for (const [i, rows] of chunks.entries()) {
    const sequence = from + i + 1;
    const entry = makeApplied(sample, detector, sequence, rows);
    const patternSet = sequence === 1 ? sample.set : null;
    await writer.commit({ from: sequence - 1, to: sequence, entries: [{ ...entry, patternSet }], sameContent: [] });
  }
}

export type Totals = readonly (readonly [values: readonly string[], additive: readonly bigint[], distinct: readonly number[]])[];

/** What a detector holds of a grain, without what is 0 throughout, in the order of the values. */
export function totalsOf(detector: Detector, grain: number): Totals {
  return sorted(
    [...detector.rows(grain)].map(({ values, additive, distinct }) => [[...values], [...additive], [...distinct]] as const),
  ).filter(([, additive]) => additive.some((sum) => sum !== 0n));
}

/** The plain aggregate of the rows. */
export function aggregateOf(layout: Layout, grain: number, rows: readonly SampleRow[]): Totals {
  const { dimensions, additive, distinct } = layout.grains[grain] as Layout['grains'][number];
  const groups = new Map<string, SampleRow[]>();
  const keyOf = (row: SampleRow, ids: readonly number[]): string[] => ids.map((id) => row.values[layout.dimensions[id]?.name ?? ''] ?? '');
  for (const row of rows) {
    const key = JSON.stringify(keyOf(row, dimensions));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return sorted(
    [...groups].map(([key, members]) => [
      JSON.parse(key) as string[],
      additive.map((measure) => members.reduce((sum, row) => sum + contribution(layout, measure, row), 0n)),
      distinct.map(({ of, counting }) => {
        const finer = layout.grains[of] as Layout['grains'][number];
        const counted = finer.additive[counting] as Additive;
        return new Set(
          members.filter((row) => contribution(layout, counted, row) > 0n).map((row) => JSON.stringify(keyOf(row, finer.dimensions))),
        ).size;
      }),
    ]),
  );
}

function sorted(totals: readonly Totals[number][]): Totals[number][] {
  return totals.toSorted(([a], [b]) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

export function freshDetector({ plan }: Sample): Detector {
  return makeDetector(plan);
}
