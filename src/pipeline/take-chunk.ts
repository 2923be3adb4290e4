/** Decides and evaluates one version, and hands the entry to the committer. */
import { TallyhoError } from '../core/error.ts';
import type { ReadResult } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { RejectedRow } from '../reader/rejected.ts';
import type { KnownChunk, StoredLine } from '../store/store.ts';
import { type Decided, type Decision, decide, decideUnread } from './decide.ts';
import type { Subject } from './entries.ts';
import { halted, type Work } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { isReadOtherwise, markVersion, saysTheSame } from './reading-settings.ts';
import { type Session, versionName } from './session.ts';

export interface Taking {
  readonly options: PipelineOptions;
  readonly session: Session;
  /** Versions (`versionName`) that could not be committed for a reason in their data, with the database's words. */
  readonly uncommittable: ReadonlyMap<string, string>;
}

/** True if the ledger gains or changes a line. `result` is null where the listing alone decides. Throws HALTED under `halt`. */
export async function takeChunk(taking: Taking, { chunk, known }: Work, result: ReadResult | null): Promise<boolean> {
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
    return true;
  }
  const { outcome, bytes } = result;
  if (outcome.kind === 'moved') throw new TallyhoError('INTERNAL', `${chunk.key} moved, and is not decided`);
  const decision = await decideRead(taking, known, chunk, outcome);
  if (decision.kind === 'same') {
    if (known === null) return false;
    const isBad = known.outcome === 'quarantined' && known.inForce === null;
    await session.committer.same({
      position: known.position,
      version: isBad ? markVersion(chunk.version, session.settings) : chunk.version,
    });
    if (isBad) await haltIfBad(taking, chunk.key, { outcome: 'quarantined', reason: null, detail: 'its bytes are as they were.' });
    return false;
  }
  const version = decision.outcome === 'quarantined' ? markVersion(chunk.version, session.settings) : chunk.version;
  const read = { ...subject, version, contentId: outcome.contentId, bytes };
  const rows = outcome.kind === 'rows' ? outcome : null;
  const entry = session.entries.chunk(read, decision, rows?.delta ?? null, listedRows(decision, rows?.rejected ?? []));
  await session.commit(entry, rows?.notes ?? []);
  await haltIfBad(taking, chunk.key, decision);
  return true;
}

/** What was ignored to find the chunk complete is told with its outcome (PROTOCOL.md 2.3). */
function withNote(decision: Decision, { state }: ChunkVersion): Decision {
  if (decision.kind === 'same' || state.kind !== 'ready' || state.note === undefined) return decision;
  return { ...decision, detail: [decision.detail, `NB: ${state.note}.`].filter((part) => part !== null).join(' ') };
}

async function decideRead(
  { options, session, uncommittable }: Taking,
  known: KnownChunk | null,
  chunk: ChunkVersion,
  outcome: Exclude<ReadResult['outcome'], { kind: 'moved' }>,
): Promise<Decision> {
  const { key } = chunk;
  const { contentId } = outcome;
  const otherwise = isReadOtherwise(known, session.settings);
  const original = await session.original(contentId, key);
  const decision = withNote(decide(outcome, otherwise ? null : known, original, options.input), chunk);
  if (decision.kind === 'same') return decision;
  const refused = decision.outcome === 'applied' ? uncommittable.get(versionName(key, contentId)) : undefined;
  const decided: Decided =
    refused === undefined
      ? decision
      : { ...decision, outcome: 'quarantined', reason: 'uncommittable', detail: refused, applied: 0, quarantined: decision.rows };
  if (!otherwise || known === null || decided.outcome !== 'quarantined') return decided;
  const line = await lineAt(options, known);
  return line !== null && saysTheSame(line, { ...decided, contentId }) ? { kind: 'same' } : decided;
}

/** A duplicate lists no rejected rows, and what is uncommittable may be so because of them. */
function listedRows({ outcome, reason }: Decided, rejected: readonly RejectedRow[]): readonly RejectedRow[] {
  return outcome === 'applied' || (outcome === 'quarantined' && reason !== 'uncommittable') ? rejected : [];
}

async function lineAt({ store }: PipelineOptions, { key, position }: KnownChunk): Promise<StoredLine | null> {
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
