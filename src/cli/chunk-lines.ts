/** Ledger lines of chunks, as JSON and in words. */
import { printable } from '../objects/key.ts';
import type { Outcome, StoredLine } from '../store/store.ts';
import { counted, grouped, instant } from './words.ts';

/** The fields of `chunks --json`, in this order (DESIGN.md 9); `kind` where it is no chunk: a replay. */
export function chunkJson(line: StoredLine): string {
  const { key, outcome, sequence, rows, quarantined, detections, reason } = line;
  const kind = line.kind === 'replay' ? { kind: line.kind } : {};
  return JSON.stringify({ key, outcome, sequence, rows, quarantined, detections, reason, detail: detailOf(line), ...kind });
}

/** What `chunks` shows: chunks, and the files of mended rows, which are entries as well. */
export function isShown(line: Pick<StoredLine, 'kind'>): boolean {
  return isChunk(line) || line.kind === 'replay';
}

/** The key, and what it is if that is no chunk. */
export function shownKey({ key, kind }: Pick<StoredLine, 'key' | 'kind'>): string {
  return kind === 'replay' ? `${printable(key)} (replay)` : printable(key);
}

export function isChunk({ kind }: Pick<StoredLine, 'kind'>): boolean {
  return kind === 'chunk' || kind === 'correction';
}

/** What the ledger says of it, and what came of it since. */
export function detailOf({ detail, correctedBy }: StoredLine): string | null {
  if (correctedBy === null) return detail;
  return [...(detail === null ? [] : [detail]), `Entry ${correctedBy} corrected it: its rows are not counted any more.`].join(' ');
}

const meanings: Readonly<Record<Outcome, string>> = {
  applied: 'Applied: its good rows are counted.',
  quarantined: 'Quarantined as a whole: none of its rows is counted.',
  duplicate: 'Duplicate: its rows are not counted a second time.',
  changed: 'Changed after it was applied: what was applied stays counted, the new bytes are not.',
  empty: 'Empty: there is nothing in it to count.',
  waiting: 'Waiting: it is not complete yet, and is looked at again.',
};

function meaningOf({ kind, outcome, reason, correctedBy, corrects }: StoredLine): string {
  if (kind === 'replay') return 'Replay: quarantined rows that were mended are counted.';
  if (reason === 'left_out') return 'Left out: it was applied, and its rows were given up since.';
  if (correctedBy !== null) return 'Applied, and corrected since.';
  return corrects === null ? meanings[outcome] : 'Applied as a correction: its good rows are counted instead of those before.';
}

/** What to do about an outcome; null where nothing is to be done. */
function mendOf({ outcome, reason }: StoredLine): string | null {
  switch (outcome) {
    case 'quarantined':
      return 'Write the mended chunk under the same name: it is evaluated afresh.';
    case 'changed':
      if (reason !== null) return null;
      return 'Where the new content should count instead, set `source.onChanged: correct`; to count too, write it under a name of its own.';
    case 'waiting':
      return 'It is complete when its marker is there (_SUCCESS, or what its _committed_ files name).';
    default:
      return null;
  }
}

export interface WhyContext {
  /** No newer version of the key was decided: what there is to do is still to be done. */
  readonly isNewest: boolean;
  /** Entries before it whose chunks follow it by name, and one of them. */
  readonly overtakenBy: { readonly count: number; readonly example: string } | null;
}

/** One version of a chunk, in words. */
export function whyLines(line: StoredLine, { isNewest, overtakenBy }: WhyContext): string[] {
  const place = line.sequence === null ? '' : ` as entry ${grouped(line.sequence)}`;
  const detail = detailOf(line);
  const lines = [`${shownKey(line)}: ${line.outcome}${place} at ${instant(line.detectionTime)}`, `  ${meaningOf(line)}`];
  if (line.reason !== null || detail !== null) {
    const code = line.reason === null ? '' : `${line.reason}: `;
    const text = printable(detail ?? reasonWords(line.reason));
    // Why it waits is also told within a sentence.
    lines.push(`  ${code}${line.outcome === 'waiting' ? `${text.charAt(0).toUpperCase()}${text.slice(1)}.` : text}`);
  }
  if (overtakenBy !== null) {
    const { count, example } = overtakenBy;
    const such =
      count === 1 ? `${printable(example)}, which follows` : `${grouped(count)} chunks, such as ${printable(example)}, that follow`;
    lines.push(`  It came late: ${such} it by name, had been applied before. Entries keep the order of arrival.`);
  }
  if (line.outcome === 'empty') lines.push(`  0 rows read, of ${counted(line.bytes ?? 0, 'byte')}.`);
  if (line.rows > 0) {
    const parts = [
      `${counted(line.rows, 'row')} read: ${grouped(line.applied)} ${line.correctedBy === null ? '' : 'were '}counted`,
      ...(line.quarantined > 0
        ? [`${grouped(line.quarantined)} ${line.kind === 'replay' ? 'still bad' : 'quarantined'} (\`tallyho rejected\` lists them)`]
        : []),
      ...(line.notCounted > 0 ? [`${grouped(line.notCounted)} not counted`] : []),
    ];
    lines.push(`  ${parts.join(', ')}.`);
  }
  if (line.outcome === 'applied') lines.push(`  ${counted(line.detections, 'detection')}.`);
  const mend = isNewest ? mendOf(line) : null;
  if (mend !== null) lines.push(`  ${mend}`);
  return lines;
}

function reasonWords(reason: string | null): string {
  return reason === null ? '' : reason.replaceAll('_', ' ');
}
