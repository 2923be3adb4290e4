/**
 * What becomes of a chunk version that was read: the decision alone, no I/O (DESIGN.md 5, PROTOCOL.md 2.1).
 *
 * The rules are tried in this order, the first that fits decides:
 *   1. these bytes are in force under this key, or were decided last for it -> nothing new
 *   2. the key is in force, and `onChanged: report`                         -> changed
 *   3. these bytes are in force under another key                           -> duplicate (unless `onDuplicate: apply`)
 *   4. it cannot be read                                                    -> quarantined
 *   5. it has no rows                                                       -> empty
 *   6. more than `maxBadRows` of its rows are bad                           -> quarantined, too_many_bad_rows
 *   7.                                                                      -> applied
 * Where the key is in force (`onChanged: correct`), what 3, 4 and 6 refuse leaves it so, and what 5 and 7 accept takes its place:
 * a correction, which is applied even if it has no rows, because what was there has to go.
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

/** In bytes, as stored. */
interface Sizes {
  readonly before: number | null;
  readonly now: number;
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
  settings: { readonly maxBadRows: Percent; readonly onDuplicate: 'skip' | 'apply'; readonly onChanged?: 'report' | 'correct' },
  /** What was decided last for these bytes does not hold any more (reading-settings.ts). */
  isAfresh = false,
  /** Size as stored, to tell it beside that of what is in force. */
  bytes: number | null = null,
): Decision {
  const inForce = known?.inForce ?? null;
  if (inForce !== null && read.contentId === inForce) return { kind: 'same' };
  if (!isAfresh && known !== null && known.outcome !== 'waiting' && read.contentId === known.contentId) return { kind: 'same' };
  if (inForce !== null && settings.onChanged !== 'correct')
    return changed(read, bytes === null ? null : { before: known?.inForceBytes ?? null, now: bytes });
  const decided = decideNew(read, original, settings);
  if (inForce === null) return decided;
  if (decided.outcome === 'empty') return { ...decided, outcome: 'applied' };
  return decided.outcome === 'applied'
    ? decided
    : { ...decided, detail: `${decided.detail ?? ''} What was applied before stays in force.` };
}

/** As if nothing of this key were in force. */
function decideNew(
  read: Read,
  original: Original | null,
  settings: { readonly maxBadRows: Percent; readonly onDuplicate: 'skip' | 'apply' },
): Decided {
  // A chunk that was emptied is in force with no rows: there is nothing to count twice.
  if (original !== null && original.rows > 0 && settings.onDuplicate === 'skip') {
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

/** What a correction does, told with its line. */
export function correcting(decided: Decided, old: { readonly sequence: number; readonly applied: number }): Decided {
  const rows = `${counted(old.applied)} ${old.applied === 1 ? 'is' : 'are'} taken out, ${counted(decided.applied)} put in.`;
  return {
    ...decided,
    detail: [`It corrects entry ${old.sequence}: ${rows}`, ...(decided.detail === null ? [] : [decided.detail])].join(' '),
  };
}

/** A correction of what the ledger cannot take out any more (PROTOCOL.md 3.8). */
export function notKept(sequence: number): Decided {
  return line(
    'changed',
    'not_kept',
    `Its bytes have changed since it was applied, and what entry ${sequence} added is no longer kept (store.keepDeltas), so it cannot be taken out: it stays in force. \`tallyho rebuild --accept-changed\` reads the chunk as it is now.`,
  );
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

function changed(read: Read, sizes: Sizes | null = null): Decided {
  const told = sizes === null || sizes.before === null ? '' : ` (${bytesOf(sizes.before)} then, ${bytesOf(sizes.now)} now)`;
  if (read.kind === 'id' && read.grew) {
    const grown = `It has grown since it was applied${told}: the rows behind the applied ones are not counted.`;
    return line('changed', 'grew', `${grown} Write them as a chunk of their own.`);
  }
  return line('changed', null, `Its bytes have changed since it was applied${told}; what was applied stays in force.`);
}

function bytesOf(size: number): string {
  return `${size} ${size === 1 ? 'byte' : 'bytes'}`;
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
