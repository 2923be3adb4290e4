/**
 * The contract of the store: ledger, statistics, detections and the files planned for them.
 *
 * An implementation owes (PROTOCOL.md 3):
 *   - `commit` is atomic and fenced: its first act moves `last_sequence` from `from` to `to` under this writer's epoch, or
 *     nothing happens (FENCED). It checks conservation (law 4) for every line;
 *   - a commit whose answer is lost throws STORE_UNKNOWN_COMMIT; the caller drops its memory and opens a new writer, which
 *     raises the epoch before it reads;
 *   - `fold` adds rows to the statistics and moves `folded_sequence`, under the same fence: it takes place as a whole while this
 *     writer's epoch holds, once, or not at all. One beside holds up a commit no longer than its own COMMIT takes;
 *   - readers see one consistent snapshot a call, and need no lease;
 *   - a request (`request`) needs no lease either: it waits until whoever has it answers, which is part of the commit that does what
 *     is asked for, and happens once (PROTOCOL.md 1.7).
 */
import type { Detector, FoldRows, NewValues } from '../core/detector.ts';
import type { Layout } from '../core/layout.ts';
import type { RejectedRow } from '../reader/rejected.ts';

export type EntryKind = 'reference' | 'chunk' | 'correction' | 'replay' | 'reevaluation' | 'adoption';
export type Outcome = 'applied' | 'quarantined' | 'duplicate' | 'changed' | 'empty' | 'waiting';

export interface LedgerLine {
  readonly kind: EntryKind;
  /** Empty for a reevaluation; of an adoption the folder in the output. */
  readonly key: string;
  readonly folder: boolean;
  readonly version: string;
  readonly contentId: string | null;
  /** Size of the bytes that `contentId` stands for, as stored; null where nothing was read. */
  readonly bytes: number | null;
  readonly outcome: Outcome;
  /** 0 for the reference; null unless applied. */
  readonly sequence: number | null;
  /** Sequence number of the entry whose contents it takes the place of: of a correction, null for all others. */
  readonly corrects: number | null;
  /** rows = applied + quarantined + notCounted. */
  readonly rows: number;
  readonly applied: number;
  readonly quarantined: number;
  readonly notCounted: number;
  readonly detections: number;
  readonly reason: string | null;
  readonly detail: string | null;
  /** When it was evaluated: detectionTime, never before that of the entry before. */
  readonly detectionTime: Date;
}

export interface StoredLine extends LedgerLine {
  /** Its place in the ledger. */
  readonly position: number;
  /** Sequence number of the correction that took the place of its contents: they are not in force any more. */
  readonly correctedBy: number | null;
}

export interface DetectionRecord {
  readonly patternId: string;
  readonly action: string;
  /** Names and values in the pattern's order. */
  readonly entity: Readonly<Record<string, string>>;
  /** Fixed place within its ledger entry, from 0. */
  readonly ordinal: number;
  /** The evidence as one line of JSON in the fixed field order, without line end. */
  readonly evidence: string;
}

export interface PlannedFile {
  /** Below the sink's URL. */
  readonly key: string;
  /** Order in which the files of one entry are put: `detections-1.csv` last. */
  readonly ordinal: number;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** A mended row, and the rejected row that it resolves (PROTOCOL.md 1.5). */
export interface ReplayedRow {
  /** Ledger position of the chunk that the rejected row is of, and its object and line there. */
  readonly origin: number;
  /** Its content id. */
  readonly version: string;
  readonly object: string;
  readonly line: number;
  /** Header and record as CSV lines without line end: commas, each field in double quotes. */
  readonly header: Uint8Array;
  readonly record: Uint8Array;
}

/** A rejected row that was only counted, and is named by a replay: written into the ledger then, in its place. */
export interface RejectedBehind {
  /** Ledger position of its chunk. */
  readonly origin: number;
  /** Its place among the rejected rows of the chunk (`QuarantinedRow.number`). */
  readonly number: number;
  readonly row: RejectedRow;
}

export interface StoredReplayedRow extends ReplayedRow {
  /** Of the replay. */
  readonly position: number;
  readonly sequence: number;
}

/** What a command asks of whoever holds the pipeline. */
export interface InboxRequest {
  /** Given by the command, and never given again. */
  readonly id: string;
  readonly kind: 'replay';
  /** Of the file. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface InboxAnswer {
  readonly id: string;
  /** JSON; whoever asks knows what it says. */
  readonly answer: string;
}

/** A request as it stands. */
export interface StoredRequest extends Omit<InboxRequest, 'bytes'> {
  readonly at: Date;
  /** null while it waits. */
  readonly answer: string | null;
}

export interface CommitEntry {
  readonly line: LedgerLine;
  /** Position of the waiting line that this one takes the place of. */
  readonly replaces: number | null;
  readonly rejected: readonly RejectedRow[];
  /** Of a replay: one for each row that it applies. */
  readonly replayed?: readonly ReplayedRow[];
  /** Of a replay: those of the rejected rows that it resolves which the ledger does not have. */
  readonly behind?: readonly RejectedBehind[];
  /** The request that asked for this entry: answered in its commit. */
  readonly fulfils?: InboxAnswer;
  /** Encoded StateDelta by which the statistics change, or null where nothing was applied. */
  readonly delta: Uint8Array | null;
  /** Of a correction: the encoded StateDelta of its contents alone. Null for all others, whose delta it is. */
  readonly contents: Uint8Array | null;
  readonly newValues: readonly NewValues[];
  readonly detections: readonly DetectionRecord[];
  readonly files: readonly PlannedFile[];
  /** The set of patterns that holds from this entry on (kind `reevaluation`, and the first start). */
  readonly patternSet: PatternSet | null;
}

export interface CommitRequest {
  readonly from: number;
  readonly to: number;
  readonly entries: readonly CommitEntry[];
  /** A known line whose version changed while its bytes did not: nothing to tell, but not to be read again. */
  readonly sameContent: readonly { readonly position: number; readonly version: string }[];
}

export interface PatternSet {
  readonly fingerprint: string;
  /** Canonical JSON of the patterns, so that any release can tell what was in force. */
  readonly text: string;
  readonly patterns: readonly { readonly id: string; readonly action: string; readonly entity: readonly string[] }[];
}

/** What the statistics hold; a difference asks for `rebuild`. */
export interface Basis {
  readonly layout: Layout;
  /** Input settings that decide what the numbers mean: scale, weight, columns used, the reference's content id. Canonical JSON. */
  readonly input: string;
}

export interface PipelineRow {
  readonly name: string;
  readonly epoch: number;
  readonly lastSequence: number;
  /** The statistics hold the entries up to this one; -1 while nothing is folded (the reference has the number 0). */
  readonly foldedSequence: number;
  readonly basis: Basis | null;
  readonly patternSet: PatternSet | null;
  /** Every pattern id ever used, with what it stood for and its generation. */
  readonly patterns: readonly {
    readonly id: string;
    readonly action: string;
    readonly entity: readonly string[];
    readonly generation: number;
  }[];
  readonly lastDetectionTime: Date | null;
  /** Whether a live detector holds it. */
  readonly held: boolean;
}

/** A detector that holds the pipeline, as it has said of itself. */
export interface Holder {
  /** Its machine, as that calls itself. */
  readonly host: string;
  readonly process: number;
  /** When it took the pipeline, by the store's clock; so is the age of its last sign of life. */
  readonly since: Date;
  readonly renewedSecondsAgo: number;
}

/** One for each key: the newest version decided, and the content in force. In key byte order (a folder's key with a final `/`). */
export interface KnownChunk {
  readonly key: string;
  readonly folder: boolean;
  readonly position: number;
  readonly version: string;
  readonly outcome: Outcome;
  /** Of the newest decided version. */
  readonly reason: string | null;
  /** Content id of the newest decided version. */
  readonly contentId: string | null;
  /** Content id of the applied version of this key that is in force, if any. */
  readonly inForce: string | null;
  /** Its size in bytes, as stored. */
  readonly inForceBytes: number | null;
  /** A duplicate whose original was corrected away: these bytes are in force under no key any more. */
  readonly isFreed: boolean;
}

/** What is in force under a key. */
export interface ContentInForce {
  readonly sequence: number;
  readonly contentId: string | null;
  readonly rows: number;
  readonly applied: number;
  /** Encoded StateDelta of these contents; null where it is no longer kept. */
  readonly contents: Uint8Array | null;
}

export interface PendingFile extends PlannedFile {
  readonly sequence: number;
  /** Folder of the file, for the rule that the first detections file is put last. */
  readonly folder: string;
  readonly incident: string | null;
}

/** What `rebuild` found on reading the contents in force again, by the new basis. Sequence numbers and outcomes are kept. */
export interface RebuildRequest {
  readonly from: number;
  readonly to: number;
  readonly basis: Basis;
  /** Applied lines that are in force (and the reference's) with their new numbers. */
  readonly lines: readonly {
    /** null for a reference that was not there before. */
    readonly position: number | null;
    readonly key: string;
    readonly version: string;
    readonly contentId: string;
    readonly bytes: number;
    readonly rows: number;
    readonly applied: number;
    readonly quarantined: number;
    readonly rejected: readonly RejectedRow[];
    /** Behind those: rejected rows that replays resolve. */
    readonly behind: readonly Omit<RejectedBehind, 'origin'>[];
    readonly delta: Uint8Array;
    readonly newValues: readonly NewValues[];
    /** Its rows are out, because a person said so: the line gets the reason `left_out`, and this detail. A line not left out loses them. */
    readonly leftOut?: string;
  }[];
  /** The whole statistics: they replace the tables, and `to` becomes the watermark. */
  readonly statistics: readonly FoldRows[];
  /** The reevaluation (sequence `to`) with what is newly true. */
  readonly entry: CommitEntry;
}

/** The right to write, held until `release` or until another takes over. */
export interface Writer {
  readonly pipeline: PipelineRow;
  /** Throws what every other call would throw, if it is known that the right is lost (FENCED, STORE_UNREACHABLE). Asks nobody. */
  assertHeld(): void;
  /** First start, or `rebuild`: says what the statistics hold. Only while nothing is applied. */
  setBasis(basis: Basis): Promise<void>;
  /** Fills a detector: dictionary, statistics, deltas after the watermark, what was detected. */
  load(detector: Detector): Promise<void>;
  /** For a rebuild: the dictionary (by dimensions' names) and what was detected, of the layout to come. */
  loadNames(detector: Detector): Promise<void>;
  /** Which applied chunk has this content in force, and how many rows it had. */
  findContent(contentId: string): Promise<{ readonly key: string; readonly rows: number } | null>;
  /** What is in force under a key, be it an object or a folder. */
  inForce(key: string): Promise<ContentInForce | null>;
  known(): AsyncIterable<readonly KnownChunk[]>;
  commit(request: CommitRequest): Promise<void>;
  /** The one that has waited longest, or null. */
  nextRequest(): Promise<InboxRequest | null>;
  /** Of a request that no entry comes of. */
  answer(answer: InboxAnswer): Promise<void>;
  /**
   * One at a time. With `beside` it has a connection of its own, so that commits go on meanwhile; aborted, that signal ends it,
   * and then, as after every failure, only the next writer knows whether it took place. Without, other acts wait for it.
   */
  fold(rows: readonly FoldRows[], to: number, beside?: AbortSignal): Promise<void>;
  /**
   * Files that are not published, incidents too (they are tried again at each start), by sequence and ordinal: the first
   * `limit` of those behind `after`.
   */
  pendingFiles(after: { readonly sequence: number; readonly ordinal: number } | null, limit: number): Promise<readonly PendingFile[]>;
  /** By key: the caller publishes what it has just committed from memory. */
  markPublished(keys: readonly string[]): Promise<void>;
  markIncident(key: string, detail: string): Promise<void>;
  /** Forgets what `id` detected: a new generation of the pattern. */
  resetPattern(id: string): Promise<void>;
  /** Replaces all that was computed from the chunks, in one transaction; detections and files stay (PROTOCOL.md 3.9). */
  rebuild(request: RebuildRequest): Promise<void>;
  release(): Promise<void>;
}

export interface ChunkFilter {
  readonly key?: string;
  readonly outcome?: Outcome;
}

/** A rejected row, and what became of the chunk that it is of. */
export interface QuarantinedRow extends RejectedRow {
  /** Its chunk's place in the ledger, and that chunk. */
  readonly position: number;
  /** Its place among all rejected rows of that chunk, in reading order; 0 is the first. */
  readonly number: number;
  readonly kind: EntryKind;
  readonly key: string;
  readonly folder: boolean;
  readonly version: string;
  readonly contentId: string | null;
  /** Whether the chunk's other rows count: it was applied, and nothing has taken its place. */
  readonly inForce: boolean;
  /** Sequence number of the replay that applied it, mended. */
  readonly resolvedBy: number | null;
}

export interface DetectionRow {
  readonly sequence: number;
  readonly patternId: string;
  readonly evidence: string;
}

export interface StoreReader {
  /** null where no pipeline of this name has ever run. */
  pipeline(): Promise<PipelineRow | null>;
  /** null where nobody holds it, or a detector of a release that did not say who it is. */
  holder(): Promise<Holder | null>;
  /** Ledger order. All kinds; callers choose. */
  chunks(filter?: ChunkFilter): AsyncIterable<readonly StoredLine[]>;
  rejected(filter?: { readonly key?: string }): AsyncIterable<readonly RejectedRow[]>;
  /** As `rejected`, with what is known of their chunks; `objects`: only of these. */
  quarantined(filter?: { readonly key?: string; readonly objects?: readonly string[] }): AsyncIterable<readonly QuarantinedRow[]>;
  /** In the order of the ledger; those of one replay, or those that resolve rows of one chunk (both by position). */
  replayed(filter: { readonly position?: number; readonly origin?: number }): AsyncIterable<readonly StoredReplayedRow[]>;
  /** In the order in which they were put; one of them, or those that wait or are answered. */
  requests(filter?: { readonly id?: string; readonly isOpen?: boolean }): Promise<readonly StoredRequest[]>;
  /** By sequence and ordinal. */
  detections(filter?: { readonly patternId?: string }): AsyncIterable<readonly DetectionRow[]>;
  files(): Promise<{
    readonly planned: number;
    readonly published: number;
    readonly incidents: readonly { readonly key: string; readonly detail: string }[];
  }>;
  /**
   * Numbers of lines of chunks by outcome (the reference, replays and reevaluations are none), and of detections by pattern. A line that
   * was corrected is not counted, nor are its rows: the correction stands for the chunk.
   */
  counts(): Promise<{
    readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
    readonly rows: number;
    readonly quarantinedRows: number;
    /** Of duplicates. */
    readonly notCountedRows: number;
    /** Of these: mended and applied by a replay. */
    readonly resolvedRows: number;
    readonly detections: readonly { readonly patternId: string; readonly count: number }[];
  }>;
  /** Those of the folder names for which a file was ever planned (SINK_AHEAD: the output holds others). */
  plannedFolders(names: readonly string[]): Promise<ReadonlySet<string>>;
  load(detector: Detector): Promise<void>;
}

export interface ClaimOptions {
  /** How long to wait for another holder: 0 refuses with HELD at once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Called once, when it waits for longer than a moment: who holds it, as a sentence. */
  readonly onHeld?: (holder: string) => void;
  /** Called at most once: why the lease is renewed between steps of work only, so that a long one may lose the pipeline to another. */
  readonly onLeaseTrouble?: (why: string) => void;
}

export interface Store extends StoreReader {
  /** For people: no secrets. */
  readonly describe: string;
  /** Takes the right to write (creating and migrating the schema first): raises the epoch. HELD if a live detector has it. */
  claim(options: ClaimOptions): Promise<Writer>;
  /** Puts a request; given again, nothing happens. Only where the pipeline has been claimed before. */
  request(request: InboxRequest): Promise<void>;
  close(): Promise<void>;
}
