/**
 * A detector under a supervisor that starts it again: the real pipeline, in a process that may be killed or paused. In some lives
 * the supervisor also does what a person does between two runs (operations.ts).
 */
import { TallyhoError } from '../../src/core/error.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { declarePatterns } from '../../src/pipeline/declare-patterns.ts';
import { makeEarlyReading } from '../../src/pipeline/early-reading.ts';
import type { PipelineOptions } from '../../src/pipeline/options.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { BucketObjects } from '../bucket/bucket-objects.ts';
import { FaultyPort } from '../bucket/faulty-port.ts';
import type { PatternSets } from '../source/patterns.ts';
import type { Database } from '../store/database.ts';
import { FaultyWire } from '../store/faulty-wire.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { chooseOperation } from './operations.ts';
import { Process } from './process.ts';
import type { World } from './world.ts';

/** Errors that end a run and are no bug: faults that lasted, and another that took over. */
const mayEnd = new Set(['HELD', 'FENCED', 'SOURCE_UNREADABLE', 'SINK_UNWRITABLE', 'STORE_UNREACHABLE', 'STORE_UNKNOWN_COMMIT']);

export interface Settings {
  readonly maxBadRows: bigint;
  readonly settleMs: number;
  readonly pageSize: number;
  readonly blockSize: number;
  readonly storePage: number;
  readonly keepDeltas: number;
  readonly aggregation: 'auto' | 'typescript';
  readonly commitChunks: number | null;
  readonly pollMs: number;
  readonly onChanged: 'report' | 'correct';
  /** How often a start is a rebuild or a reset instead. */
  readonly operations: number;
}

export interface Place {
  readonly world: World;
  readonly database: Database;
  readonly source: Bucket;
  readonly sink: Bucket;
  readonly pipeline: string;
  readonly settings: Settings;
  readonly patterns: PatternSets;
  /** YStartTime of every run. */
  readonly starts: Set<string>;
  /** The last word on the options: a planted bug. */
  readonly plant: (options: PipelineOptions) => PipelineOptions;
}

export class Detector {
  readonly name: string;
  readonly #place: Place;
  #process: Process | null = null;
  #stop = new AbortController();
  #runs = 0;
  /** Its machine's clock is ahead by so many ms, or behind. */
  readonly #skew: number;
  #set: readonly PatternSource[];

  constructor(name: string, place: Place) {
    this.name = name;
    this.#place = place;
    this.#set = place.patterns.first;
    this.#skew = place.world.random.chance(0.5) ? 0 : place.world.random.below(6_000) - 3_000;
  }

  get process(): Process | null {
    return this.#process;
  }

  /** Runs it again and again, until `isOver` and it has ended. */
  async supervise(isOver: () => boolean): Promise<void> {
    const { world, patterns, database, pipeline, settings } = this.#place;
    while (!isOver()) {
      await world.clock.wait(world.random.next() * 4_000);
      if (isOver()) return;
      // As long as nothing is applied the first set decides which statistics are kept.
      const isBegun = (database.state(pipeline)?.lastSequence ?? 0) > 0;
      if (isBegun && world.random.chance(0.25)) this.#set = patterns.next(world.random);
      if (settings.operations > 0 && isBegun && world.random.chance(settings.operations)) await this.operate();
      else await this.run(world.random.chance(0.3), world.random.pick([0, 1_000, 5_000]));
    }
  }

  /** One run to its end, whatever that is. True: all there was is done. */
  async run(once: boolean, claimWaitMs: number): Promise<boolean> {
    const { world } = this.#place;
    const end = await this.#live(
      once ? 'starts once' : 'starts',
      (code) => mayEnd.has(code),
      claimWaitMs,
      (options, signal) => {
        if (world.random.chance(0.5)) options.early?.begin();
        return runPipeline(options, { once, signal });
      },
    );
    return end && once;
  }

  /** What a person does between two runs, if it can be done. */
  async operate(): Promise<void> {
    const { world, patterns } = this.#place;
    const operation = chooseOperation(world.random, this.#set);
    // What the statistics hold must not depend on which patterns are there today: another start may have all of them.
    const set = this.#set;
    if (operation.rebuilds) this.#set = patterns.all(world.random);
    const isExpected = (code: string, isStopped: boolean): boolean =>
      mayEnd.has(code) || operation.mayEnd.includes(code) || (isStopped && code === 'AbortError');
    await this.#live(operation.name, isExpected, world.random.pick([0, 5_000, 40_000]), operation.act);
    if (world.random.chance(0.5)) this.#set = set;
  }

  /** A process from its start to its end. True: it did what it had to do. */
  async #live(
    doing: string,
    isExpected: (code: string, isStopped: boolean) => boolean,
    claimWaitMs: number,
    act: (options: PipelineOptions, signal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    const { world, starts } = this.#place;
    const process = new Process(`${this.name}${++this.#runs}`, world.clock, this.#skew);
    this.#process = process;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const options = this.#compose(process, claimWaitMs);
    starts.add(options.clock().toISOString());
    world.note(`${process.name}: ${doing}`);
    const ended = act(options, signal).then(
      () => 'done' as const,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    const killed = new Promise<'killed'>((resolve) => process.onKill(() => resolve('killed')));
    const end = await Promise.race([ended, killed]);
    this.#process = null;
    world.note(`${process.name}: ${end instanceof Error ? `ends: ${end.message}` : end}`);
    if (end instanceof Error && !isExpected(end instanceof TallyhoError ? end.code : end.name, signal.aborted))
      world.violate(`${process.name} ends by an error that no fault explains: ${end.stack ?? end.message}`);
    process.kill();
    return end === 'done';
  }

  /** As by Ctrl-C. */
  stop(): void {
    this.#stop.abort();
  }

  #compose(process: Process, claimWaitMs: number): PipelineOptions {
    const { world, database, source: bucket, sink: output, pipeline, settings, plant } = this.#place;
    const port = (code: 'SOURCE_UNREADABLE' | 'SINK_UNWRITABLE'): FaultyPort => new FaultyPort(world, process, code);
    const { pageSize, blockSize, storePage, keepDeltas } = settings;
    const source = new BucketObjects({ bucket, port: port('SOURCE_UNREADABLE'), url: 'simulated:/source/', pageSize, blockSize });
    const code = 'SINK_UNWRITABLE';
    const sink = new BucketObjects({ bucket: output, port: port(code), url: 'simulated:/sink/', pageSize, blockSize, code });
    const store = new MemoryStore({
      database,
      pipeline,
      wire: new FaultyWire(world, process),
      time: process.time,
      page: storePage,
      keepDeltas,
    });
    const engine = makeLocalEngine({ source, aggregation: settings.aggregation });
    const options: PipelineOptions = {
      name: pipeline,
      source,
      sink,
      store,
      engine,
      input: {
        columns: {},
        csv: { delimiter: ',', quote: 'auto' },
        maxBadRows: { units: settings.maxBadRows, digits: 0 },
        maxChunkBytes: 2 ** 20,
        onBadChunk: 'skip',
        onDuplicate: 'skip',
        onChanged: settings.onChanged,
        pollMs: settings.pollMs,
        settleMs: settings.settleMs,
        waitForMs: 20_000,
      },
      reference: null,
      patterns: declarePatterns(requirePatterns(this.#set, { columns: [], weight: 'column' }), { scale: 2, weight: 'column' }),
      timeZone: 'UTC',
      clock: () => new Date(Math.floor(process.time.now())),
      time: process.time,
      commitChunks: settings.commitChunks,
      confirm: async () => true,
      checkDisk: null,
      claimWaitMs,
      on: () => {},
    };
    return plant({ ...options, early: makeEarlyReading({ ...options, after: null }) });
  }
}
