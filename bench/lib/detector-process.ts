/**
 * A detector that watches a folder, in a process of its own: the whole pipeline as `tallyho run` composes it, with ears at
 * its events and contracts. Started with the path of a config; answers when a chunk that it was given is through.
 *
 * Times of a chunk, all in ms, from the listing that first finds it to its first detections file, which is put last:
 *   list      that listing
 *   read      from the listing to the delta (engine)
 *   step      from the delta to the planned files: duplicates, detector, evidence
 *   commit    the transaction
 *   publish   from the commit to the file in the sink
 * The fold comes after it, when the pipeline is idle.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { compose } from '../../src/cli/compose.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { Detector } from '../../src/core/detector.ts';
import type { Engine, ReadResult } from '../../src/engine/engine.ts';
import type { PipelineEvent } from '../../src/pipeline/events.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import type { CommitRequest, Store, Writer } from '../../src/store/store.ts';
import { heldBytes, serve } from './serve.ts';
import { chunkBytes, type Shape } from './synthetic.ts';
import { countWire } from '../../test/helpers/wire.ts';
import { withMethods } from '../../test/helpers/with-methods.ts';

export type Question =
  /** Waits until the detector is idle for the first time. */
  | { readonly kind: 'start' }
  /** Puts the chunk of that number, and waits until it is through and folded. */
  | { readonly kind: 'chunk'; readonly shape: Shape; readonly number: number }
  /** Puts a small chunk every `everyMs` for `forMs`; first, if named, a large one that was written beside the source. */
  | {
      readonly kind: 'stream';
      readonly shape: Shape;
      readonly number: number;
      readonly perMerchant: number;
      readonly everyMs: number;
      readonly forMs: number;
      readonly large: string | null;
    };

export interface Started {
  /** From the start of the process until the statistics are in memory. */
  readonly loadedMs: number;
  /** Of this, the loading itself. */
  readonly loadMs: number;
  readonly idleMs: number;
  readonly entities: number;
  /** What JavaScript holds more than before, after a collection. */
  readonly heldBytes: number;
  /** The longest that the event loop stood still while loading. */
  readonly longestPauseMs: number;
}

export interface ChunkTimes {
  readonly totalMs: number;
  readonly listMs: number;
  readonly readMs: number;
  readonly stepMs: number;
  readonly commitMs: number;
  readonly publishMs: number;
  readonly foldMs: number;
  readonly detections: number;
  readonly work: Readonly<Record<string, number>>;
}

export interface Streamed {
  /** From the moment the chunk stood in the source to its detections. */
  readonly latencies: readonly { readonly ms: number; readonly duringFold: boolean; readonly behindLarge: boolean }[];
  readonly folds: readonly { readonly ms: number; readonly rows: number }[];
}

type Answer = Started | ChunkTimes | Streamed;

/** When what happened, by key of the chunk. */
interface Trace {
  placed: number;
  listed: number;
  listMs: number;
  read: number;
  evaluated: number;
  committed: number;
  published: number;
  detections: number;
}

const wire = countWire();
const configFile = process.argv[2] ?? '';
const traces = new Map<string, Trace>();
const bySequence = new Map<number, Trace>();
const folds: { readonly from: number; readonly to: number; readonly rows: number }[] = [];
const waiting: (() => void)[] = [];
let detector: Detector | null = null;
let listed = { at: 0, ms: 0 };
let idle = { count: 0, at: 0 };
let loaded = { at: 0, ms: 0, entities: 0 };
/** Said and held when the commit in hand was asked for. */
let committing = { statements: 0, bytes: 0, committedBytes: 0 };
let committed = { statements: 0, wireBytes: 0, committedBytes: 0 };
let failure: unknown = null;

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const before = heldBytes();
const stop = new AbortController();
const config = await loadConfig(configFile, process.env);
const composition = await compose(config, {
  env: process.env,
  commitChunks: null,
  confirm: async () => true,
  on: hear,
  say: () => undefined,
  signal: stop.signal,
});
const { options } = composition;
const running = drive();
serve(answer);
process.removeAllListeners('disconnect');
process.once('disconnect', () => {
  stop.abort();
  void running.finally(() => process.exit());
});

async function drive(): Promise<void> {
  try {
    // What is read early, before the store answers, is read by the engine itself; here nothing waits at the start.
    const { early: _, ...others } = options;
    const heard = { ...others, store: heardStore(options.store), engine: heardEngine(options.engine) };
    await runPipeline(heard, { once: false, signal: stop.signal });
  } catch (error) {
    failure = error;
    wake();
  } finally {
    await composition.close();
  }
}

async function answer(question: Question): Promise<Answer> {
  if (question.kind === 'start') return start();
  return question.kind === 'chunk' ? takeOne(question.shape, question.number) : takeStream(question);
}

async function start(): Promise<Started> {
  await until(() => idle.count > 0);
  const longestPauseMs = delay.max / 1e6;
  delay.disable();
  return {
    loadedMs: loaded.at,
    loadMs: loaded.ms,
    idleMs: idle.at,
    entities: loaded.entities,
    heldBytes: heldBytes() - before,
    longestPauseMs,
  };
}

async function takeOne(shape: Shape, number: number): Promise<ChunkTimes> {
  const bytes = chunkBytes(shape, number);
  const before = { ...detector?.work };
  const fold = folds.length;
  const trace = place(number, bytes);
  // Idle again: it is folded, and marked.
  await until(() => isThrough(trace) && idle.at > trace.published);
  const after: Readonly<Record<string, number>> = { ...detector?.work };
  const work = Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name as keyof typeof before] ?? 0)]));
  return {
    totalMs: trace.published - trace.listed,
    listMs: trace.listMs,
    readMs: trace.read - trace.listed - trace.listMs,
    stepMs: trace.evaluated - trace.read,
    commitMs: trace.committed - trace.evaluated,
    publishMs: trace.published - trace.committed,
    foldMs: folds.slice(fold).reduce((sum, { from, to }) => sum + to - from, 0),
    detections: trace.detections,
    work: { ...work, ...committed },
  };
}

async function takeStream({ shape, number, perMerchant, everyMs, forMs, large }: Extract<Question, { kind: 'stream' }>): Promise<Streamed> {
  const firstFold = folds.length;
  const placed: Trace[] = [];
  let behind: Trace | null = null;
  if (large !== null) {
    behind = newTrace();
    traces.set('large.csv', behind);
    renameSync(large, join(sourceFolder(), 'large.csv'));
  }
  const started = performance.now();
  for (let i = 0; performance.now() < started + forMs; i++) {
    placed.push(place(number + i, chunkBytes(shape, number + i, perMerchant)));
    const next = started + (i + 1) * everyMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  await until(() => placed.every((trace) => isThrough(trace) && idle.at > trace.published));
  const done = folds.slice(firstFold);
  return {
    latencies: placed.map(({ placed, published }) => ({
      ms: published - placed,
      duringFold: done.some(({ from, to, rows }) => rows > shape.pairs / 10 && from < published && to > placed),
      behindLarge: behind !== null && placed < behind.committed,
    })),
    folds: done.map(({ from, to, rows }) => ({ ms: to - from, rows })),
  };
}

function sourceFolder(): string {
  return join(dirname(configFile), 'source');
}

/** It stands in the source at once as a whole. */
function place(number: number, bytes: Buffer): Trace {
  const key = `chunk_${number}.csv`;
  const beside = join(dirname(configFile), 'being-written');
  const trace = newTrace();
  traces.set(key, trace);
  writeFileSync(beside, bytes);
  renameSync(beside, join(sourceFolder(), key));
  trace.placed = performance.now();
  return trace;
}

function isThrough({ evaluated, read, committed, detections, published }: Trace): boolean {
  if (evaluated > 0 && read === 0) throw new Error('A chunk was read behind the back of the bench: its times would be wrong.');
  if (committed > 0 && detections === 0) throw new Error('A chunk of the bench has no detections: the state is too small for so many.');
  return published > 0;
}

function newTrace(): Trace {
  return { placed: 0, listed: 0, listMs: 0, read: 0, evaluated: 0, committed: 0, published: 0, detections: 0 };
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    if (failure !== null) throw failure as Error;
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

function wake(): void {
  for (const go of waiting.splice(0)) go();
}

function hear(event: PipelineEvent): void {
  const now = performance.now();
  if (event.kind === 'loaded') loaded = { at: now, ms: event.ms, entities: event.entities };
  else if (event.kind === 'listed') listed = { at: now - event.ms, ms: event.ms };
  else if (event.kind === 'evaluated') {
    const trace = traces.get(event.line.key);
    if (trace !== undefined) {
      trace.evaluated = now;
      trace.detections = event.line.detections;
      if (event.line.sequence !== null) bySequence.set(event.line.sequence, trace);
    }
  } else if (event.kind === 'committed') {
    for (const { key } of event.lines) {
      const trace = traces.get(key);
      if (trace !== undefined) trace.committed = now;
    }
  } else if (event.kind === 'published') {
    const sequence = /-(\d+)\/detections-1\.csv$/.exec(event.key)?.[1];
    const trace = sequence === undefined ? undefined : bySequence.get(Number(sequence));
    if (trace !== undefined) trace.published = now;
  } else if (event.kind === 'folded') folds.push({ from: now - event.ms, to: now, rows: event.rows });
  else if (event.kind === 'idle') idle = { count: idle.count + 1, at: now };
  else if (event.kind === 'retry') failure = event.error;
  wake();
}

/** Notes when a chunk was read. */
function heardEngine(engine: Engine): Engine {
  async function* heard(results: AsyncIterable<ReadResult>): AsyncIterable<ReadResult> {
    for await (const result of results) {
      const trace = traces.get(result.task.chunk.key);
      if (trace !== undefined) Object.assign(trace, { read: performance.now(), listed: listed.at, listMs: listed.ms });
      yield result;
    }
  }
  return { aggregate: (...args) => heard(engine.aggregate(...args)), close: () => engine.close() };
}

/** Gets hold of the detector, and of what is committed. */
function heardStore(store: Store): Store {
  return withMethods(store, {
    claim: async (options: Parameters<Store['claim']>[0]) => {
      const writer = await store.claim(options);
      return withMethods(writer, {
        load: (filled: Detector) => {
          detector = filled;
          return writer.load(filled);
        },
        commit: async (request: CommitRequest) => {
          committing = { ...wire, committedBytes: bytesOf(request) };
          await writer.commit(request);
          committed = {
            statements: wire.statements - committing.statements,
            wireBytes: wire.bytes - committing.bytes,
            committedBytes: committing.committedBytes,
          };
        },
      } satisfies Partial<Writer>);
    },
  });
}

function bytesOf({ entries }: CommitRequest): number {
  return entries.reduce(
    (sum, { delta, files }) => sum + (delta?.length ?? 0) + files.reduce((bytes, file) => bytes + file.bytes.length, 0),
    0,
  );
}
