/**
 * Reads all contents in force again by the declared patterns and settings (PROTOCOL.md 3.9).
 *
 * Everything is computed beside the old state and replaces it in one transaction, so a failure or a crash at any moment
 * leaves the old state in force. Sequence numbers, outcomes, detections and their files are kept; what is newly true comes
 * as one reevaluation. A chunk whose applied content is no longer in the source is taken from the delta that is kept of it, if that
 * has all that is needed (kept-contents.ts); else it stops it, by name. One that has changed may be taken as it is now, if a chunk of
 * these bytes would count.
 */
import { encodeDelta } from '../core/delta-codec.ts';
import { leftOutLine, leftOutOf } from './left-out.ts';
import type { Detector } from '../core/detector.ts';
import { TallyhoError } from '../core/error.ts';
import { makeDetector } from '../core/make-detector.ts';
import type { ReadOutcome, ReadPlan, ReadResult, ReadTask } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import type { RebuildRequest, StoredLine, Writer } from '../store/store.ts';
import { inputText } from './basis.ts';
import { decide, type Original } from './decide.ts';
import { makeEntries } from './entries.ts';
import { findKept, type FindKept, type KeptContents } from './kept-contents.ts';
import { excluded } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { assertIds, withGenerations } from './pattern-ids.ts';
import { publishAll } from './publish-all.ts';
import { makeNamedTaker, rebuildReplay, replayedNames } from './rebuild-replay.ts';
import { type IdentifiedReference, identifyReference, readReference } from './reference.ts';
import { assertConfirmed, hasDetected } from './session.ts';
import { assertSinkNotAhead } from './sink-ahead.ts';

export interface RebuildSummary {
  readonly chunks: number;
  /** Of these: taken from their kept deltas, because the source has their bytes no longer. */
  readonly fromKept: number;
  /** Of these: without rows, because they were left out, now or earlier. */
  readonly leftOut: number;
  readonly rows: number;
  readonly detections: number;
}

type RebuiltLine = RebuildRequest['lines'][number];

export interface RebuildOptions extends PipelineOptions {
  /** A chunk that has changed since it was applied is taken as it is now, instead of stopping it. */
  readonly acceptChanged?: boolean;
  /** Keys of chunks that the source has no longer, and whose rows shall not count any more. */
  readonly without?: readonly string[];
}

export async function rebuildPipeline(options: RebuildOptions, signal: AbortSignal): Promise<RebuildSummary> {
  const startTime = options.clock();
  const onLeaseTrouble = (why: string): void => options.on({ kind: 'lease-trouble', why });
  const writer = await options.store.claim({ waitMs: options.claimWaitMs, signal, onLeaseTrouble });
  try {
    await assertIds(writer.pipeline.patterns, options.patterns.set, (id) => hasDetected(options.store, id));
    await assertSinkNotAhead(options, writer);
    const applied = await appliedLines(options);
    // While nothing counts a start takes any patterns and settings as they are.
    if (applied.length === 0) return { chunks: 0, fromKept: 0, leftOut: 0, rows: 0, detections: 0 };
    const summary = await rebuild(options, writer, applied, startTime, signal);
    await publishAll(options, writer, signal);
    return summary;
  } finally {
    await writer.release().catch(() => undefined);
  }
}

async function rebuild(
  options: RebuildOptions,
  writer: Writer,
  applied: readonly StoredLine[],
  startTime: Date,
  signal: AbortSignal,
): Promise<RebuildSummary> {
  const { layout, set } = options.patterns;
  const bound = options.patterns.bind(layout);
  if (bound.kind === 'missing') throw new TallyhoError('INTERNAL', 'patterns do not bind to their own layout');
  const detector = makeDetector(bound.plan);
  await writer.loadNames(detector);

  const lines: RebuiltLine[] = [];
  const reference = await identifyReference(options, signal);
  if (reference !== null) {
    const old = applied.find(({ kind }) => kind === 'reference') ?? null;
    lines.push(await rebuildReference(options, reference, detector, old, signal));
  }
  const chunks = applied.filter(({ kind }) => kind === 'chunk' || kind === 'correction');
  const find = findKept(writer, options.store, layout, options.input.columns);
  let done = 0;
  const left = { out: 0, kept: 0 };
  const replays = applied.filter(({ kind }) => kind === 'replay');
  const named = replays.length === 0 ? new Map<number, never>() : await replayedNames(options.store);
  for await (const { isKept, line } of rebuildChunks(options, detector, chunks, { find, named }, signal)) {
    lines.push(line);
    if (line.leftOut !== undefined) left.out++;
    else if (isKept) left.kept++;
    options.on({ kind: 'rebuilt', done: ++done, of: chunks.length });
  }
  const rows = lines.reduce((sum, line) => sum + line.rows, 0);
  const rebuilt = new Map(lines.map((line) => [line.position, line]));
  for (const replay of replays) {
    const { line, delta } = await rebuildReplay(options.store, declaredPlan(options), replay, rebuilt);
    const step = detector.addWeights(delta);
    lines.push({ ...line, delta: encodeDelta(step.delta), newValues: step.newValues });
  }
  const detections = detector.reevaluate();
  await assertConfirmed(options, detections.length);
  const { lastSequence, lastDetectionTime, patterns } = writer.pipeline;
  const entries = makeEntries({
    detector,
    lastSequence,
    lastDetectionTime,
    clock: options.clock,
    startTime,
    timeZone: options.timeZone,
    patternSet: withGenerations(set, patterns),
  });
  const entry = entries.reevaluation(detections);
  options.checkDisk?.();
  signal.throwIfAborted();
  await writer.rebuild({
    from: lastSequence,
    to: entries.lastSequence,
    basis: { layout, input: inputText(layout, options.input.columns, reference?.input ?? null) },
    lines,
    statistics: detector.takeFold(),
    entry,
  });
  return { chunks: chunks.length, fromKept: left.kept, leftOut: left.out, rows, detections: detections.length };
}

/** Applied lines of the ledger that are in force, in the order of their sequence numbers. */
async function appliedLines(options: PipelineOptions): Promise<StoredLine[]> {
  const lines: StoredLine[] = [];
  for await (const batch of options.store.chunks({ outcome: 'applied' }))
    lines.push(...batch.filter(({ correctedBy }) => correctedBy === null));
  return lines.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
}

async function rebuildReference(
  options: PipelineOptions,
  reference: IdentifiedReference,
  detector: Detector,
  old: StoredLine | null,
  signal: AbortSignal,
): Promise<RebuiltLine> {
  const { outcome, bytes } = await readReference(reference, options.patterns.layout, options.input, signal);
  const { key, version } = reference.chunk;
  return rebuiltLine(detector, { position: old?.position ?? null, key, version }, outcome, bytes);
}

/** How the declared patterns and settings read. */
function declaredPlan({ patterns, input }: PipelineOptions): ReadPlan {
  return { layout: patterns.layout, columns: input.columns, csv: input.csv, maxChunkBytes: input.maxChunkBytes };
}

interface RebuiltChunk {
  readonly line: RebuiltLine;
  /** Taken from its kept delta. */
  readonly isKept: boolean;
}

/** Every applied chunk, by the bytes that were applied: read again in the order of the ledger, or as they are kept. */
async function* rebuildChunks(
  options: RebuildOptions,
  detector: Detector,
  lines: readonly StoredLine[],
  { find, named }: { readonly find: FindKept; readonly named: ReadonlyMap<number, ReadonlySet<string>> },
  signal: AbortSignal,
): AsyncIterable<RebuiltChunk> {
  const found = await findInSource(options, lines, signal);
  const out = leftOutOf(options, lines, found);
  for (const line of out) yield { line: leftOutLine(line, options.patterns.layout), isKept: false };
  // First, because what stops it should stop it before everything is read.
  yield* keptChunks(
    detector,
    lines.filter((line) => !found.has(line) && !out.has(line)),
    find,
    goneNotKept,
    signal,
  );
  const lineOfChunk = new Map(Array.from(found, ([line, chunk]) => [chunk, line]));
  const takers = new Map(Array.from(named, ([position, names]) => [position, makeNamedTaker(names)]));
  const tasks = lines.flatMap((line): ReadTask[] => {
    const chunk = found.get(line);
    const taker = takers.get(line.position);
    return chunk === undefined || out.has(line) ? [] : [{ chunk, want: 'rows', applied: null, ...(taker === undefined ? {} : { taker }) }];
  });
  const changed: StoredLine[] = [];
  const contents = new Map(lines.map((line) => [line.contentId, line]));
  for await (const result of options.engine.aggregate(tasks, declaredPlan(options), signal)) {
    signal.throwIfAborted();
    const line = lineOfChunk.get(result.task.chunk);
    if (line === undefined) throw new TallyhoError('INTERNAL', `the engine named a chunk that was not asked for: ${result.task.chunk.key}`);
    const rebuilt = rebuildChunk(options, contents, detector, line, result, takers.get(line.position)?.taken ?? []);
    if (rebuilt === null) changed.push(line);
    else yield { line: rebuilt, isKept: false };
  }
  yield* keptChunks(detector, changed, find, changedNotKept, signal);
}

async function findInSource(
  options: RebuildOptions,
  lines: readonly StoredLine[],
  signal: AbortSignal,
): Promise<ReadonlyMap<StoredLine, ChunkVersion>> {
  const lineOf = new Map(lines.map((line) => [nameOf(line), line]));
  const found = new Map<StoredLine, ChunkVersion>();
  const listing = discoverChunks(options.source, {
    waitFor: options.input.waitForMs,
    now: options.time.now(),
    exclude: excluded(options),
    signal,
  });
  for await (const batch of listing) {
    for (const chunk of batch) {
      const line = lineOf.get(nameOf(chunk));
      if (line !== undefined && chunk.state.kind === 'ready') found.set(line, chunk);
    }
  }
  return found;
}

/** What the source has no longer. All that is not kept is named at once. */
async function* keptChunks(
  detector: Detector,
  lines: readonly StoredLine[],
  find: FindKept,
  notKept: (keys: readonly string[]) => TallyhoError,
  signal: AbortSignal,
): AsyncIterable<RebuiltChunk> {
  const gone: string[] = [];
  for (const line of lines) {
    signal.throwIfAborted();
    const kept = await find(line);
    if (kept === null) gone.push(line.key);
    else if (gone.length === 0) yield { line: keptLine(detector, line, kept), isKept: true };
  }
  if (gone.length > 0) throw notKept(gone);
}

/** Its numbers, and its rejected rows, stay as they were. */
function keptLine(detector: Detector, line: StoredLine, { delta, rejected, behind }: KeptContents): RebuiltLine {
  const { position, key, version, contentId, bytes, rows, applied, quarantined } = line;
  if (contentId === null || bytes === null) throw new TallyhoError('INTERNAL', `${key} was applied without having been read`);
  detector.apply(delta);
  return {
    position,
    key,
    version,
    contentId,
    bytes,
    rows,
    applied,
    quarantined,
    rejected,
    behind,
    delta: encodeDelta(delta),
    newValues: [],
  };
}

/** null if it no longer holds the bytes that were applied, and others are not accepted. */
function rebuildChunk(
  options: RebuildOptions,
  contents: Map<string | null, StoredLine>,
  detector: Detector,
  line: StoredLine,
  { outcome, bytes }: ReadResult,
  taken: RebuiltLine['behind'],
): RebuiltLine | null {
  if (outcome.kind === 'moved') {
    if (options.acceptChanged === true) throw changedMeanwhile(line.key);
    return null;
  }
  if (outcome.contentId !== line.contentId) {
    if (options.acceptChanged !== true) return null;
    assertAcceptable(options, contents, line, outcome);
    contents.set(outcome.contentId, line);
  }
  if (outcome.kind !== 'rows') {
    const why = outcome.kind === 'fault' ? outcome.fault.detail : 'its rows were not read';
    throw new TallyhoError('REBUILD_BLOCKED', `${line.key} was applied, and cannot be read by the new settings: ${why}`, {
      mend: 'Take the settings back to what they were, or write patterns that need no more than its columns.',
    });
  }
  return rebuiltLine(detector, line, outcome, bytes, taken);
}

/** Other bytes than were applied count only if a chunk of these would. `contents` are all that count. */
function assertAcceptable(
  { input }: RebuildOptions,
  contents: ReadonlyMap<string | null, Original>,
  { key }: StoredLine,
  outcome: Exclude<ReadOutcome, { kind: 'moved' }>,
): void {
  const decision = decide(outcome, null, contents.get(outcome.contentId) ?? null, input);
  if (decision.kind === 'line' && (decision.outcome === 'applied' || decision.outcome === 'empty')) return;
  const why = decision.kind === 'line' ? `: ${decision.detail ?? ''}` : '';
  throw new TallyhoError('REBUILD_BLOCKED', `${key} has changed since it was applied, and would not count as it is now${why}`, {
    mend: 'Mend the chunk, or put the applied bytes back, and run it again; the state is as it was.',
  });
}

function rebuiltLine(
  detector: Detector,
  { position, key, version }: Pick<RebuiltLine, 'position' | 'key' | 'version'>,
  { contentId, rows, rejectedRows, rejected, delta }: Extract<ReadOutcome, { kind: 'rows' }>,
  bytes: number,
  taken: RebuiltLine['behind'] = [],
): RebuiltLine {
  const step = detector.addWeights(delta);
  return {
    position,
    key,
    version,
    contentId,
    bytes,
    rows,
    applied: rows - rejectedRows,
    quarantined: rejectedRows,
    rejected,
    behind: taken.filter(({ number }) => number >= rejected.length),
    delta: encodeDelta(step.delta),
    newValues: step.newValues,
  };
}

/** As it is listed: an object and a folder of one key are two. */
function nameOf({ key, folder }: { readonly key: string; readonly folder: boolean }): string {
  return folder ? `${key}/` : key;
}

/** What it holds now is not known, so it cannot be taken as it is now. */
function changedMeanwhile(key: string): TallyhoError {
  return new TallyhoError('REBUILD_BLOCKED', `${key} changes while it is read.`, {
    mend: 'Run it again when the chunk is written; the state is as it was.',
  });
}

/** Nothing else helps where a chunk is gone: there is nothing to take as it is now. */
const putBack = 'Put the applied bytes back under these names and run `tallyho rebuild` again, or give up their rows with `--without KEY`';

const tooLittle = 'what the ledger keeps of it is not enough for these patterns and settings';

function goneNotKept(keys: readonly string[]): TallyhoError {
  return blocked(`Applied, and not in the source any more (or not complete there), and ${tooLittle}`, keys, putBack);
}

function changedNotKept(keys: readonly string[]): TallyhoError {
  const orAccept = 'or take changed ones as they are now with `--accept-changed`';
  return blocked(`What was applied is no longer in the source, and ${tooLittle}`, keys, `${putBack}, ${orAccept}`);
}

function blocked(what: string, keys: readonly string[], mend: string): TallyhoError {
  const named = keys.slice(0, 5).join(', ');
  const rest = keys.length > 5 ? ` and ${keys.length - 5} more` : '';
  return new TallyhoError('REBUILD_BLOCKED', `${what}: ${named}${rest}.`, {
    mend: `${mend}; the state is as it was.`,
  });
}
