/**
 * One variant of cohort, in a process of its own: a cohort is loaded, then takes chunks of 10,000 rows by `step`. Beside
 * each step the reference: the keys of both measures copied and sorted from scratch, and the places of the touched members
 * looked up in them by binary search.
 */
import { makeDetector } from '../../src/core/make-detector.ts';
import { baseGrains } from '../../src/core/layout.ts';
import type { Detector } from '../../src/core/detector.ts';
import { customerName, deltaOf, fullPlan, measureOf, merchantName, type Pairs } from '../lib/cohort-data.ts';
import { serve } from '../lib/serve.ts';
import { mix } from '../lib/synthetic.ts';
import { sortFromScratch } from '../lib/sort-from-scratch.ts';
import type { Variant } from './variants.ts';

export interface CohortQuestion {
  readonly variant: Variant;
  readonly members: number;
  readonly chunkRows: number;
  readonly steps: number;
}

export interface CohortStep {
  readonly stepMs: number;
  readonly referenceMs: number;
  readonly touched: number;
  readonly detections: number;
  readonly work: Readonly<Record<string, number>>;
}

export interface CohortAnswer {
  readonly loadMs: number;
  /** The gate is open already; the first step builds the ranks. */
  readonly firstStepMs: number;
  readonly steps: readonly CohortStep[];
}

const warmUp = 3;

interface Member {
  count: number;
  cents: number;
}

serve(({ variant, members, chunkRows, steps }: CohortQuestion): CohortAnswer => {
  const cohort = Array.from({ length: members }, (_, i) => memberOf(variant, i));
  const detector = makeDetector(fullPlan());
  const loadStarted = performance.now();
  load(detector, cohort);
  const loadMs = performance.now() - loadStarted;
  // Most were detected before: a first step that finds all that is true is not what is measured.
  for (let i = 0; i < members; i++) {
    if (variant === 'all equal' || mix(i + 3) % 10 > 0) detector.loadDetected(0, [merchantName(0), customerName(i)]);
  }
  const done: CohortStep[] = [];
  let firstStepMs = 0;
  for (let s = 0; s < warmUp + steps; s++) {
    const chunk = chunkOf(variant, s, chunkRows, cohort);
    const before = { ...detector.work };
    const delta = deltaOf(detector.plan, chunk);
    const started = performance.now();
    const { detections } = detector.step(delta);
    const stepMs = performance.now() - started;
    if (s === 0) firstStepMs = stepMs;
    for (let i = 0; i < chunk.size; i++) {
      const member = (cohort[chunk.customer(i)] ??= { count: 0, cents: 0 });
      member.count += chunk.count(i);
      member.cents += chunk.cents(i);
    }
    const touched = Uint32Array.from({ length: chunk.size }, (_, i) => chunk.customer(i));
    const referenceMs =
      sortFromScratch(
        Float64Array.from(cohort, ({ count }) => count),
        touched,
      ) +
      sortFromScratch(
        Float64Array.from(cohort, ({ count, cents }) => cents / count),
        touched,
      );
    if (s < warmUp) continue;
    const work = Object.fromEntries(
      Object.entries(detector.work).map(([name, value]) => [name, value - before[name as keyof typeof before]]),
    );
    done.push({ stepMs, referenceMs, touched: chunk.size, detections: detections.length, work });
  }
  return { loadMs, firstStepMs, steps: done };
});

function memberOf(variant: Variant, i: number): Member {
  const count = {
    uniform: 1 + (mix(i) % 1000),
    ties: 1 + (mix(i) % 5),
    'all equal': 1,
    // Of a thousand members some hundred have most of the transactions.
    skewed: 1 + Math.floor(1000 / (1 + (mix(i) % 1000))),
  }[variant];
  return { count, cents: count * centsOf(variant, mix(i + 7)) };
}

/** One amount. */
function centsOf(variant: Variant, random: number): number {
  return {
    uniform: 2400 + (random % 100_000),
    ties: 2400 + 100 * (random % 5),
    'all equal': 2400,
    skewed: 2400 + Math.floor(1e7 / (1 + (random % 100_000))),
  }[variant];
}

/** Five of a hundred rows are of new customers; the others of known ones, which skew makes meet more than once. */
function chunkOf(variant: Variant, number: number, rows: number, cohort: readonly Member[]): Pairs {
  const known = cohort.length;
  const sums = new Map<number, Member>();
  for (let r = 0; r < rows; r++) {
    const random = mix(number * rows + r + 1_000_003);
    const place = random / 2 ** 32;
    const customer = r % 20 === 0 ? known + r / 20 : Math.floor(known * (variant === 'skewed' ? place ** 4 : place));
    const sum = sums.get(customer) ?? { count: 0, cents: 0 };
    sum.count++;
    sum.cents += centsOf(variant, mix(random));
    sums.set(customer, sum);
  }
  const customers = [...sums.keys()];
  const of = (i: number): Member => sums.get(customers[i]!)!;
  return {
    size: customers.length,
    merchant: () => 0,
    customer: (i) => customers[i]!,
    count: (i) => of(i).count,
    cents: (i) => of(i).cents,
  };
}

function load(detector: Detector, cohort: readonly Member[]): void {
  const { layout } = detector.plan;
  const pairs: Pairs = {
    size: cohort.length,
    merchant: () => 0,
    customer: (i) => i,
    count: (i) => cohort[i]!.count,
    cents: (i) => cohort[i]!.cents,
  };
  for (const [dimension, { name }] of layout.dimensions.entries()) {
    if (name === 'merchant') detector.loadValues(dimension, [merchantName(0)]);
    if (name === 'customer')
      detector.loadValues(
        dimension,
        cohort.map((_, i) => customerName(i)),
      );
  }
  for (const grain of baseGrains(layout)) {
    const { dimensions, additive } = layout.grains[grain]!;
    const keys = dimensions.map((dimension) =>
      Uint32Array.from(cohort, (_, i) => (layout.dimensions[dimension]?.name === 'customer' ? i : 0)),
    );
    detector.loadRows(
      grain,
      keys,
      additive.map((measure) => measureOf(layout, measure, pairs)),
      cohort.length,
    );
  }
}
