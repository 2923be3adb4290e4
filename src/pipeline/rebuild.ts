/**
 * Reads all contents in force again by the declared patterns and settings (PROTOCOL.md 3.9, in its simplest form).
 *
 * Everything is computed beside the old state and replaces it in one transaction, so a failure or a crash at any moment
 * leaves the old state in force. Sequence numbers, outcomes, detections and their files are kept; what is newly true comes
 * as one reevaluation. A chunk whose applied content is no longer in the source stops it, by name.
 */
import { encodeDelta } from '../core/delta-codec.ts';
import type { Detector } from '../core/detector.ts';
import { TallyhoError } from '../core/error.ts';
import { makeDetector } from '../core/make-detector.ts';
import type { ReadPlan, ReadResult, ReadTask } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import type { RebuildRequest, StoredLine, Writer } from '../store/store.ts';
import { assertIds, inputText } from './basis.ts';
import { makeEntries } from './entries.ts';
import type { PipelineOptions } from './options.ts';
import { makePublisher, pendingOf } from './publisher.ts';
import { findReference, readReference } from './reference.ts';

export interface RebuildSummary {
  readonly chunks: number;
  readonly rows: number;
  readonly detections: number;
}

type RebuiltLine = RebuildRequest['lines'][number];

export async function rebuildPipeline(options: PipelineOptions, signal: AbortSignal): Promise<RebuildSummary> {
  const writer = await options.store.claim({ waitMs: options.claimWaitMs, signal });
  try {
    return await rebuild(options, writer, signal);
  } finally {
    await writer.release().catch(() => undefined);
  }
}

async function rebuild(options: PipelineOptions, writer: Writer, signal: AbortSignal): Promise<RebuildSummary> {
  assertIds(writer.pipeline, options.patterns);
  const bound = options.patterns.bind(options.patterns.layout);
  if (bound.kind === 'missing') throw new TallyhoError('INTERNAL', 'patterns do not bind to their own layout');
  const { plan } = bound;
  const detector = makeDetector(plan);
  await writer.loadNames(detector);

  const applied = await appliedLines(options);
  const lines: RebuiltLine[] = [];
  let referenceId: string | null = null;
  if (options.reference !== null) {
    const line = await rebuildReference(options, detector, applied.find(({ kind }) => kind === 'reference') ?? null, signal);
    referenceId = line.contentId;
    lines.push(line);
  }
  const chunks = applied.filter(({ kind }) => kind === 'chunk');
  for await (const line of rebuildChunks(options, detector, chunks, signal)) {
    lines.push(line);
    options.on({ kind: 'rebuilt', done: lines.length, of: chunks.length });
  }
  const detections = detector.reevaluate();
  const { lastSequence } = writer.pipeline;
  const entries = makeEntries({
    detector,
    lastSequence,
    lastDetectionTime: writer.pipeline.lastDetectionTime,
    clock: options.clock,
    startTime: options.clock(),
    timeZone: options.timeZone,
    patternSet: options.patterns.set,
  });
  const entry = entries.reevaluation(detections);
  const layout = options.patterns.layout;
  await options.checkDisk?.();
  await writer.rebuild({
    from: lastSequence,
    to: entries.lastSequence,
    basis: { layout, input: inputText(layout, options.input.columns, referenceId) },
    lines,
    statistics: detector.takeFold(),
    entry,
  });
  const publisher = makePublisher({
    sink: options.sink,
    mark: (keys) => writer.markPublished(keys),
    markIncident: (key, detail) => writer.markIncident(key, detail),
    on: options.on,
  });
  publisher.add(pendingOf(entry));
  await publisher.drain();
  return { chunks: chunks.length, rows: lines.reduce((sum, line) => sum + line.rows, 0), detections: detections.length };
}

/** Applied lines of the ledger in the order of their sequence numbers. */
async function appliedLines(options: PipelineOptions): Promise<StoredLine[]> {
  const lines: StoredLine[] = [];
  for await (const batch of options.store.chunks({ outcome: 'applied' })) lines.push(...batch);
  return lines.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
}

async function rebuildReference(
  options: PipelineOptions,
  detector: Detector,
  old: StoredLine | null,
  signal: AbortSignal,
): Promise<RebuiltLine & { contentId: string }> {
  if (options.reference === null) throw new TallyhoError('INTERNAL', 'no reference');
  const chunk = await findReference(options.reference);
  const { outcome, bytes } = await readReference(options.reference, chunk, options.patterns.layout, options.input, 'rows', signal);
  if (outcome.kind !== 'rows') throw new TallyhoError('INTERNAL', 'the reference was not read');
  const step = detector.addWeights(outcome.delta);
  return {
    position: old?.position ?? null,
    key: chunk.key,
    version: chunk.version,
    contentId: outcome.contentId,
    bytes,
    rows: outcome.rows,
    applied: outcome.rows - outcome.rejectedRows,
    quarantined: outcome.rejectedRows,
    rejected: outcome.rejected,
    delta: encodeDelta(step.delta),
    newValues: step.newValues,
  };
}

/** Every applied chunk, read again in the order of the ledger, from the bytes that were applied. */
async function* rebuildChunks(
  options: PipelineOptions,
  detector: Detector,
  lines: readonly StoredLine[],
  signal: AbortSignal,
): AsyncIterable<RebuiltLine> {
  const wanted = new Map(lines.map((line) => [line.key, line]));
  const found = new Map<string, ChunkVersion>();
  const listing = discoverChunks(options.source, { waitFor: options.input.waitForMs, now: Date.now(), signal });
  for await (const batch of listing) for (const chunk of batch) if (wanted.has(chunk.key)) found.set(chunk.key, chunk);
  const gone = lines.filter((line) => found.get(line.key)?.state.kind !== 'ready').map((line) => line.key);
  if (gone.length > 0) throw contentGone(gone);
  const tasks = lines.map((line): ReadTask => ({ chunk: found.get(line.key) as ChunkVersion, want: 'rows', applied: null }));
  const plan: ReadPlan = {
    layout: options.patterns.layout,
    columns: options.input.columns,
    csv: options.input.csv,
    maxChunkBytes: options.input.maxChunkBytes,
  };
  const changed: string[] = [];
  for await (const result of options.engine.aggregate(tasks, plan, signal)) {
    signal.throwIfAborted();
    const line = wanted.get(result.task.chunk.key) as StoredLine;
    const rebuilt = rebuildChunk(detector, line, result);
    if (rebuilt === null) changed.push(line.key);
    else if (changed.length === 0) yield rebuilt;
  }
  if (changed.length > 0) throw contentGone(changed);
}

/** null if it no longer holds the bytes that were applied. */
function rebuildChunk(detector: Detector, line: StoredLine, { outcome, bytes }: ReadResult): RebuiltLine | null {
  if (outcome.kind === 'moved' || outcome.contentId !== line.contentId) return null;
  const same = { position: line.position, key: line.key, version: line.version, contentId: outcome.contentId, bytes };
  if (outcome.kind !== 'rows') {
    const why = outcome.kind === 'fault' ? outcome.fault.detail : 'its rows were not read';
    throw new TallyhoError('REBUILD_BLOCKED', `${line.key} was applied, and cannot be read by the new settings: ${why}`, {
      mend: 'Take the settings back to what they were, or write patterns that need no more than its columns.',
    });
  }
  const step = detector.addWeights(outcome.delta);
  const applied = outcome.rows - outcome.rejectedRows;
  return {
    ...same,
    rows: outcome.rows,
    applied,
    quarantined: outcome.rejectedRows,
    rejected: outcome.rejected,
    delta: encodeDelta(step.delta),
    newValues: step.newValues,
  };
}

function contentGone(keys: readonly string[]): TallyhoError {
  const named = keys.slice(0, 5).join(', ');
  const rest = keys.length > 5 ? ` and ${keys.length - 5} more` : '';
  return new TallyhoError('REBUILD_BLOCKED', `What was applied is no longer in the source: ${named}${rest}.`, {
    mend: 'Put the applied bytes back under these names and run `tallyho rebuild` again; the state is as it was.',
  });
}
