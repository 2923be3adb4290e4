/** Each bench, small: that it runs, and what it leaves behind. What it measures is not looked at. */
import { afterAll, expect, test } from 'vitest';
import { benches } from '../../bench/benches.ts';
import { resultText } from '../../bench/lib/result.ts';
import { removeStates } from '../../bench/lib/state.ts';
import { chapter } from '../../bench/report.ts';

const quick = { pairs: 1, quick: true, sizes: null, rows: null, pairsInState: null };
/** Reads /proc. */
const isLinux = process.platform === 'linux';

afterAll(removeStates);

// peers has a test of its own (peers.test.ts).
for (const [name, bench] of Object.entries(benches).filter(([name]) => name !== 'peers')) {
  test(`${name} measures something, and says what`, async (context) => {
    if (!isLinux) context.skip('benches read CPU time and memory of processes from /proc');
    const result = await bench(quick);
    expect(result).toMatchObject({ bench: name, command: expect.stringContaining(`npm run bench -- ${name}`) as string });
    expect(result.method.join('')).not.toBe('');
    expect(result.sections.length).toBeGreaterThan(0);
    for (const { title, figures } of result.sections) {
      expect(title).not.toBe('');
      for (const { what, spread } of figures) {
        expect(Number.isFinite(spread.median), what).toBe(true);
        expect(spread.min, what).toBeLessThanOrEqual(spread.max);
      }
    }
    expect(result.runs.length).toBeGreaterThan(0);
    expect(resultText(result)).toContain(result.sections[0]!.figures[0]!.what);
    expect(chapter(JSON.parse(JSON.stringify(result)) as typeof result)).toContain(`## ${name}`);
  });
}
