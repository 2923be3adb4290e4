import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Check, failed, joined, ok, type Result, runChecks, warning } from '../../src/cli/doctor/check.ts';
import { makeClocks } from '../../src/cli/doctor/clocks.ts';
import { closingLine, resultLines } from '../../src/cli/doctor/result-text.ts';
import { TallyhoError } from '../../src/core/error.ts';

const check = (name: string, look: Check['look'], needs: readonly string[] = []): Check => ({ name, look, needs });
const well = (name: string, needs?: readonly string[]): Check => check(name, () => Promise.resolve(ok('fine')), needs);
const states = (results: readonly Result[]): string[] => results.map((result) => `${result.check} ${result.state}`);

describe('checks', () => {
  test('all run, whatever fails; what needs a failed one is not looked at, nor what needs that', async () => {
    let looked = 0;
    const count = check('behind', () => Promise.resolve(ok(String(++looked))), ['bad']);
    const bad = check('bad', () => Promise.reject(new TallyhoError('S3_DENIED', 'No.', { mend: 'Ask.' })));
    const results = await runChecks([well('a'), bad, count, well('far behind', ['behind']), well('z')]);
    expect(states(results)).toEqual(['a ok', 'bad failed', 'behind skipped', 'far behind skipped', 'z ok']);
    expect(results[1]).toMatchObject({ found: 'No. [S3_DENIED]', mend: 'Ask.' });
    expect(results[2]?.found).toBe('not looked at, because bad failed');
    expect(looked).toBe(0);
  });

  test('one that does not answer fails in its time and is told to stop; the others do not wait for it', async () => {
    let told = false;
    const hangs = check('hangs', (signal) => {
      signal.addEventListener('abort', () => (told = true));
      return new Promise(() => {});
    });
    const heard: string[] = [];
    const results = await runChecks([well('a'), hangs, well('z', ['a'])], (result) => Promise.resolve(void heard.push(result.check)), 50);
    expect(states(results)).toEqual(['a ok', 'hangs failed', 'z ok']);
    expect(results[1]?.found).toBe('no answer within 0.05 s');
    expect(told).toBe(true);
    expect(heard).toEqual(['a', 'hangs', 'z']);
  });

  test('what comes after another waits for its end, failed or not', async () => {
    const order: string[] = [];
    const slow = check('slow', async () => {
      await sleep(20);
      order.push('slow');
      throw new Error('no');
    });
    const after: Check = { name: 'after', after: ['slow'], look: () => Promise.resolve(ok(String(order.push('after')))) };
    expect(states(await runChecks([slow, after]))).toEqual(['slow failed', 'after ok']);
    expect(order).toEqual(['slow', 'after']);
  });

  test('joined are as bad as the worst, and keep every mend', () => {
    expect(joined([ok('a'), failed('b', 'B.'), warning('c', 'C.')])).toEqual({ state: 'failed', found: 'a; b; c', mend: 'B. C.' });
    expect(joined([ok('a'), ok('b')])).toEqual({ state: 'ok', found: 'a; b', mend: undefined });
  });
});

describe('clocks', () => {
  const look = async (aheadMs: number | null): Promise<{ state: string; found: string }> => {
    const clocks = makeClocks(null, []);
    clocks.note('the store', aheadMs);
    return await clocks.check.look(new AbortController().signal);
  };
  test('agree, differ, or are so far apart that S3 refuses', async () => {
    expect(await look(1_900)).toMatchObject({ state: 'ok', found: 'the store agrees with this machine' });
    expect(await look(-2_100)).toMatchObject({ state: 'warning', found: 'the store is 2.1 s behind this machine' });
    expect(await look(16 * 60_000)).toMatchObject({ state: 'failed', found: 'the store is 16 min 0 s ahead of this machine' });
    expect(await look(null)).toMatchObject({ state: 'ok', found: 'nothing to compare this machine with' });
  });
  test('one that stands still is said', async () => {
    const { check: clock } = makeClocks(new Date(0), []);
    expect(await clock.look(new AbortController().signal)).toMatchObject({ state: 'warning' });
  });
});

describe('text', () => {
  const result: Result = { check: 'sink', state: 'failed', found: 'one two three four five six seven eight nine ten', mend: 'Do this.' };
  test('wraps under itself, the mend below; a long word stays whole', () => {
    expect(resultLines(result, { width: 70, color: false })).toEqual([
      '  failed   sink             one two three four five six seven eight',
      '                            nine ten',
      '                            -> Do this.',
    ]);
    const url = 'x'.repeat(90);
    expect(resultLines({ ...result, found: `at ${url}` }, { width: 70, color: false })[1]?.trim()).toBe(url);
    expect(resultLines(result, { width: 200, color: true })[0]).toContain('\u001b[31mfailed \u001b[0m');
  });
  test('the last line counts', () => {
    const of = (state: Result['state']): Result => ({ ...result, state });
    expect(closingLine([of('ok')])).toBe('All is well.');
    expect(closingLine([of('ok'), of('warning')])).toBe('Nothing failed; 1 warning.');
    expect(closingLine([of('failed'), of('skipped'), of('skipped'), of('warning')])).toBe(
      '1 check failed, 1 warning, 2 checks could not be made.',
    );
  });
});
