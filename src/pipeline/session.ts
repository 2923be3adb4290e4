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
import type { Objects } from '../objects/objects.ts';
import type { CommitEntry, CommitRequest, ContentInForce, InboxAnswer, InboxRequest, PendingFile, Store, Writer } from '../store/store.ts';
import { beginAdoption } from './adopt.ts';
import { type Fit, fitBasis, isSameBasis } from './basis.ts';
import { type Committer, makeCommitter } from './committer.ts';
import { type ContentIndex, makeContentIndex } from './content-index.ts';
import { isDataError } from './data-error.ts';
import type { Original } from './decide.ts';
import { type EntryMaker, makeEntries } from './entries.ts';
import { type Folding, makeFolding } from './folding.ts';
import { type KnownLines, makeKnownLines } from './known-lines.ts';
import type { PipelineOptions } from './options.ts';
import { assertIds, withGenerations } from './pattern-ids.ts';
import { makePublisher, pendingOf, type Publisher } from './publisher.ts';
import { readingSettings } from './reading-settings.ts';
import { identifyReference, takeReference } from './reference.ts';
import { assertSinkNotAhead } from './sink-ahead.ts';
import type { Tally } from './summary.ts';

/** A set of patterns that adds more than this wants a word from a person. */
const manyDetections = 1000;

export interface Life {
  readonly options: PipelineOptions;
  readonly writer: Writer;
  readonly startTime: Date;
  readonly tally: Tally;
  /** Exactly so many entries a commit, or null; asked for each. */
  readonly groupSize: () => number | null;
  /** Versions (`versionName`) and requests (`requestName`) that the database refuses for a reason in their data, with its words. */
  readonly uncommittable: Map<string, string>;
  /** A commit took place. */
  readonly onCommitted: () => void;
  readonly onPut: (key: string) => void;
  readonly onMarked: (keys: readonly string[]) => void;
  /** The commit whose answer was lost. */
  readonly onUnknown: (request: CommitRequest) => void;
  readonly signal: AbortSignal;
}

export interface Session {
  readonly detector: Detector;
  readonly entries: EntryMaker;
  readonly committer: Committer;
  readonly publisher: Publisher;
  readonly folding: Folding;
  readonly known: KnownLines;
  readonly readPlan: ReadPlan;
  /** Throws if it is known that another has the pipeline, or that the connection is gone. */
  assertHeld(): void;
  /** Fingerprint of how chunks are read (reading-settings.ts). */
  readonly settings: string;
  /** Whose bytes these are, if they are in force under another key; committed or about to be. */
  original(contentId: string, key: string): Promise<Original | null>;
  /** What is in force under a key; of what is committed. */
  inForce(key: string): Promise<ContentInForce | null>;
  /** Hands an evaluated entry to the committer. Waits while commits or the sink lag too far behind. */
  commit(entry: CommitEntry, notes: readonly string[]): Promise<void>;
  /** Requests of commands (inbox.ts). */
  nextRequest(): Promise<InboxRequest | null>;
  answer(answer: InboxAnswer): Promise<void>;
  /** Begins nothing further, and resolves when what is under way is over. */
  close(): Promise<void>;
}

/** One version of the bytes under a key. */
export function versionName(key: string, contentId: string): string {
  return `${key}\0${contentId}`;
}

/** Of a request in the inbox; no chunk has an empty key. */
export function requestName(id: string): string {
  return versionName('', id);
}

export async function openSession(life: Life): Promise<Session> {
  const { options, writer } = life;
  await assertIds(writer.pipeline.patterns, options.patterns.set, (id) => hasDetected(options.store, id));
  const patterns = { ...options.patterns, set: withGenerations(options.patterns.set, writer.pipeline.patterns) };
  const reference = await identifyReference(options, life.signal);
  const { basis, patternSet, lastSequence } = writer.pipeline;
  // The set of patterns comes with the first entry that counts: without one there is none, and the ledger need not be asked.
  const isEmpty = lastSequence === 0 && (patternSet === null || !(await hasApplied(options.store)));
  const fit = fitBasis({ basis, patternSet, isEmpty }, patterns, options.input.columns, reference?.input ?? null);
  if (fit.kind === 'new' && !isSameBasis(basis, fit.basis)) await writer.setBasis(fit.basis);

  const ahead = await assertSinkNotAhead(options, writer);
  const publisher = makePublisher({
    sink: options.sink,
    onPut: life.onPut,
    async mark(keys) {
      await writer.markPublished(keys);
      life.onMarked(keys);
    },
    markIncident: (key, detail) => writer.markIncident(key, detail),
    on: options.on,
  });
  try {
    const detector = await loadDetector(life, fit);
    await publishPending(writer, options.sink, publisher, life.signal);
    // Told to stop meanwhile, it may have left some, and nothing may be published before them (PROTOCOL.md 4.2).
    life.signal.throwIfAborted();
    const session = await makeSession(life, fit, detector, publisher);
    if (fit.kind === 'new' && reference !== null) {
      const { entry, rows, rejected } = await takeReference(options, reference, session.entries, fit.plan.layout, life.signal);
      await session.committer.push(entry);
      await session.committer.flush();
      options.on({ kind: 'reference', rows, rejected });
    }
    const adoption = ahead.length === 0 ? null : await beginAdoption(options, ahead, detector);
    if (fit.kind === 'changed') await reevaluate(options, session);
    await adoption?.commit(session);
    return session;
  } catch (error) {
    await publisher.stop();
    throw error;
  }
}

async function makeSession(life: Life, fit: Fit, detector: Detector, publisher: Publisher): Promise<Session> {
  const { options, writer, tally } = life;
  const known = makeKnownLines(writer);
  const contents = makeContentIndex();
  await fillContents(contents, known);
  /** Applied in this session and perhaps not committed yet, by content id. */
  const recent = new Map<string, Original>();

  const committer = makeCommitter({
    lastSequence: writer.pipeline.lastSequence,
    time: options.time,
    groupSize: life.groupSize,
    commit: async (request) => {
      options.checkDisk?.();
      known.changed();
      try {
        await writer.commit(request);
      } catch (error) {
        noteFailure(life, request, error);
        throw error;
      } finally {
        known.changed();
      }
    },
    onCommitted(committed, ms) {
      life.onCommitted();
      for (const { line, detections } of committed) {
        tally.line(
          line,
          detections.map((detection) => detection.patternId),
        );
        if (line.outcome === 'applied' && line.contentId !== null) recent.delete(line.contentId);
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
    patternSet: fit.kind === 'go on' ? null : withGenerations(options.patterns.set, writer.pipeline.patterns),
  });

  const readPlan: ReadPlan = {
    layout: fit.plan.layout,
    columns: options.input.columns,
    csv: options.input.csv,
    maxChunkBytes: options.input.maxChunkBytes,
  };
  const folding = makeFolding({
    detector,
    writer,
    folded: writer.pipeline.foldedSequence,
    last: () => ({ evaluated: entries.lastSequence, committed: committer.lastSequence }),
    time: options.time,
    on: options.on,
  });
  return {
    detector,
    entries,
    committer,
    publisher,
    folding,
    known,
    readPlan,
    assertHeld: () => writer.assertHeld(),
    settings: readingSettings(readPlan, options.input.maxBadRows),
    async original(contentId, key) {
      const own = recent.get(contentId);
      if (own !== undefined) return own.key === key ? null : own;
      if (!contents.mayHave(contentId)) return null;
      const found = await writer.findContent(contentId);
      return found === null || found.key === key ? null : found;
    },
    inForce: (key) => writer.inForce(key),
    nextRequest: () => writer.nextRequest(),
    answer: (answer) => writer.answer(answer),
    async commit(entry, notes) {
      const { line } = entry;
      if (line.outcome === 'applied' && line.contentId !== null) {
        contents.add(line.contentId);
        recent.set(line.contentId, { key: line.key, rows: line.rows });
      }
      options.on({ kind: 'evaluated', line, notes });
      await committer.push(entry);
      await publisher.room();
    },
    async close() {
      await Promise.all([publisher.stop(), committer.close(), folding.close()]);
    },
  };
}

async function loadDetector({ options, writer }: Life, fit: Fit): Promise<Detector> {
  const detector = makeDetector(fit.plan);
  const started = options.time.elapsed();
  if (fit.kind !== 'new') await writer.load(detector);
  detector.prepare();
  const entities = fit.plan.layout.grains.reduce((sum, grain, index) => sum + (grain.base === index ? detector.size(index) : 0), 0);
  options.on({ kind: 'loaded', entities, ms: options.time.elapsed() - started });
  return detector;
}

/** The first act under a changed set of patterns. */
async function reevaluate(options: PipelineOptions, session: Session): Promise<void> {
  const detections = session.detector.reevaluate();
  await assertConfirmed(options, detections.length);
  await session.commit(session.entries.reevaluation(detections), []);
  await session.committer.flush();
  options.on({ kind: 'reevaluated', detections: detections.length });
}

export async function assertConfirmed({ confirm }: PipelineOptions, detections: number): Promise<void> {
  if (detections <= manyDetections || (await confirm(detections))) return;
  throw new TallyhoError('CONFIRM_NEEDED', `The changed set of patterns adds ${detections} detections at once.`, {
    mend: 'Start again with `--yes` if that is meant.',
  });
}

/** What the next life must know: a commit of one chunk that was refused for its data, or one whose answer is lost. */
function noteFailure({ uncommittable, onUnknown }: Life, request: CommitRequest, error: unknown): void {
  if (error instanceof TallyhoError && error.code === 'STORE_UNKNOWN_COMMIT') onUnknown(request);
  const [entry] = request.entries;
  if (entry === undefined || request.entries.length > 1 || !isDataError(error)) return;
  const name = nameOf(entry);
  const words = error instanceof Error ? error.message : String(error);
  if (name !== null) uncommittable.set(name, `PostgreSQL refuses its rows: ${words}`);
}

/** Of what can be left out: a chunk, or what a command asked for. */
function nameOf({ line, fulfils }: CommitEntry): string | null {
  if (fulfils !== undefined) return requestName(fulfils.id);
  if ((line.kind !== 'chunk' && line.kind !== 'correction') || line.contentId === null || line.outcome !== 'applied') return null;
  return versionName(line.key, line.contentId);
}

/**
 * What was committed and not published before a crash, or held up by an incident: first of all, in bounded memory. Only
 * beside such files can a killed put have left a temporary one, so only their folders are swept, however many there are.
 */
export async function publishPending(
  writer: Writer,
  sink: Pick<Objects, 'sweep'>,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<void> {
  let last: PendingFile | undefined;
  while (!signal.aborted) {
    const files = await writer.pendingFiles(last === undefined ? null : { sequence: last.sequence, ordinal: last.ordinal }, 200);
    last = files.at(-1);
    if (last === undefined) return;
    await sink.sweep([...new Set(files.map(({ folder }) => folder))]);
    publisher.add(files);
    await publisher.drain();
  }
}

async function fillContents(contents: ContentIndex, known: KnownLines): Promise<void> {
  for await (const batch of known.read()) {
    for (const { inForce } of batch) if (inForce !== null) contents.add(inForce);
  }
}

export async function hasDetected(store: Store, patternId: string): Promise<boolean> {
  for await (const batch of store.detections({ patternId })) if (batch.length > 0) return true;
  return false;
}

/** Whether anything counts, be it the reference alone. */
export async function hasApplied(store: Store): Promise<boolean> {
  for await (const batch of store.chunks({ outcome: 'applied' })) if (batch.length > 0) return true;
  return false;
}
