/** Ledger lines of chunks, as JSON and in words. */
import { printable } from '../objects/key.ts';
import type { Outcome, StoredLine } from '../store/store.ts';
import { counted, grouped, instant } from './words.ts';

/** The fields of `chunks --json`, in this order (DESIGN.md 9). */
export function chunkJson({ key, outcome, sequence, rows, quarantined, detections, reason, detail }: StoredLine): string {
  return JSON.stringify({ key, outcome, sequence, rows, quarantined, detections, reason, detail });
}

export function isChunk(line: StoredLine): boolean {
  return line.kind === 'chunk';
}

const meanings: Readonly<Record<Outcome, string>> = {
  applied: 'Applied: its good rows are counted.',
  quarantined: 'Quarantined as a whole: none of its rows is counted.',
  duplicate: 'Duplicate: its rows are not counted a second time.',
  changed: 'Changed after it was applied: what was applied stays counted, the new bytes are not.',
  empty: 'Empty: there is nothing in it to count.',
  waiting: 'Waiting: it is not complete yet, and is looked at again.',
};

/** What to do about an outcome; null where nothing is to be done. */
function mendOf({ outcome, reason }: StoredLine): string | null {
  switch (outcome) {
    case 'quarantined':
      return 'Write the mended chunk under the same name: it is evaluated afresh.';
    case 'changed':
      return reason === 'grew' ? null : 'Where the new content should count too, write it under a name of its own.';
    case 'waiting':
      return 'It is complete when its marker is there (_SUCCESS, or what its _committed_ files name).';
    default:
      return null;
  }
}

/** One version of a chunk, in words. */
export function whyLines(line: StoredLine): string[] {
  const place = line.sequence === null ? '' : ` as entry ${grouped(line.sequence)}`;
  const lines = [`${printable(line.key)}: ${line.outcome}${place} at ${instant(line.detectionTime)}`, `  ${meanings[line.outcome]}`];
  if (line.reason !== null || line.detail !== null) {
    const code = line.reason === null ? '' : `${line.reason}: `;
    lines.push(`  ${code}${printable(line.detail ?? reasonWords(line.reason))}`);
  }
  if (line.rows > 0) {
    const parts = [
      `${counted(line.rows, 'row')} read: ${grouped(line.applied)} counted`,
      ...(line.quarantined > 0 ? [`${grouped(line.quarantined)} quarantined (\`tallyho rejected\` lists them)`] : []),
      ...(line.notCounted > 0 ? [`${grouped(line.notCounted)} not counted`] : []),
    ];
    lines.push(`  ${parts.join(', ')}.`);
  }
  if (line.outcome === 'applied') lines.push(`  ${counted(line.detections, 'detection')}.`);
  const mend = mendOf(line);
  if (mend !== null) lines.push(`  ${mend}`);
  return lines;
}

function reasonWords(reason: string | null): string {
  return reason === null ? '' : reason.replaceAll('_', ' ');
}
