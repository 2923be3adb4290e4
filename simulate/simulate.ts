/**
 * One life of a pipeline, from its seed alone: detectors run on a virtual clock while chunks come and everything fails that
 * may fail; then faults cease, all that is there is done, and the laws are checked from scratch.
 */
import type { PipelineOptions } from '../src/pipeline/options.ts';
import { Bucket } from './bucket/bucket.ts';
import { makeContents } from './check/contents.ts';
import { noteFolders } from './check/folders.ts';
import { checkCorrected, checkOnce } from './check/in-force.ts';
import { acceptedRows, checkDetections, checkResets, checkStatistics } from './check/laws.ts';
import { checkLedger, checkNothingPassedOver } from './check/ledger.ts';
import { checkOutput } from './check/output.ts';
import { Arrivals } from './source/arrivals.ts';
import { choosePatterns } from './source/patterns.ts';
import { Database } from './store/database.ts';
import { Detector, type Place, type Settings } from './world/detector.ts';
import { setWitness } from './world/witness.ts';
import { type Happening, World } from './world/world.ts';

export interface SimulateOptions {
  /** A planted bug (plants.ts). */
  readonly plant?: (options: PipelineOptions) => PipelineOptions;
  /** The same for the database. */
  readonly plantDatabase?: (database: Database) => void;
}

export interface Life {
  readonly seed: number;
  /** The first law that does not hold, or null. */
  readonly violation: string | null;
  readonly happenings: readonly Happening[];
  readonly figures: {
    readonly steps: number;
    readonly virtualMs: number;
    readonly applied: number;
    readonly detections: number;
    readonly files: number;
    readonly epochs: number;
  };
}

/** More than any life needs: who has not come to rest by then never does. */
const mostSteps = 40_000;
const pipeline = 'simulated';

export async function simulate(seed: number, { plant = (options) => options, plantDatabase }: SimulateOptions = {}): Promise<Life> {
  const world = new World(seed);
  const { random, clock } = world;
  const database = new Database(() => clock.now);
  plantDatabase?.(database);
  const source = new Bucket();
  const sink = new Bucket();
  setWitness(world, database, sink, pipeline);
  // Listings that lag show folders as they never were, and nobody can tell.
  const folders = world.weather.staleness === 0 ? noteFolders(source) : null;
  const settings = drawSettings(world);
  const place: Place = { world, database, source, sink, pipeline, settings, patterns: choosePatterns(random), starts: new Set(), plant };
  const chunks = 5 + random.below(25);
  const living = live(place, chunks);
  living.catch(() => {});
  if (!(await clock.run(living, mostSteps))) world.violate('it never comes to rest');
  else
    await living.catch((error: unknown) =>
      world.violate(`the simulation itself fails: ${error instanceof Error ? error.stack : String(error)}`),
    );

  const state = database.state(pipeline);
  if (world.violation === null && state !== null) {
    const complain = (what: string): void => world.violate(what);
    checkNothingPassedOver(state, source, complain);
    if (state.basis !== null) {
      const contents = makeContents(source, state.basis.layout);
      checkLedger(state, contents, { ...settings, folders }, complain);
      checkOnce(state, complain);
      if (settings.onChanged === 'correct') checkCorrected(state, source, contents, settings.maxBadRows, complain);
      const rows = acceptedRows(state, contents);
      checkDetections(state, rows, complain);
      checkResets(state, complain);
      checkStatistics(state, rows.at(-1) ?? [], complain);
      checkOutput(state, sink, place.starts, complain);
    }
  }
  return {
    seed,
    violation: world.violation?.message ?? null,
    happenings: world.happenings,
    figures: {
      steps: clock.steps,
      virtualMs: clock.now - clock.start,
      applied: state?.lastSequence ?? 0,
      detections: state?.detections.length ?? 0,
      files: sink.objects().length,
      epochs: state?.epoch ?? 0,
    },
  };
}

function drawSettings({ random }: World): Settings {
  return {
    maxBadRows: random.pick([30n, 50n, 100n]),
    settleMs: random.pick([0, 0, 1_000]),
    pageSize: random.pick([2, 5, 100]),
    blockSize: random.pick([40, 1_000]),
    storePage: random.pick([2, 5, 1_000]),
    keepDeltas: random.pick([0, 3, 1_000]),
    aggregation: random.pick(['auto', 'typescript', 'typescript']),
    commitChunks: random.pick([null, null, 1, 3]),
    pollMs: random.pick([500, 1_000, 3_000]),
    operations: random.chance(0.4) ? 0.35 : 0,
    onChanged: random.chance(0.45) ? 'correct' : 'report',
  };
}

async function live(place: Place, chunks: number): Promise<void> {
  const { world, source } = place;
  const { random, clock } = world;
  const over = { isOver: false };
  const detectors = [new Detector('A', place), ...(world.weather.hasRival ? [new Detector('B', place)] : [])];
  const supervised = detectors.map((detector) => detector.supervise(() => over.isOver));
  const trouble = Promise.all(detectors.map((detector) => strike(world, detector, over)));
  await new Arrivals(world, source, place.settings.onChanged).run(chunks, 5_000 + random.next() * 60_000);
  await clock.wait(random.next() * 10_000);

  over.isOver = true;
  world.clearUp();
  world.note('faults cease');
  for (const detector of detectors) {
    if (random.chance(0.3)) detector.process?.kill();
    else detector.stop();
  }
  await Promise.all([...supervised, trouble]);
  // What is on its way arrives, what is seen late is seen, who waits for a marker gives up.
  await clock.wait(90_000);
  const last = new Detector('Z', place);
  if (random.chance(0.5)) await watchForAWhile(world, last);
  const goThrough = async (): Promise<void> => {
    if (!(await last.run(true, 120_000))) world.violate('with no faults, it does not go through');
  };
  await goThrough();
  if (place.settings.operations === 0) return;
  // Mostly nothing changes any more, so now a rebuild finds all that it reads again.
  await last.operate();
  await goThrough();
}

/** A watching detector leaves the same as one that ends by itself. */
async function watchForAWhile({ clock }: World, detector: Detector): Promise<void> {
  const watching = detector.run(false, 120_000);
  await clock.wait(15_000);
  detector.stop();
  await watching;
}

/** Kills and pauses. */
async function strike(
  { random, clock, weather: { killEvery, pauseEvery } }: World,
  detector: Detector,
  over: { readonly isOver: boolean },
): Promise<void> {
  const every = async (ms: number, act: () => void): Promise<void> => {
    if (ms === Infinity) return;
    for (;;) {
      await clock.wait(random.next() * 2 * ms);
      if (over.isOver) return;
      act();
    }
  };
  await Promise.all([
    every(killEvery, () => detector.process?.kill()),
    every(pauseEvery, () => detector.process?.pause(random.pick([500, 40_000, 60_000]))),
  ]);
}
