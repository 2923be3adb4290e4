/**
 * What becomes of a chunk version that was read: the decision alone, no I/O (DESIGN.md 5, PROTOCOL.md 2.1).
 *
 * The rules are tried in this order, the first that fits decides:
 *   1. the key is in force:  the bytes in force, or those decided last -> nothing new; other bytes -> changed
 *   2. these bytes were decided for this key before (and not applied)  -> nothing new
 *   3. these bytes are in force under another key                      -> duplicate (unless `onDuplicate: apply`)
 *   4. it cannot be read                                               -> quarantined
 *   5. it has no rows                                                  -> empty
 *   6. more than `maxBadRows` of its rows are bad                      -> quarantined, too_many_bad_rows
 *   7.                                                                 -> applied
 */
import type { ReadOutcome } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import type { KnownChunk, Outcome } from '../store/store.ts';
import type { Percent } from './options.ts';

export interface Decided {
  readonly kind: 'line';
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly rows: number;
  readonly applied: number;
  readonly quarantined: number;
  readonly notCounted: number;
}

export type Decision =
  | Decided
  /** The ledger says all there is to say of these bytes. */
  | { readonly kind: 'same' };

export interface Original {
  readonly key: string;
  readonly rows: number;
}

type Read = Exclude<ReadOutcome, { kind: 'moved' }>;

/** A chunk that the listing alone decides: it waits, or is ambiguous. */
export function decideUnread(chunk: ChunkVersion): Decided | null {
  if (chunk.state.kind === 'waiting') return line('waiting', null, chunk.state.why);
  if (chunk.state.kind === 'ambiguous') return line('quarantined', 'ambiguous', chunk.state.why);
  return null;
}

export function decide(
  read: Read,
  known: KnownChunk | null,
  original: Original | null,
  settings: { readonly maxBadRows: Percent; readonly onDuplicate: 'skip' | 'apply' },
): Decision {
  if (known !== null && known.inForce !== null) {
    if (read.contentId === known.inForce || read.contentId === known.contentId) return { kind: 'same' };
    return changed(read);
  }
  if (known !== null && known.outcome !== 'waiting' && read.contentId === known.contentId) return { kind: 'same' };
  if (original !== null && settings.onDuplicate === 'skip') {
    const rows = original.rows;
    return {
      ...line(
        'duplicate',
        null,
        `The same bytes were applied as ${original.key}; ${rows === 1 ? 'this row is' : `these ${rows} rows are`} not counted again.`,
      ),
      rows,
      notCounted: rows,
    };
  }
  if (read.kind === 'rows') return decideRows(read, settings.maxBadRows);
  if (read.kind === 'fault') return line('quarantined', read.fault.reason, read.fault.detail);
  // The id alone is only asked for where the key is in force.
  return changed(read);
}

function decideRows(read: Extract<Read, { kind: 'rows' }>, maxBadRows: Percent): Decided {
  const { rows, rejectedRows } = read;
  if (rows === 0) return line('empty', null, 'It has no rows.');
  // rejected / rows > units / 10^digits / 100, in integers.
  const tooMany = BigInt(rejectedRows) * 100n * 10n ** BigInt(maxBadRows.digits) > maxBadRows.units * BigInt(rows);
  if (tooMany) {
    const detail = `${rejectedRows} of its ${counted(rows)} ${areOf(rejectedRows)} bad, more than maxBadRows allows; none is counted.${notes(read.notes)}`;
    return { ...line('quarantined', 'too_many_bad_rows', detail), rows, quarantined: rows };
  }
  const detail = rejectedRows === 0 ? null : `${rejectedRows} of its ${counted(rows)} ${areOf(rejectedRows)} quarantined.`;
  return { ...line('applied', null, detail), rows, applied: rows - rejectedRows, quarantined: rejectedRows };
}

function changed(read: Read): Decided {
  if (read.kind === 'id' && read.grew) {
    return line(
      'changed',
      'grew',
      'It has grown since it was applied: the rows behind the applied ones are not counted. Write them as a chunk of their own.',
    );
  }
  return line('changed', null, 'Its bytes have changed since it was applied; what was applied stays in force.');
}

function counted(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

function areOf(number: number): string {
  return number === 1 ? 'is' : 'are';
}

function notes(texts: readonly string[]): string {
  return texts.length === 0 ? '' : ` NB: ${texts.join('; ')}.`;
}

function line(outcome: Outcome, reason: string | null, detail: string | null): Decided {
  return { kind: 'line', outcome, reason, detail, rows: 0, applied: 0, quarantined: 0, notCounted: 0 };
}
