/** The reference file of weights: read once, as entry 0 of the ledger (PROTOCOL.md 1.2). */
import { TallyhoError } from '../core/error.ts';
import type { Layout } from '../core/layout.ts';
import type { ReadOutcome } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { ObjectInfo } from '../objects/objects.ts';
import type { InputSettings, ReferenceSettings } from './options.ts';

/** Headers of BankSim's network file, unless the config names others. */
const defaultColumns = { customer: 'Source', merchant: 'Target', weight: 'Weight' };

/** The reference as the listing shows it. */
export async function findReference(reference: ReferenceSettings): Promise<ChunkVersion> {
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

/** Its bytes' hash alone (`id`), or its rows. */
export async function readReference(
  reference: ReferenceSettings,
  chunk: ChunkVersion,
  layout: Layout,
  input: InputSettings,
  want: 'rows' | 'id',
  signal: AbortSignal,
): Promise<{ readonly outcome: Extract<ReadOutcome, { kind: 'rows' | 'id' }>; readonly bytes: number }> {
  const plan = { layout, columns: { ...defaultColumns, ...reference.columns }, csv: input.csv, maxChunkBytes: input.maxChunkBytes, reference: true };
  for await (const { outcome, bytes } of reference.engine.aggregate([{ chunk, want, applied: null }], plan, signal)) {
    if (outcome.kind === 'rows' || outcome.kind === 'id') return { outcome, bytes };
    const why = outcome.kind === 'fault' ? outcome.fault.detail : outcome.detail;
    throw new TallyhoError('REFERENCE_UNREADABLE', `The reference file ${reference.objects.url}${reference.key} cannot be read: ${why}`, {
      mend: 'Mend the file; nothing was counted.',
    });
  }
  throw new TallyhoError('INTERNAL', 'the engine gave no result for the reference');
}
