/** `npm run simulate`: lives of a pipeline under faults, one a seed, and what breaks a law. */
import { parseArgs } from 'node:util';
import { type LifeSummary, runLives } from './lives.ts';
import { liveSeed } from './one-seed.ts';
import { plants } from './plants.ts';

const usage = `npm run simulate -- [options]: lives of a pipeline under faults, one a seed, and what breaks a law
  --seeds N   so many (default 200), from --from (default 1) on
  --jobs J    in so many processes (default 1)
  --seed S    this one alone, with all that happened in it
  --plant P   with a planted bug, which should be found: ${Object.keys(plants).join(', ')}
Ends with 1 at the first violation; Ctrl-C tells how far it came.`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    seed: { type: 'string' },
    plant: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (values.help === true) {
  console.log(usage);
  process.exit(0);
}

const plant = values.plant ?? null;
if (plant !== null && !Object.hasOwn(plants, plant)) {
  console.error(`There is no planted bug ${plant}; there are ${Object.keys(plants).join(', ')}.`);
  process.exit(2);
}
const one = values.seed === undefined ? null : wholeNumber('seed', values.seed);
const from = wholeNumber('from', values.from);
const count = one === null ? wholeNumber('seeds', values.seeds) : 1;
const jobs = Math.min(Math.max(1, wholeNumber('jobs', values.jobs)), Math.max(1, count));

const started = performance.now();
const sums = { lives: 0, virtualMs: 0, steps: 0, applied: 0, detections: 0, epochs: 0 };
const failed: LifeSummary[] = [];
const stop = { asked: false };
process.on('SIGINT', () => {
  if (stop.asked) process.exit(130);
  stop.asked = true;
});

// On a terminal a line that is written over, elsewhere (a log) one every minute.
const isTerminal = process.stderr.isTTY;
const progress = setInterval(
  () => process.stderr.write(isTerminal ? `\r\u001b[K${summary()}${left()}` : `${summary()}${left()}\n`),
  isTerminal ? 1_000 : 60_000,
).unref();
if (one === null) await runLives({ from, count, jobs, plant, isOver: () => stop.asked || failed.length > 0, onLife: add });
else await replay(one);
clearInterval(progress);
if (isTerminal) process.stderr.write('\r\u001b[K');
console.log(summary());
for (const { seed, violation } of failed) {
  const planted = plant === null ? '' : ` --plant ${plant}`;
  console.log(`\nseed ${seed}: ${violation}\n\nreplay: npm run simulate -- --seed ${seed}${planted}`);
  process.exitCode = 1;
}

async function replay(seed: number): Promise<void> {
  const life = await liveSeed(seed, plant);
  for (const { at, what } of life.happenings) console.log(`${(at / 1000).toFixed(3).padStart(9)}  ${what}`);
  add(life);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 32) {
    console.error(`--${name} wants a whole number below 2^32, and not ${text}.`);
    process.exit(2);
  }
  return value;
}

function add(life: LifeSummary): void {
  const { figures } = life;
  if (life.violation !== null) failed.push(life);
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

function left(): string {
  if (sums.lives === 0) return '';
  const seconds = ((count - sums.lives) * (performance.now() - started)) / 1000 / sums.lives;
  return `; ${seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`} left`;
}
