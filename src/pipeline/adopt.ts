/**
 * An output that is ahead of its state (a restored backup, a deleted `.tallyho/`) is adopted where a person says so: the rows
 * in it count as detected, and its files as planned here (PROTOCOL.md 4.5). One ledger entry a folder.
 *
 * Twice over the folders: first everything in them is made known to the detector, then (behind a `reevaluation`, which would
 * detect it again) each folder is committed. Ended in between, the output is ahead still, and is adopted again. The files go to
 * the publisher as all others do, which finds that they are there, or that someone has changed them meanwhile.
 */
import { TallyhoError } from '../core/error.ts';
import { nothingToShow, renderEvidence } from '../sink/evidence.ts';
import type { AheadFolder } from '../sink/find-ahead.ts';
import { parseFolderName } from '../sink/output-name.ts';
import { sha256 } from '../sink/plan-files.ts';
import { inPublishingOrder, isOutputFile, type OutputFile, readDetections } from '../sink/read-output.ts';
import type { DetectionRecord, PlannedFile } from '../store/store.ts';
import type { PipelineOptions } from './options.ts';
import type { Session } from './session.ts';

export interface Adoption {
  /** Behind whatever else is to be evaluated. */
  commit(session: Session): Promise<void>;
}

type Detector = Session['detector'];

/** Makes the detector know what is in the folders. */
export async function beginAdoption(options: PipelineOptions, ahead: readonly AheadFolder[], detector: Detector): Promise<Adoption> {
  const names = ahead.map(({ name }) => name).sort(bySequence);
  /** `folder\0row` of what was known already, or stands twice: it cannot be noted once more. */
  const known = new Set<string>();
  for (const name of names) {
    for (const [row, { pattern, values }] of (await readFolder(options, name, detector)).detections.entries()) {
      if (detector.explain(pattern, values).detected) known.add(`${name}\0${row}`);
      else detector.loadDetected(pattern, values);
    }
  }
  return {
    async commit(session) {
      let adopted = 0;
      for (const name of names) {
        const { files, detections } = await readFolder(options, name, detector);
        const fresh = detections.filter((_, row) => !known.has(`${name}\0${row}`));
        const records = fresh.map(({ record }, ordinal) => ({ ...record, ordinal }));
        await session.commit(session.entries.adoption(name, records, files.map(asPlanned)), []);
        adopted += records.length;
      }
      await session.committer.flush();
      options.on({ kind: 'adopted', folders: names.length, detections: adopted });
    },
  };
}

interface Found {
  readonly pattern: number;
  readonly values: readonly string[];
  readonly record: Omit<DetectionRecord, 'ordinal'>;
}

async function readFolder(
  { sink, clock }: PipelineOptions,
  name: string,
  { plan }: Detector,
): Promise<{ readonly files: readonly OutputFile[]; readonly detections: readonly Found[] }> {
  const found: OutputFile[] = [];
  for await (const { objects } of sink.list(undefined, `${name}/`)) {
    for (const { key } of objects.filter((object) => isOutputFile(object.key))) {
      const bytes = await sink.get(key);
      if (bytes !== null) found.push({ key, bytes });
    }
  }
  if (found.length === 0) {
    throw new TallyhoError(
      'SINK_AHEAD',
      `The output cannot be adopted: ${sink.url}${name} has the name of a folder of ours and no file of ours.`,
      {
        mend: 'Move it away and start again.',
      },
    );
  }
  const files = inPublishingOrder(found);
  const detections = readDetections(files, plan.patterns).map(({ patternId, action, values, evidence }): Found => {
    const pattern = plan.patterns.findIndex(({ id }) => id === patternId);
    const names = plan.patterns[pattern]?.entity ?? [];
    const entity = names.map((dimension, i) => [dimension, values[i] ?? ''] as const);
    const text =
      evidence ??
      renderEvidence({ patternId, action, entity, ...nothingToShow, sequence: Number(parseFolderName(name)), detectedAt: clock() });
    return { pattern, values, record: { patternId, action, entity: Object.fromEntries(entity), evidence: text } };
  });
  return { files, detections };
}

function asPlanned({ key, bytes }: OutputFile, ordinal: number): PlannedFile {
  return { key, ordinal, sha256: sha256(bytes), bytes };
}

function bySequence(a: string, b: string): number {
  const [left, right] = [parseFolderName(a) ?? 0n, parseFolderName(b) ?? 0n];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : 1;
}
