/** What a request to replay is told, as it stands in the inbox: the summary, whose lists of rows are cut, or why nothing was done. */
import { errorCodes, type ErrorCode, TallyhoError } from '../core/error.ts';
import type { ReplaySummary, ToldRow } from './mended-rows.ts';

/** So many of each list; the rest is a number. */
const mostTold = 1_000;

interface Refusal {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly mend?: string };
}

export function encodeSummary(summary: ReplaySummary): string {
  const { stillBad, withoutEffect } = summary;
  const rest = { stillBad: Math.max(0, stillBad.length - mostTold), withoutEffect: Math.max(0, withoutEffect.length - mostTold) };
  return JSON.stringify({ ...summary, stillBad: stillBad.slice(0, mostTold), withoutEffect: withoutEffect.slice(0, mostTold), rest });
}

export function encodeRefusal(code: ErrorCode, message: string, mend?: string): string {
  return JSON.stringify({ error: { code, message, ...(mend === undefined ? {} : { mend }) } } satisfies Refusal);
}

/** Throws what it was refused with. */
export function decodeAnswer(answer: string): ReplaySummary {
  const told = JSON.parse(answer) as ReplaySummary | Refusal;
  if (!('error' in told)) return { ...told, stillBad: told.stillBad.map(withLine), withoutEffect: told.withoutEffect.map(withLine) };
  const { code, message, mend } = told.error;
  // Of another release it may be one that this one does not know.
  throw new TallyhoError(code in errorCodes ? code : 'USAGE', message, mend === undefined ? {} : { mend });
}

/** JSON has no NaN. */
function withLine(row: Omit<ToldRow, 'line'> & { readonly line: number | null }): ToldRow {
  return { ...row, line: row.line ?? Number.NaN };
}
