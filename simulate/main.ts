/**
 * `npm run simulate -- --seeds N [--seed S] [--from S]`: lives of a pipeline under faults, one a seed, and what breaks a law.
 *   --seeds N   so many (default 200), from `--from` (default 1) on
 *   --seed S    this one alone, with all that happened in it
 *   --plant P   with a planted bug (plants.ts), which should be found
 * Ends with 1 at the first violation; Ctrl-C tells how far it came.
 */
import { parseArgs } from 'node:util';
import { plants } from './plants.ts';
import { type Life, simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    plant: { type: 'string' },
  },
});

const plant = values.plant === undefined ? {} : plants[values.plant];
if (plant === undefined) {
  console.error(`There is no planted bug ${values.plant}; there are ${Object.keys(plants).join(', ')}.`);
  process.exit(2);
}
const one = values.seed === undefined ? null : wholeNumber('seed', values.seed);
const from = one ?? wholeNumber('from', values.from);
const count = one === null ? wholeNumber('seeds', values.seeds) : 1;

const started = performance.now();
const sums = { lives: 0, virtualMs: 0, steps: 0, applied: 0, detections: 0, epochs: 0 };
const stop = { asked: false };
process.on('SIGINT', () => {
  if (stop.asked) process.exit(130);
  stop.asked = true;
});
// A promise that nobody waited for is a bug wherever it comes from.
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

let failed: Life | null = null;
let told = started;
for (let seed = from; seed < from + count && !stop.asked && failed === null; seed++) {
  const life = await simulate(seed, plant);
  add(life);
  if (one !== null) for (const { at, what } of life.happenings) console.log(`${(at / 1000).toFixed(3).padStart(9)}  ${what}`);
  if (unhandled.length > 0)
    failed = { ...life, violation: life.violation ?? `a rejected promise that nobody waited for: ${stackOf(unhandled[0])}` };
  if (life.violation !== null) failed = life;
  if (performance.now() - told > 1_000 && process.stderr.isTTY) {
    told = performance.now();
    process.stderr.write(`\r${summary()}  `);
  }
}
if (process.stderr.isTTY) process.stderr.write('\r');
console.log(summary());
if (failed !== null) {
  const planted = values.plant === undefined ? '' : ` --plant ${values.plant}`;
  console.log(`\nseed ${failed.seed}: ${failed.violation}\n\nreplay: npm run simulate -- --seed ${failed.seed}${planted}`);
  process.exitCode = 1;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 32) {
    console.error(`--${name} wants a whole number below 2^32, and not ${text}.`);
    process.exit(2);
  }
  return value;
}

function add({ figures }: Life): void {
  sums.lives++;
  sums.virtualMs += figures.virtualMs;
  sums.steps += figures.steps;
  sums.applied += figures.applied;
  sums.detections += figures.detections;
  sums.epochs += figures.epochs;
}

function summary(): string {
  const seconds = (performance.now() - started) / 1000;
  const rate = sums.lives / seconds;
  const hours = sums.virtualMs / 3_600_000;
  return (
    `${sums.lives} of ${count} seeds in ${seconds.toFixed(1)} s (${rate.toFixed(1)} seeds/s): ${hours.toFixed(1)} simulated hours, ` +
    `${sums.steps} steps, ${sums.epochs} epochs, ${sums.applied} entries, ${sums.detections} detections`
  );
}

function stackOf(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}
