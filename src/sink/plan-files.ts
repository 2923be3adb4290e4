/**
 * The files of one ledger entry: names, bytes, and the order in which they are put (DESIGN.md 6). Pure.
 *
 * At most 50 detections a file, each with the evidence of the same ones beside it. Order: all evidence, then the detections
 * from the second file on, then `detections-1.csv`, whose presence says that the folder is complete (PROTOCOL.md 4.2).
 */
import { createHash } from 'node:crypto';
import type { Detection } from '../core/detection.ts';
import type { PlannedPattern } from '../core/plan.ts';
import { type CsvRow, furtherDimensions, renderCsv } from './detections-csv.ts';
import { renderEvidence } from './evidence.ts';
import { formatTime } from './local-time.ts';
import { detectionsName, evidenceName, folderName } from './output-name.ts';

export interface PlanFilesOptions {
  /** In order: by pattern as declared, then by the entity's values. */
  readonly detections: readonly Detection[];
  /** The whole set in force: its dimensions make the columns. */
  readonly patterns: readonly Pick<PlannedPattern, 'id' | 'action' | 'entity' | 'fingerprint'>[];
  readonly sequence: number;
  /** Key of the chunk; null for a reevaluation. */
  readonly chunk: string | null;
  readonly detectionTime: Date;
  /** When this detector started. */
  readonly startTime: Date;
  readonly timeZone: string;
}

/** A store's `DetectionRecord`. */
export interface PlannedDetection {
  readonly patternId: string;
  readonly action: string;
  readonly entity: Readonly<Record<string, string>>;
  readonly ordinal: number;
  readonly evidence: string;
}

/** A store's `PlannedFile`. */
export interface FileToPut {
  readonly key: string;
  readonly ordinal: number;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

export interface PlannedOutput {
  readonly folder: string;
  /** By ordinal; none where there are no detections. */
  readonly files: readonly FileToPut[];
  readonly records: readonly PlannedDetection[];
}

export const rowsPerFile = 50;

export function planFiles(options: PlanFilesOptions): PlannedOutput {
  const { detections, patterns, sequence, chunk, detectionTime, startTime, timeZone } = options;
  const folder = folderName(detectionTime, timeZone, sequence);
  const records = detections.map((detection, ordinal): PlannedDetection => {
    const { id, action, entity: names, fingerprint } = patterns[detection.pattern]!;
    const entity = names.map((name, i) => [name, detection.values[i]!] as const);
    const { conditions } = detection;
    const evidence = renderEvidence({ patternId: id, action, entity, sequence, chunk, detectedAt: detectionTime, fingerprint, conditions });
    return { patternId: id, action, entity: Object.fromEntries(entity), ordinal, evidence };
  });

  const started = formatTime(startTime, timeZone);
  const detected = formatTime(detectionTime, timeZone);
  const further = furtherDimensions(patterns);
  const csv = (rows: readonly CsvRow[]): string => renderCsv(rows, further, started, detected);
  const groups = Math.ceil(records.length / rowsPerFile);
  const evidenceFiles: [name: string, text: string][] = [];
  const detectionFiles: [name: string, text: string][] = [];
  for (let n = 1; n <= groups; n++) {
    const group = records.slice((n - 1) * rowsPerFile, n * rowsPerFile);
    evidenceFiles.push([evidenceName(n), group.map(({ evidence }) => `${evidence}\n`).join('')]);
    detectionFiles.push([detectionsName(n), csv(group)]);
  }
  const inOrder = [...evidenceFiles, ...detectionFiles.slice(1), ...detectionFiles.slice(0, 1)];
  const files = inOrder.map(([name, text], ordinal): FileToPut => {
    const bytes = Buffer.from(text, 'utf8');
    return { key: `${folder}/${name}`, ordinal, sha256: sha256(bytes), bytes };
  });
  return { folder, files, records };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
