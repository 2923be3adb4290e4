/** A pipeline composed for tests: real files, the local engine, a real store. */
import { dirname, basename } from 'node:path';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { defaultFields } from '../../src/patterns/fields.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { declarePatterns } from '../../src/pipeline/declare-patterns.ts';
import type { PipelineEvent } from '../../src/pipeline/events.ts';
import type { InputSettings, PipelineOptions } from '../../src/pipeline/options.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import type { RunSummary } from '../../src/pipeline/summary.ts';
import { realTime, type Time } from '../../src/pipeline/time.ts';
import type { Store } from '../../src/store/store.ts';

export interface TestPipeline {
  readonly name: string;
  readonly store: Store;
  readonly source: string;
  readonly sink: string;
  readonly patterns: readonly PatternSource[];
  readonly weight?: 'none' | 'column' | 'amount' | 'reference';
  readonly scale?: number;
  /** Path of the reference file. */
  readonly reference?: string;
  readonly input?: Partial<InputSettings>;
  readonly clock?: () => Date;
  readonly time?: Time;
  readonly commitChunks?: number | null;
  readonly on?: (event: PipelineEvent) => void;
  readonly confirm?: (detections: number) => Promise<boolean>;
}

export function testPatterns({ patterns, weight = 'none', input }: Pick<TestPipeline, 'patterns' | 'weight' | 'input'>) {
  const columns = Object.keys(input?.columns ?? {}).filter((name) => !defaultFields.includes(name));
  return requirePatterns(patterns, { columns, weight });
}

export function testOptions(test: TestPipeline): PipelineOptions {
  const source = makeFileObjects({ root: test.source });
  const reference = test.reference;
  return {
    name: test.name,
    source,
    sink: makeFileObjects({ root: test.sink, create: true, code: 'SINK_UNWRITABLE' }),
    store: test.store,
    engine: makeLocalEngine({ source }),
    input: {
      columns: {},
      csv: { delimiter: ',', quote: 'auto' },
      maxBadRows: { units: 50n, digits: 0 },
      maxChunkBytes: 2 ** 33,
      onBadChunk: 'skip',
      onDuplicate: 'skip',
      onChanged: 'report',
      pollMs: 50,
      settleMs: 0,
      waitForMs: 3_600_000,
      ...test.input,
    },
    reference:
      reference === undefined
        ? null
        : {
            objects: makeFileObjects({ root: dirname(reference) }),
            key: basename(reference),
            columns: {},
            engine: makeLocalEngine({ source: makeFileObjects({ root: dirname(reference) }) }),
            keyInSource: null,
          },
    patterns: declarePatterns(testPatterns(test), { scale: test.scale ?? 2, weight: test.weight ?? 'none' }),
    timeZone: 'UTC',
    clock: test.clock ?? (() => new Date('2026-11-22T07:30:00.123Z')),
    time: test.time ?? realTime,
    commitChunks: test.commitChunks ?? null,
    confirm: test.confirm ?? (async () => true),
    checkDisk: null,
    claimWaitMs: 0,
    on: test.on ?? (() => undefined),
  };
}

/** Once over all that is there, and nothing is left open. */
export async function runOnce(test: TestPipeline): Promise<RunSummary> {
  const options = testOptions(test);
  try {
    return await runPipeline(options, { once: true, signal: new AbortController().signal });
  } finally {
    await closeEngines([options]);
  }
}

/** Which removes the folders that they read Parquet from. */
export async function closeEngines(all: readonly Pick<PipelineOptions, 'engine' | 'reference'>[]): Promise<void> {
  const engines = all.flatMap(({ engine, reference }) => (reference === null ? [engine] : [engine, reference.engine]));
  for (const engine of new Set(engines)) await engine.close();
}
