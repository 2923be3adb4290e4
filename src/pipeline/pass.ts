/**
 * One listing, and all the work that it shows: list, compare with the ledger, read, decide, evaluate, hand to the committer.
 *
 * Reading runs ahead of evaluating, evaluating of committing, committing of publishing; the order of the ledger is that of
 * the listing (natural order) throughout. Only what is new, changed or waiting is held in memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../core/error.ts';
import type { ReadResult, ReadTask } from '../engine/engine.ts';
import type { ChunkVersion, NotChunks } from '../objects/chunk.ts';
import { discoverChunks, discoverWork } from '../objects/discovery/discover.ts';
import { isSameChunk } from '../objects/discovery/resolve-chunk.ts';
import { settlesAt } from '../objects/discovery/settled.ts';
import type { KnownChunk, Writer } from '../store/store.ts';
import { type Decided, decide, decideUnread } from './decide.ts';
import type { Subject } from './entries.ts';
import type { PipelineOptions } from './options.ts';
import { comparable, isReadOtherwise, markVersion } from './reading-settings.ts';
import type { Session } from './session.ts';

export interface Work {
  readonly chunk: ChunkVersion;
  readonly known: KnownChunk | null;
}

export interface PassResult {
  /** Something was decided: there may be more right away. */
  readonly progressed: boolean;
  /** Versions that moved under the reader or were too young: look again soon. */
  readonly again: number;
  readonly waiting: number;
  readonly notChunks: NotChunks;
  readonly listMs: number;
}

export interface PassOptions {
  readonly options: PipelineOptions;
  readonly writer: Writer;
  readonly session: Session;
  readonly once: boolean;
  readonly signal: AbortSignal;
  /** When each young file was first seen as it is: a clock that is ahead must not keep it waiting for ever. */
  readonly firstSeen: Map<string, number>;
  /** Versions that could not be committed for a reason in their data, with the database's words. */
  readonly uncommittable: ReadonlyMap<string, string>;
}

export async function runPass(pass: PassOptions): Promise<PassResult> {
  const { options, session, signal } = pass;
  const started = performance.now();
  const { work, notChunks } = await listWork(pass);
  const listMs = performance.now() - started;
  const waiting = work.filter(({ chunk }) => chunk.state.kind === 'waiting').length;
  options.on({ kind: 'listed', todo: work.length - waiting, waiting, ms: listMs });

  const skipped = { young: 0, moved: 0 };
  let progressed = false;
  const tasks = readTasks(pass, work, skipped);
  const byChunk = new Map(work.map((item) => [item.chunk, item]));
  const read = readInOrder(pass, tasks);
  try {
    for await (const step of read) {
      if (signal.aborted) break;
      const item = byChunk.get(step.chunk);
      if (item === undefined) throw new TallyhoError('INTERNAL', `the engine named a chunk that was not asked for: ${step.chunk.key}`);
      const moved =
        step.result !== null &&
        (step.result.outcome.kind === 'moved' || !(await isSameChunk(options.source, step.chunk, { exclude: excluded(options), signal })));
      if (moved) {
        skipped.moved++;
        continue;
      }
      progressed = (await takeOne(pass, item, step.result)) || progressed;
    }
  } catch (error) {
    // Told to stop: what was evaluated is committed all the same.
    if (!signal.aborted || error instanceof TallyhoError) throw error;
  }
  await session.committer.flush();
  return { progressed, again: skipped.young + skipped.moved, waiting, notChunks, listMs };
}

async function listWork({
  options,
  writer,
  session,
  signal,
}: PassOptions): Promise<{ readonly work: readonly Work[]; readonly notChunks: NotChunks }> {
  const found = await discoverWork(options.source, comparable(writer.known(), session.settings), {
    waitFor: options.input.waitForMs,
    now: Date.now(),
    exclude: excluded(options),
    signal,
  });
  if (options.input.onBadChunk === 'halt') await assertNotHalted(options, writer, found.work);
  const work = found.work.filter(
    ({ chunk, known }) => !(chunk.state.kind === 'waiting' && known?.outcome === 'waiting' && known.version === chunk.version),
  );
  return { work, notChunks: found.notChunks };
}

/** The reference is no chunk, wherever it lies. */
function excluded({ reference }: PipelineOptions): readonly string[] {
  return reference?.keyInSource === null || reference === null ? [] : [reference.keyInSource];
}

/** Under `halt`, a chunk that stopped the pipeline stops it again, until it is mended or gone. */
async function assertNotHalted(options: PipelineOptions, writer: Writer, work: readonly Work[]): Promise<void> {
  const mended = new Set(work.map(({ chunk }) => chunk.key));
  const bad = new Map<string, KnownChunk>();
  for await (const batch of writer.known()) {
    for (const line of batch) if (line.outcome === 'quarantined' && !mended.has(line.key)) bad.set(line.key, line);
  }
  if (bad.size === 0) return;
  const listing = discoverChunks(options.source, { waitFor: options.input.waitForMs, now: Date.now(), exclude: excluded(options) });
  for await (const batch of listing) {
    const found = batch.find(({ key }) => bad.has(key));
    if (found !== undefined) throw halted(found.key, null, 'it is as it was when it stopped the pipeline.');
  }
}

type Step = { readonly chunk: ChunkVersion; readonly result: ReadResult | null };

/** Results of reading, with those that need no reading in their places. */
async function* readInOrder({ options, session, signal }: PassOptions, steps: AsyncIterable<ReadTask | Work>): AsyncIterable<Step> {
  const unread: { readonly before: number; readonly chunk: ChunkVersion }[] = [];
  let asked = 0;
  let given = 0;
  async function* tasks(): AsyncIterable<ReadTask> {
    for await (const step of steps) {
      if ('want' in step) {
        asked++;
        yield step;
      } else {
        unread.push({ before: asked, chunk: step.chunk });
      }
    }
  }
  for await (const result of options.engine.aggregate(tasks(), session.readPlan, signal)) {
    while (unread[0] !== undefined && unread[0].before <= given) {
      const { chunk } = unread.shift() as { chunk: ChunkVersion };
      yield { chunk, result: null };
    }
    given++;
    yield { chunk: result.task.chunk, result };
  }
  for (const { chunk } of unread) yield { chunk, result: null };
}

/** What to read, in ledger order. With `once` a young file is waited for, since its place in the order is its own. */
async function* readTasks(pass: PassOptions, work: readonly Work[], skipped: { young: number }): AsyncIterable<ReadTask | Work> {
  for (const item of work) {
    if (pass.signal.aborted) return;
    const { chunk, known } = item;
    if (decideUnread(chunk) !== null) {
      yield item;
      continue;
    }
    const young = await isYoung(pass, chunk);
    if (young) {
      skipped.young++;
      continue;
    }
    const applied =
      known !== null && known.inForce !== null && known.inForceBytes !== null
        ? { contentId: known.inForce, bytes: known.inForceBytes }
        : null;
    yield { chunk, want: known !== null && known.inForce !== null ? 'id' : 'rows', applied };
  }
}

async function isYoung({ options, once, signal, firstSeen }: PassOptions, chunk: ChunkVersion): Promise<boolean> {
  const { settleMs } = options.input;
  if (settleMs === 0) return false;
  const now = Date.now();
  const name = `${chunk.key}\0${chunk.version}`;
  const seen = firstSeen.get(name) ?? now;
  const readyAt = settlesAt(chunk.modified, now, settleMs, seen);
  if (readyAt <= now) {
    firstSeen.delete(name);
    return false;
  }
  firstSeen.set(name, seen);
  if (!once) return true;
  try {
    await sleep(readyAt - now, undefined, { signal });
  } catch {
    return true;
  }
  firstSeen.delete(name);
  return false;
}

/** Decides and evaluates one version; true if the ledger gains or changes a line. */
async function takeOne(
  { options, session, uncommittable }: PassOptions,
  { chunk, known }: Work,
  result: ReadResult | null,
): Promise<boolean> {
  const readOtherwise = isReadOtherwise(known, session.settings);
  const subject: Subject = {
    kind: 'chunk',
    key: chunk.key,
    folder: chunk.folder,
    version: chunk.version,
    contentId: null,
    bytes: null,
    replaces: known !== null && (known.outcome === 'waiting' || readOtherwise) ? known.position : null,
  };
  if (result === null) {
    await session.commit(session.entries.chunk(subject, decideUnread(chunk) as Decided, null, []), []);
    return true;
  }
  const { outcome, bytes } = result;
  if (outcome.kind === 'moved') return false;
  const original = await session.original(outcome.contentId, chunk.key);
  const refused = uncommittable.get(`${chunk.key}\0${outcome.contentId}`);
  const decision = decide(outcome, readOtherwise ? null : known, original, options.input);
  if (decision.kind === 'same') {
    const version = known?.outcome === 'quarantined' ? markVersion(chunk.version, session.settings) : chunk.version;
    if (known !== null) session.committer.same({ position: known.position, version });
    return false;
  }
  const version = decision.outcome === 'quarantined' ? markVersion(chunk.version, session.settings) : chunk.version;
  const read = { ...subject, version, contentId: outcome.contentId, bytes };
  if (refused !== undefined && decision.outcome === 'applied') {
    await session.commit(
      session.entries.chunk(
        read,
        { ...decision, outcome: 'quarantined', reason: 'uncommittable', detail: refused, applied: 0, quarantined: decision.rows },
        null,
        [],
      ),
      [],
    );
    return true;
  }
  const rows = outcome.kind === 'rows' ? outcome : null;
  const listed = decision.outcome === 'applied' || decision.outcome === 'quarantined' ? (rows?.rejected ?? []) : [];
  await session.commit(session.entries.chunk(read, decision, rows?.delta ?? null, listed), rows?.notes ?? []);
  if (options.input.onBadChunk === 'halt' && decision.outcome === 'quarantined') {
    await session.committer.flush();
    throw halted(chunk.key, decision.reason, decision.detail);
  }
  return true;
}

function halted(key: string, reason: string | null, detail: string | null): TallyhoError {
  return new TallyhoError('HALTED', `${key} is quarantined (${reason}): ${detail ?? ''}`, {
    mend: 'Write the mended chunk under the same name and start again, or set `onBadChunk: skip`.',
  });
}
