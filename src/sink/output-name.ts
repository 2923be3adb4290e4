/** Names in the sink: `<yyyyMMdd'T'HHmmss.SSS>-<sequence>/detections-<n>.csv` and `evidence-<n>.jsonl` (DESIGN.md 6). */
import { formatCompact } from './local-time.ts';

export function folderName(detectionTime: Date, timeZone: string, sequence: number): string {
  return `${formatCompact(detectionTime, timeZone)}-${sequence}`;
}

export const detectionsName = (n: number): string => `detections-${n}.csv`;
export const evidenceName = (n: number): string => `evidence-${n}.jsonl`;

/** The sequence number in a folder's name, or null where the name is not of our form. */
export function parseFolderName(name: string): bigint | null {
  const digits = /^\d{8}T\d{6}\.\d{3}-(\d+)$/.exec(name)?.[1];
  return digits === undefined ? null : BigInt(digits);
}

/** What a file is to the rules of publishing. `last`: its presence says that the folder is complete. */
export function roleOf(key: string): 'evidence' | 'detections' | 'last' {
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (name === detectionsName(1)) return 'last';
  return name.startsWith('evidence-') ? 'evidence' : 'detections';
}
