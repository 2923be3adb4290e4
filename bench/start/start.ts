/**
 * start: a detector on a state of 10,000,000 pairs. Seconds from the start of the process (and of the private server) until
 * the statistics are in memory; the first chunk after it against the next ones; bytes a pair beyond the key strings.
 *
 * growth, in it: a detector that is stepped from nothing to 20,000,000 pairs, through 16.7 million: the longest step against
 * the median one, and bytes a pair again, without the rest of a process. Reference: DuckDB reading and grouping the same
 * number of pairs from one CSV file, which is what a start without a state would have to do at least.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkTimes, Started } from '../lib/detector-process.ts';
import { queryCold } from '../lib/duckdb.ts';
import { figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import { peakOf } from '../lib/process-tree.ts';
import type { Result, Section } from '../lib/result.ts';
import { type State, stateOf, untilStopped } from '../lib/state.ts';
import { keyBytes, shapeOf, writeBase } from '../lib/synthetic.ts';
import { startWatching } from '../lib/watching.ts';
import { askOnce, type Task } from '../lib/worker.ts';
import { withWorkspace } from '../lib/workspace.ts';
import type { DuckDbAnswer } from '../lib/duckdb-process.ts';
import type { GrowthAnswer, GrowthQuestion } from './growth-process.ts';

interface Run {
  readonly started: Started;
  readonly first: ChunkTimes;
  readonly next: readonly ChunkTimes[];
  readonly reference: DuckDbAnswer;
  readonly peakMb: number;
}

const growthProcess: Task<GrowthQuestion, GrowthAnswer> = { module: join(import.meta.dirname, 'growth-process.ts') };
const next = 5;

export async function benchStart(options: BenchOptions): Promise<Result> {
  const pairsInState = options.pairsInState ?? (options.quick ? 100_000 : 10_000_000);
  const machine = await describeMachine();
  const state = await stateOf(shapeOf(pairsInState, options.quick ? 500 : 50_000));
  const runs = await withWorkspace('start', async ({ folder }) => {
    writeBase(folder, state.shape);
    const done: Run[] = [];
    for (let i = 0; i < Math.min(options.pairs, 3); i++) done.push(await startOnce(state, folder));
    rmSync(folder, { recursive: true });
    return done;
  });
  const growth = { pairs: options.quick ? 200_000 : 2 * pairsInState, step: 10_000 };
  const grown = await askOnce(growthProcess, growth);
  return {
    bench: 'start',
    command: commandText('start', { ...options, pairsInState }),
    takenAt: new Date().toISOString(),
    machine,
    method: [
      `${pairsInState.toLocaleString('en-US')} pairs, folded; ${keyBytes(state.shape).toLocaleString('en-US')} bytes of key strings.`,
      'x: multiples of DuckDB grouping the rows of that state from CSV files, first query of a process, before each start.',
      'Bytes a pair: what JavaScript holds more after loading than before (heap, external memory, array buffers), less the key strings.',
    ],
    sections: [startSection(runs, pairsInState, keyBytes(state.shape)), growthSection(grown.answer, grown.peakMb)],
    runs: runs.map((run) => ({ ...run })),
  };
}

async function startOnce(state: State, base: string): Promise<Run> {
  const reference = await queryCold(`select merchant, customer, count(*), sum(amount) from read_csv('${base}/*.csv') group by all`);
  const detector = await startWatching(state);
  try {
    const { started } = detector;
    const chunks: ChunkTimes[] = [];
    for (let i = 0; i <= next; i++) chunks.push(await detector.chunk());
    console.error(
      `start: ${(started.loadedMs / 1000).toFixed(1)} s by ${(reference.wallMs / 1000).toFixed(1)} s; chunks ${chunks.map(({ totalMs }) => totalMs.toFixed(0)).join(' ')} ms`,
    );
    return { started, first: chunks[0]!, next: chunks.slice(1), reference, peakMb: peakOf(detector.pid)?.mb ?? 0 };
  } finally {
    await detector.close();
    await untilStopped(state);
  }
}

function startSection(runs: readonly Run[], pairs: number, keys: number): Section {
  const of = (value: (run: Run) => number): number[] => runs.map(value);
  return {
    title: `Start with ${sizeText(pairs)} pairs`,
    figures: [
      figure(
        'Process start to statistics in memory',
        'ms',
        of(({ started }) => started.loadedMs),
      ),
      figure(
        'Process start to statistics in memory',
        'x',
        of(({ started, reference }) => started.loadedMs / reference.wallMs),
      ),
      figure(
        'of it loading',
        'ms',
        of(({ started }) => started.loadMs),
      ),
      figure(
        'Process start to first idle',
        'ms',
        of(({ started }) => started.idleMs),
      ),
      figure(
        'Longest pause of the event loop meanwhile',
        'ms',
        of(({ started }) => started.longestPauseMs),
      ),
      figure(
        'First chunk after it',
        'ms',
        of(({ first }) => first.totalMs),
      ),
      figure(
        'Next chunks',
        'ms',
        runs.flatMap((run) => run.next.map(({ totalMs }) => totalMs)),
      ),
      figure(
        'Bytes a pair beyond the key strings',
        'bytes',
        of(({ started }) => (started.heldBytes - keys) / pairs),
      ),
      figure(
        'Peak memory of the detector',
        'MB',
        of(({ peakMb }) => peakMb),
      ),
      figure(
        'Reference: DuckDB, the same pairs from CSV',
        'ms',
        of(({ reference }) => reference.wallMs),
      ),
    ],
  };
}

function growthSection(
  { medianMs, p999Ms, longest, longestFoldMs, longestPieceMs, entities, bytesPerPair, keyBytesPerPair }: GrowthAnswer,
  peakMb: number,
): Section {
  return {
    title: `Growth: steps of 10,000 new pairs from nothing to ${entities.toLocaleString('en-US')}`,
    figures: [
      figure('Step, median', 'ms', [medianMs]),
      figure('Step, 999 of 1,000', 'ms', [p999Ms]),
      ...longest
        .slice(0, 3)
        .map(({ ms, pairs }, i) =>
          figure(`Longest pause${i === 0 ? '' : `, number ${i + 1}`}, at ${pairs.toLocaleString('en-US')} pairs`, 'ms', [ms - medianMs]),
        ),
      figure('Handing over a fold of 1,000,000 new pairs, longest', 'ms', [longestFoldMs]),
      figure('The longest piece of it, between which chunks go on', 'ms', [longestPieceMs]),
      figure('Bytes a pair beyond the key strings', 'bytes', [bytesPerPair]),
      figure('Bytes of key strings a pair', 'bytes', [keyBytesPerPair]),
      figure('Peak memory', 'MB', [peakMb]),
    ],
  };
}
