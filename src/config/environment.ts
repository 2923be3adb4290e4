/** What the environment says. The only reader of `process.env` beside the entry. */
import { TallyhoError } from '../core/error.ts';
import type { Env } from './fill-in.ts';

export interface Environment {
  /** For `${NAME}` in the config. */
  readonly env: Env;
  /** TALLYHO_CLOCK: the clock stands still at this instant, which makes output reproducible. */
  readonly frozenAt: Date | null;
  /** TALLYHO_DEBUG: errors show their stack and their causes. */
  readonly debug: boolean;
}

export function readEnvironment(env: Env = process.env): Environment {
  return { env, frozenAt: parseInstant(env['TALLYHO_CLOCK']), debug: isSet(env['TALLYHO_DEBUG']) };
}

/** Whether stacks are shown; asked before anything else may fail. */
export function isDebugging(env: Env = process.env): boolean {
  return isSet(env['TALLYHO_DEBUG']);
}

export function clockOf({ frozenAt }: Environment): () => Date {
  return frozenAt === null ? () => new Date() : () => new Date(frozenAt);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}

/** An ISO instant with its offset: without one it would mean another time on another machine. */
function parseInstant(text: string | undefined): Date | null {
  if (text === undefined || text === '') return null;
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const time = isInstant ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time);
  throw new TallyhoError('CONFIG_INVALID', `TALLYHO_CLOCK is "${text}", which is no instant.`, {
    mend: 'Write it like 2026-11-22T07:30:00.123Z, or unset it.',
  });
}
