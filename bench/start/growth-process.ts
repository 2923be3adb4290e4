/**
 * A detector that grows from nothing by steps of the same size, no gate open: each step does the same work, so what is longer
 * than the others is a pause (a structure that grows, a collection).
 */
import type { Detector } from '../../src/core/detector.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import { baseGrains } from '../../src/core/layout.ts';
import { deltaOf, fullPlan } from '../lib/cohort-data.ts';
import { heldBytes, serve } from '../lib/serve.ts';

export interface GrowthQuestion {
  readonly pairs: number;
  readonly step: number;
}

export interface GrowthAnswer {
  readonly medianMs: number;
  readonly p999Ms: number;
  /** The longest steps, and how many pairs there were before each. */
  readonly longest: readonly { readonly ms: number; readonly pairs: number }[];
  /** Handing over what is to be folded, 1,000,000 new pairs at a time: all of it, and the longest piece that nothing gets in between. */
  readonly longestFoldMs: number;
  readonly longestPieceMs: number;
  readonly entities: number;
  readonly bytesPerPair: number;
  readonly keyBytesPerPair: number;
}

/** Customers of a merchant: far below the gate. */
const perMerchant = 20_000;
const foldEvery = 100;

serve(({ pairs, step }: GrowthQuestion): GrowthAnswer => {
  const before = heldBytes();
  const detector = makeDetector(fullPlan());
  const times: { readonly ms: number; readonly pairs: number }[] = [];
  const folds: Fold[] = [];
  for (let from = 0; from < pairs; from += step) {
    const customers = Math.ceil(pairs / 10);
    const place = (i: number): number => from + i;
    const delta = deltaOf(detector.plan, {
      size: Math.min(step, pairs - from),
      // A customer comes again with another merchant.
      merchant: (i) => Math.floor(place(i) / perMerchant),
      customer: (i) => place(i) % customers,
      count: () => 1,
      cents: (i) => 2400 + (place(i) % 1000),
    });
    const started = performance.now();
    detector.step(delta);
    times.push({ ms: performance.now() - started, pairs: from });
    // As the pipeline does from time to time; what is folded is not held any more.
    if (times.length % foldEvery === 0) folds.push(takeFold(detector));
  }
  takeFold(detector);
  const customers = Math.min(pairs, Math.ceil(pairs / 10));
  const keyBytes = 11 * (customers + Math.ceil(pairs / perMerchant));
  const entities = detector.size(baseGrains(detector.plan.layout)[0] ?? 0);
  const bytesPerPair = (heldBytes() - before - keyBytes) / pairs;
  const sorted = times.toSorted((a, b) => b.ms - a.ms);
  return {
    medianMs: sorted[sorted.length >> 1]?.ms ?? 0,
    p999Ms: sorted[Math.floor(sorted.length / 1000)]?.ms ?? 0,
    longestFoldMs: Math.max(0, ...folds.map(({ ms }) => ms)),
    longestPieceMs: Math.max(0, ...folds.map(({ longestMs }) => longestMs)),
    longest: sorted.slice(0, 5),
    entities,
    bytesPerPair,
    keyBytesPerPair: keyBytes / pairs,
  };
});

interface Fold {
  readonly ms: number;
  readonly longestMs: number;
}

function takeFold(detector: Detector): Fold {
  const started = performance.now();
  const making = detector.beginFold();
  let longestMs = 0;
  for (let done = false, before = started; !done; ) {
    done = making.next().done === true;
    const now = performance.now();
    longestMs = Math.max(longestMs, now - before);
    before = now;
  }
  return { ms: performance.now() - started, longestMs };
}
