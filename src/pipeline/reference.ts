/** The reference file of weights: read once, as entry 0 of the ledger (PROTOCOL.md 1.2). */
import { TallyhoError } from '../core/error.ts';
import type { Layout } from '../core/layout.ts';
import type { ReadOutcome } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { ObjectInfo } from '../objects/objects.ts';
import { referenceColumns } from '../reader/reading.ts';
import type { CommitEntry } from '../store/store.ts';
import type { ReferenceInput } from './basis.ts';
import { type Decided, decide } from './decide.ts';
import type { EntryMaker } from './entries.ts';
import type { InputSettings, PipelineOptions, ReferenceSettings } from './options.ts';

/** The reference as it lies there now. */
export interface IdentifiedReference {
  readonly settings: ReferenceSettings;
  readonly chunk: ChunkVersion;
  readonly input: ReferenceInput;
}

type Rows = Extract<ReadOutcome, { kind: 'rows' }>;

export interface ReadReference {
  readonly outcome: Rows;
  /** Size as stored. */
  readonly bytes: number;
  readonly decided: Decided;
}

/** Its content id, without reading rows; null where the patterns need no reference. */
export async function identifyReference(
  { reference, patterns, input }: PipelineOptions,
  signal: AbortSignal,
): Promise<IdentifiedReference | null> {
  if (reference === null || patterns.layout.weight !== 'reference') return null;
  const chunk = await findReference(reference);
  const { outcome } = await read(reference, chunk, patterns.layout, input, 'id', signal);
  return { settings: reference, chunk, input: { contentId: outcome.contentId, columns: columnsOf(reference) } };
}

/** Its rows; refused where a chunk of the like would be quarantined. */
export async function readReference(
  { settings, chunk }: IdentifiedReference,
  layout: Layout,
  input: InputSettings,
  signal: AbortSignal,
): Promise<ReadReference> {
  const { outcome, bytes } = await read(settings, chunk, layout, input, 'rows', signal);
  if (outcome.kind !== 'rows') throw new TallyhoError('INTERNAL', 'the reference was not read');
  const decided = decide(outcome, null, null, { maxBadRows: input.maxBadRows, onDuplicate: 'apply' });
  if (decided.kind !== 'line' || decided.outcome === 'quarantined') {
    const why = decided.kind === 'line' ? decided.detail : '';
    throw new TallyhoError('REFERENCE_UNREADABLE', `The reference file ${settings.objects.url}${settings.key} is refused: ${why}`, {
      mend: 'Mend the file, or `maxBadRows`; nothing was counted.',
    });
  }
  return { outcome, bytes, decided: { ...decided, outcome: 'applied' } };
}

/** Entry 0. */
export async function takeReference(
  { input }: PipelineOptions,
  reference: IdentifiedReference,
  entries: EntryMaker,
  layout: Layout,
  signal: AbortSignal,
): Promise<{ readonly entry: CommitEntry; readonly rows: number; readonly rejected: number }> {
  const { outcome, bytes, decided } = await readReference(reference, layout, input, signal);
  const { key, version } = reference.chunk;
  const subject = { kind: 'reference' as const, key, folder: false, version, contentId: outcome.contentId, bytes, replaces: null };
  const entry = entries.reference(subject, decided, outcome.delta, outcome.rejected);
  return { entry, rows: outcome.rows, rejected: outcome.rejectedRows };
}

function columnsOf({ columns }: ReferenceSettings): Readonly<Record<string, string>> {
  return { ...referenceColumns, ...columns };
}

/** The reference as the listing shows it. */
async function findReference(reference: ReferenceSettings): Promise<ChunkVersion> {
  let found: ObjectInfo | undefined;
  for await (const { objects } of reference.objects.list()) {
    found = objects.find((object) => object.key === reference.key) ?? found;
    if (found !== undefined) break;
  }
  if (found === undefined) {
    throw new TallyhoError('REFERENCE_UNREADABLE', `The reference file ${reference.objects.url}${reference.key} is not there.`, {
      mend: 'Put it there, or mend `weight.file` in the config.',
    });
  }
  return { key: found.key, folder: false, parts: [found], version: found.version, state: { kind: 'ready' }, modified: found.modified };
}

async function read(
  reference: ReferenceSettings,
  chunk: ChunkVersion,
  layout: Layout,
  input: InputSettings,
  want: 'rows' | 'id',
  signal: AbortSignal,
): Promise<{ readonly outcome: Extract<ReadOutcome, { kind: 'rows' | 'id' }>; readonly bytes: number }> {
  const plan = { layout, columns: columnsOf(reference), csv: input.csv, maxChunkBytes: input.maxChunkBytes, reference: true };
  for await (const { outcome, bytes } of reference.engine.aggregate([{ chunk, want, applied: null }], plan, signal)) {
    if (outcome.kind === 'rows' || outcome.kind === 'id') return { outcome, bytes };
    const why = outcome.kind === 'fault' ? outcome.fault.detail : outcome.detail;
    throw new TallyhoError('REFERENCE_UNREADABLE', `The reference file ${reference.objects.url}${reference.key} cannot be read: ${why}`, {
      mend: 'Mend the file; nothing was counted.',
    });
  }
  throw new TallyhoError('INTERNAL', 'the engine gave no result for the reference');
}
