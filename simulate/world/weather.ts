/**
 * What may go wrong, and how often: drawn from the seed once, so that some lives see one kind of fault only, some all of them,
 * and some none. Over at the end of each life.
 */
import type { Random } from '../../test/helpers/dataset/random.ts';

export interface Weather {
  /** Probabilities for each request. */
  readonly bucketThrottles: number;
  /** It takes place, and fails. */
  readonly bucketTimesOut: number;
  /** A page of a listing ends early, with an error. */
  readonly listingBreaks: number;
  /** A request is slow. */
  readonly bucketStalls: number;
  readonly databaseCuts: number;
  /** The same for what writes. */
  readonly commitCuts: number;
  /** Of the writes that are cut: those that the server goes on with afterwards. */
  readonly lateCommits: number;
  readonly databaseStalls: number;
  /** Of the writes of objects: those that listings see late. */
  readonly staleness: number;
  /** Mean time between, in ms; Infinity: never. */
  readonly killEvery: number;
  readonly pauseEvery: number;
  /** A second detector waits for its turn. */
  readonly hasRival: boolean;
  /** What a request takes at most, in ms. */
  readonly bucketMs: number;
  readonly databaseMs: number;
}

export const fairWeather: Weather = {
  bucketThrottles: 0,
  bucketTimesOut: 0,
  listingBreaks: 0,
  bucketStalls: 0,
  databaseCuts: 0,
  commitCuts: 0,
  lateCommits: 0,
  databaseStalls: 0,
  staleness: 0,
  killEvery: Infinity,
  pauseEvery: Infinity,
  hasRival: false,
  bucketMs: 20,
  databaseMs: 5,
};

export function drawWeather(random: Random): Weather {
  const some = (odds: number, most: number): number => (random.chance(odds) ? random.next() * most : 0);
  return {
    bucketThrottles: some(0.5, 0.06),
    bucketTimesOut: some(0.5, 0.06),
    listingBreaks: some(0.4, 0.1),
    bucketStalls: some(0.3, 0.02),
    databaseCuts: some(0.5, 0.05),
    commitCuts: some(0.6, 0.25),
    lateCommits: some(0.7, 0.7),
    databaseStalls: some(0.3, 0.02),
    staleness: some(0.5, 0.6),
    killEvery: random.chance(0.6) ? 2_000 + random.below(20_000) : Infinity,
    pauseEvery: random.chance(0.5) ? 5_000 + random.below(30_000) : Infinity,
    hasRival: random.chance(0.6),
    bucketMs: random.pick([2, 20, 200]),
    databaseMs: random.pick([1, 5, 50, 1_500]),
  };
}
