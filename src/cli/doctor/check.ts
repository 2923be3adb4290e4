/**
 * Checks that look at one thing each, and how they are run: all at once, each in bounded time, so that every fault is shown and
 * none hides another. What cannot be looked at, because what it needs has failed, says so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';

export interface Finding {
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  readonly mend?: string | undefined;
}

export interface Check {
  readonly name: string;
  /** Checks without which there is nothing to look at. */
  readonly needs?: readonly string[];
  /** Checks whose end is waited for, whatever it is. */
  readonly after?: readonly string[];
  look(signal: AbortSignal): Promise<Finding>;
}

export interface Result {
  readonly check: string;
  readonly state: Finding['state'] | 'skipped';
  readonly found: string;
  readonly mend: string | null;
}

export const checkSeconds = 10;

/** In the order of the checks; each is handed to `on` as soon as it and all before it are there. */
export async function runChecks(
  checks: readonly Check[],
  on: (result: Result) => Promise<void> = async () => {},
  limitMs: number = checkSeconds * 1000,
): Promise<Result[]> {
  const running = new Map<string, Promise<Result>>();
  for (const check of checks) running.set(check.name, runCheck(check, running, limitMs));
  const results: Result[] = [];
  for (const result of running.values()) {
    results.push(await result);
    await on(await result);
  }
  return results;
}

/** Only checks before it are waited for, so nothing waits in a circle. */
async function runCheck(check: Check, before: ReadonlyMap<string, Promise<Result>>, limitMs: number): Promise<Result> {
  const { name, needs = [], after = [] } = check;
  const waited = [...needs, ...after].flatMap((other) => before.get(other) ?? []);
  const ended = await Promise.all(waited);
  const missing = ended.slice(0, needs.length).find(({ state }) => state === 'failed' || state === 'skipped');
  if (missing !== undefined)
    return {
      check: name,
      state: 'skipped',
      found: `not looked at, because ${missing.check} ${missing.state === 'failed' ? 'failed' : 'was not either'}`,
      mend: null,
    };
  const { state, found, mend = null } = await lookInTime(check, limitMs);
  return { check: name, state, found, mend };
}

async function lookInTime(check: Check, limitMs: number): Promise<Finding> {
  const [late, over] = [new AbortController(), new AbortController()];
  const looking = check.look(late.signal).catch((error: unknown) => findingOf(error));
  const ending = sleep(limitMs, undefined, { signal: over.signal }).then(
    (): Finding => ({
      state: 'failed',
      found: `no answer within ${limitMs / 1000} s`,
      mend: 'Check the address, the network and the proxy settings; trying again is safe.',
    }),
    () => looking,
  );
  try {
    return await Promise.race([looking, ending]);
  } finally {
    over.abort();
    late.abort();
  }
}

/** A failure as a finding: the message says what and where, the mend what to do. */
export function findingOf(error: unknown): Finding {
  if (error instanceof TallyhoError) return { state: 'failed', found: `${error.message} [${error.code}]`, mend: error.mend };
  const said = error instanceof Error ? error.message : String(error);
  return { state: 'failed', found: said, mend: undefined };
}

const weight = { ok: 0, warning: 1, failed: 2 } as const;

/** Several findings about one thing as one: as bad as the worst. */
export function joined(findings: readonly Finding[]): Finding {
  const state = findings.reduce<Finding['state']>((worst, one) => (weight[one.state] > weight[worst] ? one.state : worst), 'ok');
  const mends = [...new Set(findings.flatMap(({ mend }) => (mend === undefined ? [] : [mend])))];
  return { state, found: findings.map(({ found }) => found).join('; '), mend: mends.length === 0 ? undefined : mends.join(' ') };
}

export const ok = (found: string): Finding => ({ state: 'ok', found });
export const warning = (found: string, mend: string): Finding => ({ state: 'warning', found, mend });
export const failed = (found: string, mend: string): Finding => ({ state: 'failed', found, mend });
