/** A world for tests of the pipeline: a folder of chunks, an output, a real store, and every part of it can be made to fail. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Objects } from '../../src/objects/objects.ts';
import type { PipelineEvent } from '../../src/pipeline/events.ts';
import type { PipelineOptions } from '../../src/pipeline/options.ts';
import { type RebuildOptions, rebuildPipeline, type RebuildSummary } from '../../src/pipeline/rebuild.ts';
import type { ReplaySummary } from '../../src/pipeline/mended-rows.ts';
import { type ReplayOptions, replayRejected } from '../../src/pipeline/replay.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import type { RunSummary } from '../../src/pipeline/summary.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store, StoredLine, Writer } from '../../src/store/store.ts';
import { closeEngines, testOptions, testPatterns, type TestPipeline } from './pipeline.ts';
import { somePatterns } from './pipeline-patterns.ts';
import { readStatistics } from './store-readback.ts';
import { readTree } from './tallyho.ts';
import { makeTempFolder, removeFolder } from './temp-folder.ts';

export const header = 'merchant,customer,amount,weight,gender';

/** `M1 C1 5` -> a row; weight and gender may follow. */
export function csv(...rows: readonly string[]): string {
  return [header, ...rows.map((row) => [...row.split(' '), '', '', ''].slice(0, 5).join(','))].map((line) => `${line}\n`).join('');
}

export interface Run extends Partial<Omit<TestPipeline, 'store' | 'name'>> {
  readonly once?: boolean;
  readonly signal?: AbortSignal;
  /** The last word on the options, after all defaults. */
  readonly change?: (options: PipelineOptions) => Partial<PipelineOptions>;
}

export interface World {
  readonly name: string;
  readonly folder: string;
  readonly source: string;
  readonly sink: string;
  readonly store: Store;
  /** Writes a chunk or a part of one, a minute old unless said otherwise; replaces what is there as a whole. */
  put(key: string, text: string | Buffer, modified?: Date): void;
  remove(key: string): void;
  run(run?: Run): Promise<RunSummary>;
  rebuild(run?: Run & Pick<RebuildOptions, 'acceptChanged' | 'without'>): Promise<RebuildSummary>;
  replay(text: string | Buffer, run?: Run & Partial<ReplayOptions>, name?: string): Promise<ReplaySummary>;
  options(run?: Run): PipelineOptions;
  /** What has happened since the last call. */
  events(): PipelineEvent[];
  /** `key outcome sequence rows` of each line in ledger order, without the null ones; `(re)` for a reevaluation. */
  ledger(): Promise<string[]>;
  lines(): Promise<StoredLine[]>;
  /** `sequence pattern values...` */
  detections(): Promise<string[]>;
  /** All statistics by name of the grain; law 1 speaks of these. */
  statistics(patterns?: Run): Promise<Record<string, unknown>>;
  output(): Map<string, string>;
  /** A further world on the same database and source, with a pipeline and an output of its own. */
  twin(): Promise<World>;
  close(): Promise<void>;
}

let worlds = 0;

export async function makeWorld(url: string, defaults: Run = {}, source?: string): Promise<World> {
  const name = `world_${process.pid}_${++worlds}`;
  const folder = makeTempFolder(name);
  const store = await openPostgresStore({ connection: { url }, pipeline: name });
  const twins: World[] = [];
  const made: PipelineOptions[] = [];
  let heard: PipelineEvent[] = [];
  const world: World = {
    name,
    folder,
    source: source ?? join(folder, 'input'),
    sink: join(folder, 'output'),
    store,
    put(key, text, modified = new Date(Date.now() - 60_000)) {
      const path = join(world.source, key);
      mkdirSync(dirname(path), { recursive: true });
      const temporary = join(folder, 'being-written');
      writeFileSync(temporary, text);
      utimesSync(temporary, modified, modified);
      renameSync(temporary, path);
    },
    remove(key) {
      rmSync(join(world.source, key), { recursive: true });
    },
    options(run = {}) {
      const test: TestPipeline = {
        name,
        store,
        source: world.source,
        sink: world.sink,
        patterns: somePatterns,
        ...defaults,
        ...run,
        input: { ...defaults.input, ...run.input },
        on(event) {
          heard.push(event);
          (run.on ?? defaults.on)?.(event);
        },
      };
      const options = testOptions(test);
      const changed = { ...options, ...defaults.change?.(options) };
      const last = { ...changed, ...run.change?.(changed) };
      made.push(last);
      return last;
    },
    run: (run = {}) =>
      runPipeline(world.options(run), { once: run.once ?? true, signal: run.signal ?? defaults.signal ?? new AbortController().signal }),
    rebuild: ({ acceptChanged = false, without = [], ...run } = {}) =>
      rebuildPipeline({ ...world.options(run), acceptChanged, without }, run.signal ?? new AbortController().signal),
    replay: (text, { id = randomUUID(), onHandedOver = () => undefined, leaveMs = 0, ...run } = {}, file = 'mend.csv') =>
      replayRejected(
        world.options(run),
        { name: file, bytes: Buffer.from(text) },
        { id, onHandedOver, leaveMs },
        run.signal ?? new AbortController().signal,
      ),
    events() {
      const events = heard;
      heard = [];
      return events;
    },
    async lines() {
      const lines: StoredLine[] = [];
      for await (const batch of store.chunks()) lines.push(...batch);
      for (const line of lines) expect(line.rows, `law 4: ${line.key}`).toBe(line.applied + line.quarantined + line.notCounted);
      return lines;
    },
    async ledger() {
      return (await world.lines()).map(({ kind, key, folder: isFolder, outcome, sequence, rows, reason }) =>
        [kind === 'reevaluation' ? '(re)' : isFolder ? `${key}/` : key, outcome, sequence, rows, reason]
          .filter((part) => part !== null)
          .join(' '),
      );
    },
    async detections() {
      const found: string[] = [];
      for await (const batch of store.detections()) {
        for (const { sequence, patternId, evidence } of batch) {
          const { entity } = JSON.parse(evidence) as { entity: Record<string, string> };
          found.push([sequence, patternId, ...Object.values(entity)].join(' '));
        }
      }
      return found;
    },
    async statistics(run = {}) {
      const row = await store.pipeline();
      const { layout } = row?.basis ?? expect.unreachable('nothing is kept');
      const test = { patterns: somePatterns, ...defaults, ...run };
      const grains = layout.grains.map(
        async ({ name: grain }, index) => [grain, await readStatistics(store, testPatterns(test), index)] as const,
      );
      return Object.fromEntries(await Promise.all(grains));
    },
    output: () => readTree(world.sink),
    async twin() {
      const twin = await makeWorld(url, defaults, world.source);
      twins.push(twin);
      return twin;
    },
    async close() {
      for (const twin of twins) await twin.close();
      await closeEngines(made);
      await store.close();
      removeFolder(folder);
    },
  };
  mkdirSync(world.source, { recursive: true });
  return world;
}

/** The same store, whose writers do some things otherwise. Called for each claim. */
export function withWriter(store: Store, change: (writer: Writer) => Partial<Writer>): Store {
  return {
    ...delegate(store, [
      'pipeline',
      'holder',
      'chunks',
      'rejected',
      'quarantined',
      'replayed',
      'request',
      'requests',
      'detections',
      'files',
      'counts',
      'plannedFolders',
      'load',
      'close',
      'describe',
      'claim',
    ]),
    async claim(options) {
      const writer = await store.claim(options);
      const whole = delegate(writer, [
        'pipeline',
        'assertHeld',
        'setBasis',
        'load',
        'loadNames',
        'findContent',
        'inForce',
        'known',
        'commit',
        'nextRequest',
        'answer',
        'fold',
        'pendingFiles',
        'markPublished',
        'markIncident',
        'resetPattern',
        'rebuild',
        'release',
      ]);
      return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(change(writer)));
    },
  };
}

/** An object with these members of another, as they are when they are asked for. */
function delegate<T extends object, K extends keyof T>(of: T, names: readonly K[]): Pick<T, K> {
  const made = {} as Pick<T, K>;
  for (const name of names) {
    Object.defineProperty(made, name, {
      enumerable: true,
      configurable: true,
      get: () => (typeof of[name] === 'function' ? (of[name].bind(of) as T[K]) : of[name]),
    });
  }
  return made;
}

/** The same objects, some of whose acts go otherwise. */
export function withObjects(objects: Objects, change: Partial<Objects>): Objects {
  return { ...objects, ...change };
}

/** `act`, which throws at its k-th call (1 is the first), before anything is done, or after it. */
export function failing<A extends unknown[], R>(
  act: (...args: A) => Promise<R>,
  at: readonly number[],
  error: () => Error,
  when: 'before' | 'after' = 'before',
): ((...args: A) => Promise<R>) & { readonly calls: number } {
  let calls = 0;
  const wrapped = async (...args: A): Promise<R> => {
    calls++;
    const fails = at.includes(calls);
    if (fails && when === 'before') throw error();
    const result = await act(...args);
    if (fails) throw error();
    return result;
  };
  return Object.defineProperty(wrapped as typeof wrapped & { readonly calls: number }, 'calls', { get: () => calls });
}
