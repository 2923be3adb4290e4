/** All benches by name. */
import { benchCatchUp } from './catch-up/catch-up.ts';
import { benchChunk } from './chunk/chunk.ts';
import { benchCohort } from './cohort/cohort.ts';
import type { BenchOptions } from './lib/options.ts';
import { benchLarge } from './large/large.ts';
import { benchListing } from './listing/listing.ts';
import { benchPeers } from './peers/peers.ts';
import { benchRanks } from './ranks/ranks.ts';
import { benchReader } from './reader/reader.ts';
import { benchStart } from './start/start.ts';
import type { Result } from './lib/result.ts';

export const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Result>>> = {
  'catch-up': benchCatchUp,
  chunk: benchChunk,
  cohort: benchCohort,
  large: benchLarge,
  start: benchStart,
  ranks: benchRanks,
  reader: benchReader,
  listing: benchListing,
  peers: benchPeers,
};
