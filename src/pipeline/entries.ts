/**
 * Makes ledger entries: gives the next sequence number and detectionTime, evaluates the delta, plans the files.
 *
 * This is where memory moves ahead of the database, so it is called in ledger order only, and everything it made is
 * either committed or thrown away with the detector.
 */
import { decodeDelta, encodeDelta } from '../core/delta-codec.ts';
import type { Delta } from '../core/delta.ts';
import type { Detection } from '../core/detection.ts';
import type { Detector, StepResult } from '../core/detector.ts';
import type { RejectedRow } from '../reader/rejected.ts';
import { planFiles } from '../sink/plan-files.ts';
import type { CommitEntry, DetectionRecord, EntryKind, LedgerLine, PatternSet, PlannedFile } from '../store/store.ts';
import type { Decided } from './decide.ts';

export interface Subject {
  readonly kind: EntryKind;
  readonly key: string;
  readonly folder: boolean;
  readonly version: string;
  readonly contentId: string | null;
  readonly bytes: number | null;
  /** Position of the waiting line whose place it takes. */
  readonly replaces: number | null;
}

/** The entry whose contents a correction takes the place of. */
export interface Replaced {
  readonly sequence: number;
  /** Encoded StateDelta of its contents. */
  readonly contents: Uint8Array;
  /** What replayed rows of it add. */
  readonly mended: Delta | null;
}

export interface EntryMaker {
  /** A chunk that was decided; `delta` where it is applied. */
  chunk(subject: Subject, decided: Decided, delta: Delta | null, rejected: readonly RejectedRow[]): CommitEntry;
  /** Other contents for what is in force under a key: the old ones out, `delta` in, evaluated once (PROTOCOL.md 1.4). */
  correction(subject: Subject, decided: Decided, old: Replaced, delta: Delta, rejected: readonly RejectedRow[]): CommitEntry;
  /** The reference's weights: entry 0. */
  reference(subject: Subject, decided: Decided, delta: Delta, rejected: readonly RejectedRow[]): CommitEntry;
  /** The first evaluation under a changed set of patterns, whether it detects anything or not. */
  reevaluation(detections: readonly Detection[]): CommitEntry;
  /** A folder of the output that this state did not plan: it counts as detected and planned what is there (PROTOCOL.md 4.5). */
  adoption(folder: string, detections: readonly DetectionRecord[], files: readonly PlannedFile[]): CommitEntry;
  readonly lastSequence: number;
}

export interface EntryMakerOptions {
  readonly detector: Detector;
  readonly lastSequence: number;
  readonly lastDetectionTime: Date | null;
  readonly clock: () => Date;
  readonly startTime: Date;
  readonly timeZone: string;
  /** The set of patterns that holds from the first entry on that is applied, if the ledger does not know it yet. */
  readonly patternSet: PatternSet | null;
}

export const nothingRead: Decided = {
  kind: 'line',
  outcome: 'applied',
  reason: null,
  detail: null,
  rows: 0,
  applied: 0,
  quarantined: 0,
  notCounted: 0,
};

const noStep = { newValues: [], detections: [] };
const nothingPlanned = { records: [], files: [] };

export function makeEntries(options: EntryMakerOptions): EntryMaker {
  const { detector } = options;
  let sequence = options.lastSequence;
  let lastTime = options.lastDetectionTime?.getTime() ?? Number.NEGATIVE_INFINITY;
  let patternSet = options.patternSet;

  /** Never before the entry before it, whatever the clock does. */
  function nextTime(): Date {
    lastTime = Math.max(lastTime, options.clock().getTime());
    return new Date(lastTime);
  }

  /** Not with what is not applied: until something counts the next start may bring another set and layout. */
  function takeSet(sequence: number | null): PatternSet | null {
    if (sequence === null) return null;
    const set = patternSet;
    patternSet = null;
    return set;
  }

  function entry(
    subject: Subject,
    decided: Decided,
    place: { readonly sequence: number | null; readonly corrects?: number; readonly time: Date },
    made: {
      readonly delta: Uint8Array | null;
      readonly contents?: Uint8Array;
      readonly step: Pick<StepResult, 'newValues' | 'detections'>;
      readonly rejected: readonly RejectedRow[];
    },
  ): CommitEntry {
    const { replaces, ...identity } = subject;
    const line: LedgerLine = {
      ...identity,
      outcome: decided.outcome,
      sequence: place.sequence,
      corrects: place.corrects ?? null,
      rows: decided.rows,
      applied: decided.applied,
      quarantined: decided.quarantined,
      notCounted: decided.notCounted,
      detections: made.step.detections.length,
      reason: decided.reason,
      detail: decided.detail,
      detectionTime: place.time,
    };
    const { detections } = made.step;
    const planned =
      detections.length === 0
        ? nothingPlanned
        : planFiles({
            detections,
            patterns: detector.plan.patterns,
            sequence: place.sequence ?? 0,
            chunk: subject.kind === 'reevaluation' ? null : subject.key,
            detectionTime: place.time,
            startTime: options.startTime,
            timeZone: options.timeZone,
          });
    return {
      line,
      replaces,
      rejected: made.rejected,
      delta: made.delta,
      contents: made.contents ?? null,
      newValues: made.step.newValues,
      detections: planned.records,
      files: planned.files,
      patternSet: takeSet(place.sequence),
    };
  }

  return {
    chunk(subject, decided, delta, rejected) {
      const time = nextTime();
      if (decided.outcome !== 'applied' || delta === null)
        return entry(subject, decided, { sequence: null, time }, { delta: null, step: noStep, rejected });
      sequence++;
      const step = detector.step(delta);
      return entry(subject, decided, { sequence, time }, { delta: encodeDelta(step.delta), step, rejected });
    },
    correction(subject, decided, old, delta, rejected) {
      sequence++;
      const step = detector.correct(decodeDelta(old.contents), delta, old.mended);
      const place = { sequence, corrects: old.sequence, time: nextTime() };
      return entry(subject, decided, place, { delta: encodeDelta(step.delta), contents: encodeDelta(step.contents), step, rejected });
    },
    reference(subject, decided, delta, rejected) {
      const step = detector.addWeights(delta);
      return entry(subject, decided, { sequence: 0, time: nextTime() }, { delta: encodeDelta(step.delta), step, rejected });
    },
    reevaluation(detections) {
      sequence++;
      const subject: Subject = { kind: 'reevaluation', key: '', folder: false, version: '', contentId: null, bytes: null, replaces: null };
      return entry(
        subject,
        nothingRead,
        { sequence, time: nextTime() },
        { delta: null, step: { newValues: [], detections }, rejected: [] },
      );
    },
    adoption(folder, detections, files) {
      sequence++;
      const subject: Subject = { kind: 'adoption', key: folder, folder: true, version: '', contentId: null, bytes: null, replaces: null };
      const place = { sequence, time: nextTime() };
      const made = entry(subject, nothingRead, place, { delta: null, step: noStep, rejected: [] });
      return { ...made, line: { ...made.line, detections: detections.length }, detections, files };
    },
    get lastSequence() {
      return sequence;
    },
  };
}
