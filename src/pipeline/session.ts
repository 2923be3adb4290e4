/**
 * One life of a writer: from the claim to the release, or to the first failure.
 *
 * Memory (the detector, the content index, what is uncommitted) belongs to the session and dies with it; nothing is
 * undone in place (PROTOCOL.md 3.4). Order of a start: what was committed is loaded, what was committed and not yet
 * published goes first to the sink, then the reference, a changed set of patterns, and the chunks.
 */
import { makeDetector } from '../core/make-detector.ts';
import { TallyhoError } from '../core/error.ts';
import type { Detector } from '../core/detector.ts';
import type { ReadPlan } from '../engine/engine.ts';
import type { CommitEntry, CommitRequest, PendingFile, Writer } from '../store/store.ts';
import { fitBasis } from './basis.ts';
import { type Committer, makeCommitter } from './committer.ts';
import { type ContentIndex, makeContentIndex } from './content-index.ts';
import { isDataError } from './data-error.ts';
import { decide, type Original } from './decide.ts';
import { type EntryMaker, makeEntries } from './entries.ts';
import type { PipelineOptions } from './options.ts';
import { makePublisher, pendingOf, type Publisher } from './publisher.ts';
import { readingSettings } from './reading-settings.ts';
import { findReference, readReference } from './reference.ts';
import { assertSinkNotAhead } from './sink-ahead.ts';
import type { Tally } from './summary.ts';

/** A set of patterns that adds more than this wants a word from a person. */
const manyDetections = 1000;

export interface Life {
  readonly options: PipelineOptions;
  readonly writer: Writer;
  readonly startTime: Date;
  readonly tally: Tally;
  /** Commit one chunk at a time: a group failed for a reason in its data. */
  readonly oneByOne: boolean;
  /** Versions (key, NUL, content id) that the database refuses for a reason in their data, with its words. */
  readonly uncommittable: Map<string, string>;
  readonly signal: AbortSignal;
}

export interface Session {
  readonly detector: Detector;
  readonly entries: EntryMaker;
  readonly committer: Committer;
  readonly publisher: Publisher;
  readonly readPlan: ReadPlan;
  /** Fingerprint of how chunks are read (reading-settings.ts). */
  readonly settings: string;
  /** Whose bytes these are, if they are in force under another key; committed or about to be. */
  original(contentId: string, key: string): Promise<Original | null>;
  /** Hands an evaluated entry to the committer. */
  commit(entry: CommitEntry, notes: readonly string[]): Promise<void>;
  /** Everything evaluated is committed, and folded into the statistics tables. */
  fold(): Promise<void>;
}

export async function openSession(life: Life): Promise<Session> {
  const { options, writer, tally, signal } = life;
  const reference = options.reference === null ? null : { settings: options.reference, chunk: await findReference(options.reference) };
  const layout = options.patterns.layout;
  const referenceId =
    reference === null
      ? null
      : (await readReference(reference.settings, reference.chunk, layout, options.input, 'id', signal)).outcome.contentId;
  const fit = fitBasis(writer.pipeline, options.patterns, options.input.columns, referenceId);
  if (fit.kind === 'new') await writer.setBasis(fit.basis);

  await options.sink.sweep();
  await assertSinkNotAhead(options, writer.pipeline.lastSequence);

  const detector = makeDetector(fit.plan);
  const started = performance.now();
  if (fit.kind !== 'new') await writer.load(detector);
  const entities = fit.plan.layout.grains.reduce((sum, grain, index) => sum + (grain.base === index ? detector.size(index) : 0), 0);
  options.on({ kind: 'loaded', entities, ms: performance.now() - started });

  const publisher = makePublisher({
    sink: options.sink,
    mark: (keys) => writer.markPublished(keys),
    markIncident: (key, detail) => writer.markIncident(key, detail),
    on: options.on,
  });
  await publishPending(writer, publisher);

  const contents = makeContentIndex();
  await fillContents(contents, writer);
  /** Applied in this session and perhaps not committed yet, by content id. */
  const recent = new Map<string, Original>();

  const committer = makeCommitter({
    lastSequence: writer.pipeline.lastSequence,
    commitChunks: life.oneByOne ? 1 : options.commitChunks,
    commit: async (request) => {
      await options.checkDisk?.();
      await writer.commit(request).catch((error: unknown) => {
        noteRefused(life, request, error);
        throw error;
      });
    },
    onCommitted(committed, ms) {
      for (const { line, detections } of committed) {
        tally.line(
          line,
          detections.map((detection) => detection.patternId),
        );
        if (line.contentId !== null) recent.delete(line.contentId);
      }
      options.on({ kind: 'committed', lines: committed.map((entry) => entry.line), ms });
      publisher.add(committed.flatMap(pendingOf));
    },
  });

  const entries = makeEntries({
    detector,
    lastSequence: writer.pipeline.lastSequence,
    lastDetectionTime: writer.pipeline.lastDetectionTime,
    clock: options.clock,
    startTime: life.startTime,
    timeZone: options.timeZone,
    patternSet: fit.kind === 'go on' ? null : options.patterns.set,
  });

  const readPlan: ReadPlan = {
    layout: fit.plan.layout,
    columns: options.input.columns,
    csv: options.input.csv,
    maxChunkBytes: options.input.maxChunkBytes,
  };
  const session: Session = {
    detector,
    entries,
    committer,
    publisher,
    readPlan,
    settings: readingSettings(readPlan, options.input.maxBadRows),
    async original(contentId, key) {
      const own = recent.get(contentId);
      if (own !== undefined) return own.key === key ? null : own;
      if (!contents.mayHave(contentId)) return null;
      const found = await writer.findContent(contentId);
      return found === null || found.key === key ? null : found;
    },
    async commit(entry, notes) {
      const { line } = entry;
      if (line.outcome === 'applied' && line.contentId !== null) {
        contents.add(line.contentId);
        recent.set(line.contentId, { key: line.key, rows: line.rows });
      }
      options.on({ kind: 'evaluated', line, notes });
      await committer.push(entry);
    },
    async fold() {
      await committer.flush();
      const rows = detector.takeFold();
      const to = committer.lastSequence;
      const foldStarted = performance.now();
      try {
        await writer.fold(rows, to);
      } catch (error) {
        detector.returnFold(rows);
        throw error;
      }
      options.on({
        kind: 'folded',
        to,
        rows: rows.reduce((sum, { entities }) => sum + entities.length, 0),
        ms: performance.now() - foldStarted,
      });
    },
  };

  if (fit.kind === 'new' && reference !== null) {
    const { outcome, bytes } = await readReference(reference.settings, reference.chunk, fit.plan.layout, options.input, 'rows', signal);
    if (outcome.kind !== 'rows') throw new TallyhoError('INTERNAL', 'the reference was not read');
    const { chunk } = reference;
    const subject = {
      kind: 'reference' as const,
      key: chunk.key,
      folder: false,
      version: chunk.version,
      contentId: outcome.contentId,
      bytes,
      replaces: null,
    };
    const decided = decide(outcome, null, null, { maxBadRows: options.input.maxBadRows, onDuplicate: 'apply' });
    if (decided.kind !== 'line' || decided.outcome === 'quarantined') {
      const why = decided.kind === 'line' ? decided.detail : '';
      throw new TallyhoError('REFERENCE_UNREADABLE', `The reference file ${chunk.key} is refused: ${why}`, {
        mend: 'Mend the file, or `maxBadRows`; nothing was counted.',
      });
    }
    await committer.push(entries.reference(subject, { ...decided, outcome: 'applied' }, outcome.delta, outcome.rejected));
    await committer.flush();
    options.on({ kind: 'reference', rows: outcome.rows, rejected: outcome.rejectedRows });
  }
  if (fit.kind === 'changed') {
    const detections = detector.reevaluate();
    if (detections.length > manyDetections && !(await options.confirm(detections.length))) {
      throw new TallyhoError('CONFIRM_NEEDED', `The changed set of patterns adds ${detections.length} detections at once.`, {
        mend: 'Start again with `--yes` if that is meant.',
      });
    }
    await session.commit(entries.reevaluation(detections), []);
    await committer.flush();
    options.on({ kind: 'reevaluated', detections: detections.length });
  }
  return session;
}

/** A commit of one chunk that the database refuses for its data names the chunk that the next life leaves out. */
function noteRefused(life: Life, { entries }: CommitRequest, error: unknown): void {
  const line = entries.length === 1 ? entries[0]?.line : undefined;
  if (line?.contentId === null || line?.outcome !== 'applied' || !isDataError(error)) return;
  life.uncommittable.set(
    `${line.key}\0${line.contentId}`,
    `PostgreSQL refuses its rows: ${error instanceof Error ? error.message : String(error)}`,
  );
}

/** What was committed and not published before a crash, or held up by an incident: first of all, in bounded memory. */
async function publishPending(writer: Writer, publisher: Publisher): Promise<void> {
  let last: PendingFile | undefined;
  for (;;) {
    const files = await writer.pendingFiles(last === undefined ? null : { sequence: last.sequence, ordinal: last.ordinal }, 200);
    last = files.at(-1);
    if (last === undefined) return;
    publisher.add(files);
    await publisher.drain();
  }
}

async function fillContents(contents: ContentIndex, writer: Writer): Promise<void> {
  for await (const batch of writer.known()) {
    for (const { inForce } of batch) if (inForce !== null) contents.add(inForce);
  }
}
