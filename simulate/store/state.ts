/**
 * What a database in memory holds of one pipeline: tables as values. A transaction makes the next state from the one before, so
 * it takes place as a whole or not at all, and whoever reads keeps the snapshot that he began with.
 */
import type { RejectedRow } from '../../src/reader/rejected.ts';
import type {
  Basis,
  DetectionRow,
  PatternSet,
  PipelineRow,
  PlannedFile,
  StoredLine,
  StoredReplayedRow,
  StoredRequest,
} from '../../src/store/store.ts';

export type KnownPattern = PipelineRow['patterns'][number];

export interface StoredDetection extends DetectionRow {
  readonly ordinal: number;
  readonly generation: number;
  /** Values in the order of the names kept with the pattern. */
  readonly entity: readonly string[];
}

export interface StoredFile extends PlannedFile {
  readonly sequence: number;
  readonly folder: string;
  readonly isPublished: boolean;
  readonly incident: string | null;
}

/** Of an entity; its id is its place in the table. */
export interface TableRow {
  readonly keys: readonly number[];
  readonly sums: readonly bigint[];
}

export interface State {
  readonly name: string;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly foldedSequence: number;
  readonly lastDetectionTime: Date | null;
  readonly basis: Basis | null;
  readonly patternSets: readonly { readonly from: number; readonly set: PatternSet }[];
  /** Every generation of every pattern. */
  readonly patterns: readonly KnownPattern[];
  /** By position, from 1. */
  readonly lines: readonly StoredLine[];
  readonly rejected: ReadonlyMap<number, readonly RejectedRow[]>;
  readonly replayed: readonly StoredReplayedRow[];
  readonly deltas: ReadonlyMap<number, Uint8Array>;
  /** Of corrections: what their contents alone add. */
  readonly contents: ReadonlyMap<number, Uint8Array>;
  /** By the name of the dimension. */
  readonly dictionary: ReadonlyMap<string, readonly string[]>;
  /** By the grain's index. */
  readonly tables: ReadonlyMap<number, readonly TableRow[]>;
  /** By sequence and ordinal. */
  readonly detections: readonly StoredDetection[];
  /** By sequence and ordinal. */
  readonly files: readonly StoredFile[];
  /** In the order in which they were put; without bytes once they are answered. */
  readonly inbox: readonly (StoredRequest & { readonly bytes: Uint8Array | null })[];
}

export function emptyState(name: string): State {
  return {
    name,
    epoch: 0,
    lastSequence: 0,
    foldedSequence: -1,
    lastDetectionTime: null,
    basis: null,
    patternSets: [],
    patterns: [],
    lines: [],
    rejected: new Map(),
    replayed: [],
    deltas: new Map(),
    contents: new Map(),
    dictionary: new Map(),
    tables: new Map(),
    detections: [],
    files: [],
    inbox: [],
  };
}

/** The newest generation of each, by id. */
export function currentPatterns({ patterns }: State): readonly KnownPattern[] {
  const newest = new Map<string, KnownPattern>();
  for (const pattern of patterns) if (pattern.generation >= (newest.get(pattern.id)?.generation ?? 0)) newest.set(pattern.id, pattern);
  return [...newest.values()].sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
}

export function pipelineRow(state: State, held: boolean): PipelineRow {
  return {
    name: state.name,
    epoch: state.epoch,
    lastSequence: state.lastSequence,
    foldedSequence: state.foldedSequence,
    basis: state.basis,
    patternSet: state.patternSets.at(-1)?.set ?? null,
    patterns: currentPatterns(state),
    lastDetectionTime: state.lastDetectionTime,
    held,
  };
}
