/** Decides and evaluates one version, and hands the entry to the committer. */
import { TallyhoError } from '../core/error.ts';
import type { ReadResult } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { Delta } from '../core/delta.ts';
import type { RejectedRow } from '../reader/rejected.ts';
import type { Outcome, StoredLine, StoredReplayedRow } from '../store/store.ts';
import { correcting, type Decided, type Decision, decide, decideUnread, notKept } from './decide.ts';
import type { Subject } from './entries.ts';
import { halted, type Work } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { type ComparedChunk, markRestored, markVersion, saysTheSame } from './reading-settings.ts';
import { readReplayed } from './read-replayed.ts';
import { type Session, versionName } from './session.ts';

export interface Taking {
  readonly options: PipelineOptions;
  readonly session: Session;
  /** Versions (`versionName`) that could not be committed for a reason in their data, with the database's words. */
  readonly uncommittable: ReadonlyMap<string, string>;
}

/** What the ledger gains by it: nothing, a line, or a correction, by which contents go out of force. */
export type Taken = 'nothing' | 'line' | 'correction';

type Content = Exclude<ReadResult['outcome'], { kind: 'moved' }>;

/** `result` is null where the listing alone decides. Throws HALTED under `halt`. */
export async function takeChunk(taking: Taking, { chunk, known }: Work, result: ReadResult | null): Promise<Taken> {
  const { session } = taking;
  const subject: Subject = {
    kind: 'chunk',
    key: chunk.key,
    folder: chunk.folder,
    version: chunk.version,
    contentId: null,
    bytes: null,
    replaces: known?.outcome === 'waiting' && known.folder === chunk.folder ? known.position : null,
  };
  if (result === null) {
    const decided = decideUnread(chunk);
    if (decided === null) throw new TallyhoError('INTERNAL', `${chunk.key} was not read`);
    await session.commit(session.entries.chunk(subject, decided, null, []), []);
    await haltIfBad(taking, chunk.key, decided);
    return 'line';
  }
  const { outcome, bytes } = result;
  if (outcome.kind === 'moved') throw new TallyhoError('INTERNAL', `${chunk.key} moved, and is not decided`);
  const read = { ...subject, contentId: outcome.contentId, bytes };
  const decision = await decideRead(taking, known, chunk, outcome, bytes);
  if (decision.kind === 'same') return await noteSame(taking, chunk, known, outcome);
  if (decision.outcome === 'applied' && known !== null && known.inForce !== null && outcome.kind === 'rows')
    return await correct(taking, read, known, decision, outcome);
  await write(taking, read, decision, outcome);
  return 'line';
}

/** Nothing to tell; the line only learns the version, so that it is not read again. */
async function noteSame(
  taking: Taking,
  { key, version }: Pick<ChunkVersion, 'key' | 'version'>,
  known: ComparedChunk | null,
  { contentId }: Content,
): Promise<'nothing'> {
  if (known === null) return 'nothing';
  const { session } = taking;
  const isRestored = known.inForce === contentId;
  const isBad = known.outcome === 'quarantined' && !isRestored;
  const marked = known.outcome !== 'applied' && isRestored ? markRestored(version) : versionOf(taking, known.outcome, version);
  await session.committer.same({ position: known.position, version: marked });
  if (isBad) await haltIfBad(taking, key, { outcome: 'quarantined', reason: null, detail: 'its bytes are as they were.' });
  return 'nothing';
}

/** A line that is decided afresh when its settings change says by which it was decided. */
function versionOf({ options, session }: Taking, outcome: Outcome, version: string): string {
  const isMarked = outcome === 'quarantined' || (outcome === 'changed' && options.input.onChanged === 'correct');
  return isMarked ? markVersion(version, session.settings) : version;
}

async function write(taking: Taking, subject: Subject, decided: Decided, outcome: Content): Promise<void> {
  const { session } = taking;
  const version = versionOf(taking, decided.outcome, subject.version);
  const rows = outcome.kind === 'rows' ? outcome : null;
  const entry = session.entries.chunk({ ...subject, version }, decided, rows?.delta ?? null, listedRows(decided, rows?.rejected ?? []));
  await session.commit(entry, rows?.notes ?? []);
  await haltIfBad(taking, subject.key, decided);
}

/**
 * Other contents for a key in force. All before it is committed first, because the ledger knows what is to be taken out, and it
 * itself before anything follows, because by then these contents are in force no more: a correction is slower than a chunk.
 */
async function correct(
  taking: Taking,
  subject: Subject,
  known: ComparedChunk,
  decided: Decided,
  outcome: Extract<Content, { kind: 'rows' }>,
): Promise<Taken> {
  const { options, session } = taking;
  await session.committer.flush();
  const old = await session.inForce(subject.key);
  if (old === null || old.contentId !== known.inForce)
    throw new TallyhoError('INTERNAL', `${subject.key} is not in force as the ledger said`);
  const { sequence, contents } = old;
  if (contents === null) {
    const refused = notKept(sequence);
    const line = known.isAfresh ? await lineAt(options, known) : null;
    if (line !== null && saysTheSame(line, { ...refused, contentId: subject.contentId }))
      return await noteSame(taking, subject, known, outcome);
    await write(taking, subject, refused, outcome);
    return 'line';
  }
  const correction: Subject = { ...subject, kind: 'correction' };
  const mended = await readMended(taking, subject.key, sequence);
  const applied = old.applied + mended.rows;
  const replaced = { sequence, contents, mended: mended.delta };
  const entry = session.entries.correction(
    correction,
    correcting(decided, { sequence, applied }),
    replaced,
    outcome.delta,
    outcome.rejected,
  );
  await session.commit(entry, outcome.notes);
  await session.committer.flush();
  return 'correction';
}

/** Replayed rows of a chunk go out of force with it (PROTOCOL.md 1.5). */
async function readMended(
  { options, session }: Taking,
  key: string,
  sequence: number,
): Promise<{ readonly rows: number; readonly delta: Delta | null }> {
  const rows: StoredReplayedRow[] = [];
  for await (const lines of options.store.chunks({ key, outcome: 'applied' })) {
    const line = lines.find((other) => other.sequence === sequence);
    if (line === undefined) continue;
    for await (const page of options.store.replayed({ origin: line.position }))
      rows.push(...page.filter(({ version }) => version === line.contentId));
  }
  if (rows.length === 0) return { rows: 0, delta: null };
  const { delta, bad } = readReplayed(rows, session.readPlan);
  return { rows: rows.length - bad.size, delta };
}

/** What was ignored to find the chunk complete is told with its outcome (PROTOCOL.md 2.3). */
function withNote(decision: Decision, { state }: ChunkVersion): Decision {
  if (decision.kind === 'same' || state.kind !== 'ready' || state.note === undefined) return decision;
  return { ...decision, detail: [decision.detail, `NB: ${state.note}.`].filter((part) => part !== null).join(' ') };
}

async function decideRead(
  { options, session, uncommittable }: Taking,
  known: ComparedChunk | null,
  chunk: ChunkVersion,
  outcome: Content,
  bytes: number,
): Promise<Decision> {
  const { key } = chunk;
  const { contentId } = outcome;
  const isAfresh = known?.isAfresh === true;
  const original = await session.original(contentId, key);
  const decision = withNote(decide(outcome, known, original, options.input, isAfresh, bytes), chunk);
  if (decision.kind === 'same') return decision;
  const refused = decision.outcome === 'applied' ? uncommittable.get(versionName(key, contentId)) : undefined;
  const decided: Decided =
    refused === undefined
      ? decision
      : { ...decision, outcome: 'quarantined', reason: 'uncommittable', detail: refused, applied: 0, quarantined: decision.rows };
  if (!isAfresh || known === null || decided.outcome !== 'quarantined') return decided;
  const line = await lineAt(options, known);
  return line !== null && saysTheSame(line, { ...decided, contentId }) ? { kind: 'same' } : decided;
}

/** A duplicate lists no rejected rows, and what is uncommittable may be so because of them. */
function listedRows({ outcome, reason }: Decided, rejected: readonly RejectedRow[]): readonly RejectedRow[] {
  return outcome === 'applied' || (outcome === 'quarantined' && reason !== 'uncommittable') ? rejected : [];
}

async function lineAt({ store }: PipelineOptions, { key, position }: ComparedChunk): Promise<StoredLine | null> {
  for await (const batch of store.chunks({ key })) {
    const found = batch.find((line) => line.position === position);
    if (found !== undefined) return found;
  }
  return null;
}

async function haltIfBad(
  { options, session }: Taking,
  key: string,
  { outcome, reason, detail }: Pick<Decided, 'outcome' | 'reason' | 'detail'>,
): Promise<void> {
  if (options.input.onBadChunk !== 'halt' || outcome !== 'quarantined') return;
  await session.committer.flush();
  throw halted(key, reason, detail);
}
