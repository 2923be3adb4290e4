/** What a run did, for people and exit codes. */
import type { LedgerLine, Outcome } from '../store/store.ts';

export interface RunSummary {
  readonly seconds: number;
  /** Lines of chunks decided in this run, by outcome. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  readonly rows: number;
  readonly quarantinedRows: number;
  /** Of duplicates. */
  readonly notCountedRows: number;
  readonly detections: readonly { readonly patternId: string; readonly count: number }[];
  readonly files: number;
  readonly incidents: number;
  /** Keys of applied chunks that have grown since (exit 1). */
  readonly grew: readonly string[];
  /** What lies in the source and is no chunk. */
  readonly notChunks: { readonly count: number; readonly examples: readonly string[] };
  readonly lastSequence: number;
}

export interface Tally {
  line(line: LedgerLine, detected: readonly string[]): void;
  readonly outcomes: Partial<Record<Outcome, number>>;
  rows: number;
  quarantinedRows: number;
  notCountedRows: number;
  readonly detections: Map<string, number>;
  readonly grew: string[];
}

export function makeTally(): Tally {
  return {
    outcomes: {},
    rows: 0,
    quarantinedRows: 0,
    notCountedRows: 0,
    detections: new Map(),
    grew: [],
    line(line, detected) {
      // All others are entries, and no chunks; the rows of a replay are those of the chunks that it mends.
      if (line.kind === 'chunk' || line.kind === 'correction') {
        this.outcomes[line.outcome] = (this.outcomes[line.outcome] ?? 0) + 1;
        this.rows += line.rows;
        this.quarantinedRows += line.quarantined;
        this.notCountedRows += line.notCounted;
      }
      if (line.reason === 'grew') this.grew.push(line.key);
      // What another life detected is not of this run.
      if (line.kind === 'adoption') return;
      for (const id of detected) this.detections.set(id, (this.detections.get(id) ?? 0) + 1);
    },
  };
}
