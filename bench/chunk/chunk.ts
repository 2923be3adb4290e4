/**
 * chunk: one 10,000-row chunk in the whole pipeline, warm, from the listing that first finds it to its first detections file
 * (which is put last), every merchant past the gate, evidence included; on states of 100k, 1M and 10M pairs.
 *
 * Ours: the built pipeline watching a folder, private server with fsync (lib/detector-process.ts); states and chunks by
 * lib/synthetic.ts, so that the same is to be done at every size; work counters show it. References, in turns with groups of
 * chunks: DuckDB's one-shot group-by of the catch-up data, and DuckDB reading and grouping the rows of one such chunk, both
 * warm on two threads.
 */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { makeInput } from '../catch-up/input.ts';
import type { ChunkTimes } from '../lib/detector-process.ts';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import { peakOf } from '../lib/process-tree.ts';
import { middle, type Reading, type Reference, startReference } from '../lib/reference.ts';
import type { Result, Section } from '../lib/result.ts';
import { median } from '../lib/spread.ts';
import { stateOf, untilStopped } from '../lib/state.ts';
import { chunkBytes, type Shape, shapeOf } from '../lib/synthetic.ts';
import { startWatching } from '../lib/watching.ts';
import { withWorkspace } from '../lib/workspace.ts';

/** Chunks that go by before any is measured: the compiler is done, ranks are built. */
const warmUp = 8;
const group = 5;

interface References {
  readonly groupBy: Reference;
  readonly sameChunk: Reference;
}

interface Run {
  readonly size: number;
  readonly times: ChunkTimes;
  readonly groupBy: Reading;
  readonly sameChunk: Reading;
}

interface SizeResult {
  readonly shape: Shape;
  readonly runs: readonly Run[];
  readonly peakMb: number;
  readonly madeMs: number;
  readonly baseRows: number;
  readonly first: ChunkTimes;
  readonly loadedMs: number;
}

export async function benchChunk(options: BenchOptions): Promise<Result> {
  const sizes = options.sizes ?? (options.quick ? [50_000, 100_000] : [100_000, 1_000_000, 10_000_000]);
  const machine = await describeMachine();
  return withWorkspace('chunk', async (workspace) => {
    const input = makeInput(workspace.folder, options.quick ? 60_000 : undefined);
    const chunkFile = join(workspace.folder, 'chunk.csv');
    writeFileSync(chunkFile, chunkBytes(shapeOf(sizes[0] ?? 0), 0));
    const select = (file: string): string => `select merchant, customer, count(*), sum(amount) from read_csv('${file}') group by all`;
    const references = {
      groupBy: workspace.keep(await startReference(select(input.file))),
      sameChunk: workspace.keep(await startReference(select(chunkFile))),
    };
    const results: SizeResult[] = [];
    for (const size of sizes) results.push(await measureSize(size, options, references));
    const runs = results.flatMap((result) => result.runs);
    return {
      bench: 'chunk',
      command: commandText('chunk', { ...options, sizes }),
      takenAt: new Date().toISOString(),
      machine,
      method: [
        `10,000 rows on 10,000 pairs of 50 merchants, all past the gate; ${runs[0]?.times.detections ?? 0} detections with evidence.`,
        'From the start of the listing that first finds the chunk to its detections file. x: multiples of a reference read before and after each group of five chunks.',
        'The state is made by one `run --once` over the base before.',
      ],
      sections: [...results.map(sizeSection), growthSection(results), referenceSection(runs)],
      runs: runs.map(({ size, times, groupBy, sameChunk }) => ({ size, ...times, groupBy, sameChunk })),
    };
  });
}

async function measureSize(size: number, { pairs, quick }: BenchOptions, references: References): Promise<SizeResult> {
  const shape = shapeOf(size, quick ? 500 : 50_000);
  const state = await stateOf(shape);
  const detector = await startWatching(state);
  try {
    console.error(`${sizeText(size)} pairs: in memory after ${(detector.started.loadedMs / 1000).toFixed(1)} s`);
    const first = await detector.chunk();
    for (let i = 1; i < (quick ? 2 : warmUp); i++) await detector.chunk();
    const runs: Run[] = [];
    for (let turn = 0; turn < Math.ceil(pairs / group); turn++) {
      const before = await readBoth(references);
      const times: ChunkTimes[] = [];
      for (let i = 0; i < group && turn * group + i < pairs; i++) times.push(await detector.chunk());
      const after = await readBoth(references);
      const groupBy = middle([...before.groupBy, ...after.groupBy]);
      const sameChunk = middle([...before.sameChunk, ...after.sameChunk]);
      runs.push(...times.map((each): Run => ({ size, times: each, groupBy, sameChunk })));
      console.error(
        `${sizeText(size)} pairs: ${times.map(({ totalMs }) => totalMs.toFixed(0)).join(' ')} ms by ${groupBy.wallMs.toFixed(0)} ms`,
      );
    }
    const peakMb = peakOf(detector.pid)?.mb ?? 0;
    return { shape, runs, first, loadedMs: detector.started.loadedMs, peakMb, madeMs: state.made.wallMs, baseRows: state.base.rows };
  } finally {
    await detector.close();
    await untilStopped(state);
  }
}

async function readBoth({ groupBy, sameChunk }: References): Promise<Record<keyof References, readonly Reading[]>> {
  return { groupBy: await groupBy.read(), sameChunk: await sameChunk.read() };
}

function sizeSection({ shape, runs, first, loadedMs, peakMb, madeMs, baseRows }: SizeResult): Section {
  const of = (what: string, unit: Figure['unit'], value: (run: Run) => number): Figure => figure(what, unit, runs.map(value));
  const counters = Object.keys(runs[0]?.times.work ?? {});
  return {
    title: `${sizeText(shape.pairs)} pairs`,
    figures: [
      of('Chunk found to detections written', 'ms', ({ times }) => times.totalMs),
      of("The same by DuckDB's one-shot group-by of catch-up", 'x', ({ times, groupBy }) => times.totalMs / groupBy.wallMs),
      of('The same by DuckDB grouping the rows of this chunk', 'x', ({ times, sameChunk }) => times.totalMs / sameChunk.wallMs),
      of('of it list', 'ms', ({ times }) => times.listMs),
      of('of it read', 'ms', ({ times }) => times.readMs),
      of('of it step, evidence included', 'ms', ({ times }) => times.stepMs),
      of('of it commit', 'ms', ({ times }) => times.commitMs),
      of('of it publish', 'ms', ({ times }) => times.publishMs),
      of('Fold, when idle after it', 'ms', ({ times }) => times.foldMs),
      figure('Process start to statistics in memory', 'ms', [loadedMs]),
      figure('First chunk after the start (ranks are built)', 'ms', [first.totalMs]),
      ...counters.map((name) => of(counterText(name), name.endsWith('Bytes') ? 'bytes' : 'count', ({ times }) => times.work[name] ?? 0)),
      figure(`run --once over the base of ${baseRows.toLocaleString('en-US')} rows`, 'ms', [madeMs]),
      figure('Peak memory of the detector', 'MB', [peakMb]),
    ],
  };
}

function counterText(name: string): string {
  const texts: Readonly<Record<string, string>> = {
    entities: 'Work: entities touched',
    moved: 'Work: members moved',
    rankQueries: 'Work: rank queries',
    evaluated: 'Work: evaluated',
    statements: 'Statements of the commit',
    wireBytes: 'Bytes of the commit on the wire',
    committedBytes: 'Bytes of delta and files committed',
  };
  return texts[name] ?? name;
}

/** How much more the same chunk costs in a larger state. */
function growthSection(results: readonly SizeResult[]): Section {
  const total = ({ runs }: SizeResult): number => median(runs.map(({ times }) => times.totalMs));
  const [smallest, ...larger] = results;
  if (smallest === undefined) return { title: 'Growth', figures: [] };
  return {
    title: `Growth: by the median at ${sizeText(smallest.shape.pairs)} pairs`,
    figures: larger.map((result) => figure(`${sizeText(result.shape.pairs)} pairs`, 'x', [total(result) / total(smallest)])),
  };
}

function referenceSection(runs: readonly Run[]): Section {
  const of = (what: string, value: (run: Run) => number): Figure => figure(what, 'ms', runs.map(value));
  return {
    title: 'References: DuckDB, 2 threads, warm',
    figures: [
      of('One-shot group-by of the catch-up data', ({ groupBy }) => groupBy.wallMs),
      of('Group-by of the rows of one chunk', ({ sameChunk }) => sameChunk.wallMs),
    ],
  };
}
