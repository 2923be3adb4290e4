/** What a pipeline runs on: contracts and settings, no config file. `cli` and the library compose it. */
import type { Layout } from '../core/layout.ts';
import type { Engine } from '../engine/engine.ts';
import type { Objects } from '../objects/objects.ts';
import type { Binding } from '../patterns/bind.ts';
import type { Csv } from '../reader/csv.ts';
import type { PatternSet, Store } from '../store/store.ts';
import type { EarlyReading } from './early-reading.ts';
import type { PipelineEvent } from './events.ts';
import type { Time } from './time.ts';

/** A share of rows, exact: units / 10^digits percent. */
export interface Percent {
  readonly units: bigint;
  readonly digits: number;
}

export interface InputSettings {
  readonly columns: Readonly<Record<string, string>>;
  readonly csv: Csv;
  readonly maxBadRows: Percent;
  readonly maxChunkBytes: number;
  readonly onBadChunk: 'skip' | 'halt';
  readonly onDuplicate: 'skip' | 'apply';
  readonly onChanged: 'report' | 'correct';
  readonly pollMs: number;
  /** Age that a file must have before it is read; 0 where objects appear whole (S3). */
  readonly settleMs: number;
  readonly waitForMs: number;
}

export interface ReferenceSettings {
  /** Where the file lies, and its key there. */
  readonly objects: Objects;
  readonly key: string;
  /** customer, merchant, weight -> header. */
  readonly columns: Readonly<Record<string, string>>;
  readonly engine: Engine;
  /** Its key below the source, if it lies there: left out of discovery. */
  readonly keyInSource: string | null;
}

/** The patterns as the pipeline needs them: bound to whatever layout the statistics have. */
export interface DeclaredPatterns {
  /** The layout that these patterns alone need. */
  readonly layout: Layout;
  readonly set: PatternSet;
  /** Bound to a kept layout, or the measures that it lacks, in words. */
  readonly bind: (layout: Layout) => Binding;
}

export interface PipelineOptions {
  readonly name: string;
  readonly source: Objects;
  readonly sink: Objects;
  readonly store: Store;
  readonly engine: Engine;
  /** Reads the first chunks while the store is on its way. */
  readonly early?: EarlyReading;
  readonly input: InputSettings;
  readonly reference: ReferenceSettings | null;
  readonly patterns: DeclaredPatterns;
  readonly timeZone: string;
  /** The clock of detections and YStartTime. A frozen one makes output reproducible. */
  readonly clock: () => Date;
  /** By which it waits and measures: `realTime`. */
  readonly time: Time;
  /** Exactly so many chunks a commit (tests); null: one when idle, more under backlog. */
  readonly commitChunks: number | null;
  /** Called when a changed set of patterns adds many detections; false refuses (CONFIRM_NEEDED). */
  readonly confirm: (detections: number) => Promise<boolean>;
  /** Called before each commit; throws DISK_LOW. */
  readonly checkDisk: (() => void) | null;
  /** An output that is ahead of the state counts as detected, instead of being refused (PROTOCOL.md 4.5). */
  readonly adopt?: boolean;
  /** How long to wait for another detector that holds the pipeline. */
  readonly claimWaitMs: number;
  readonly on: (event: PipelineEvent) => void;
}
