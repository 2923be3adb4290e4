/** What happened to chunks since it was last told: sums, and the few things that want a line of their own. */
import { printable } from '../objects/key.ts';
import type { LedgerLine } from '../store/store.ts';
import { counted } from './words.ts';

/** More things worth a line than this at once become a number. */
const mostNotes = 5;

export interface Burst {
  add(line: LedgerLine): void;
  readonly chunks: number;
  /** What there is to say, and begins anew. */
  take(): string[];
}

export function makeBurst(): Burst {
  let applied: LedgerLine[] = [];
  let notes: string[] = [];
  let corrections: string[] = [];
  let replays: string[] = [];
  let chunks = 0;
  let sums = { chunks: 0, rows: 0, quarantined: 0, detections: 0 };

  return {
    add(line) {
      if (line.kind === 'replay')
        replays.push(`${printable(line.key)}: ${counted(line.applied, 'mended row')} applied, ${counted(line.detections, 'detection')}`);
      if (line.kind !== 'chunk' && line.kind !== 'correction') return;
      if (line.outcome !== 'waiting') chunks++;
      if (line.kind === 'correction') {
        corrections.push(`${printable(line.key)}: ${printable(line.detail ?? '')} ${counted(line.detections, 'detection')}.`);
        return;
      }
      if (line.outcome !== 'applied') {
        notes.push(noteOf(line));
        return;
      }
      sums.chunks++;
      sums.rows += line.rows;
      sums.quarantined += line.quarantined;
      sums.detections += line.detections;
      // The first and the last are named.
      applied = applied.length === 0 ? [line] : [applied[0] as LedgerLine, line];
    },
    get chunks() {
      return chunks;
    },
    take() {
      const texts: string[] = [];
      if (sums.chunks > 0) {
        const names = applied.map(({ key }) => printable(key));
        const subject =
          sums.chunks === 1 ? names[0] : `${counted(sums.chunks, 'chunk')} (${names.join(sums.chunks === 2 ? ', ' : ' to ')})`;
        const quarantined = sums.quarantined === 0 ? '' : `, ${counted(sums.quarantined, 'row')} quarantined`;
        texts.push(`${subject}: ${counted(sums.rows, 'row')}${quarantined}, ${counted(sums.detections, 'detection')}`);
      }
      texts.push(...replays, ...corrections.slice(0, mostNotes));
      if (corrections.length > mostNotes)
        texts.push(`and ${counted(corrections.length - mostNotes, 'correction')} more: see \`tallyho chunks\`.`);
      texts.push(...notes.slice(0, mostNotes));
      if (notes.length > mostNotes)
        texts.push(`and ${counted(notes.length - mostNotes, 'chunk')} more that did not apply: see \`tallyho chunks\`.`);
      applied = [];
      notes = [];
      corrections = [];
      replays = [];
      chunks = 0;
      sums = { chunks: 0, rows: 0, quarantined: 0, detections: 0 };
      return texts;
    },
  };
}

function noteOf({ key, outcome, reason, detail }: LedgerLine): string {
  const because = reason === null ? '' : ` (${reason})`;
  return `${printable(key)}: ${outcome}${because}${detail === null ? '' : `: ${printable(detail)}`}`;
}
