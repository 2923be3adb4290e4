/**
 * large: one chunk of 20,000,000 rows (BankSim-shaped, about 1.6 GB) by `tallyho run --once`, whole process, against DuckDB's
 * one-shot group-by over the same file on two threads, in a fresh process each (its start counts as ours does); with the peak
 * memory of all processes. And whether a large fold holds up detections: small chunks come every 200 ms to a state of 1M
 * pairs, first alone, then behind a chunk that touches most of its pairs, so that they are folded meanwhile.
 *
 * Latency: from the moment a small chunk stands in the source to its detections file.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Streamed } from '../lib/detector-process.ts';
import { queryCold } from '../lib/duckdb.ts';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import { peakOf } from '../lib/process-tree.ts';
import type { Result, Section } from '../lib/result.ts';
import { makePlace, stateOf, untilStopped } from '../lib/state.ts';
import { shapeOf, writeSweep } from '../lib/synthetic.ts';
import { runWatched, type WatchedRun } from '../lib/watched-run.ts';
import { startWatching } from '../lib/watching.ts';
import { withWorkspace, type Workspace } from '../lib/workspace.ts';
import { writeBankSim } from '../lib/write-bank-sim.ts';

interface Pair {
  readonly ours: WatchedRun;
  readonly reference: Awaited<ReturnType<typeof queryCold>>;
}

interface FoldResult {
  readonly pairs: number;
  readonly largeRows: number;
  readonly alone: Streamed;
  readonly withFold: Streamed;
  readonly peakMb: number;
}

const everyMs = 200;
const perMerchant = 40;

export async function benchLarge(options: BenchOptions): Promise<Result> {
  const rows = options.rows ?? (options.quick ? 300_000 : 20_000_000);
  const machine = await describeMachine();
  return withWorkspace('large', async (workspace) => {
    const turns = Math.min(options.pairs, 3);
    const { pairs, bytes } = await readOneLarge(workspace, rows, turns);
    const fold = await foldUnderLoad(options.quick);
    return {
      bench: 'large',
      command: commandText('large', { ...options, rows }),
      takenAt: new Date().toISOString(),
      machine,
      method: [
        `${rows.toLocaleString('en-US')} rows, ${(bytes / 1e6).toFixed(0)} MB, one chunk.`,
        `x: multiples of DuckDB's one-shot group-by over the same file on 2 threads, the first query of a process, in turns; ${turns} each.`,
        `Fold: chunks of ${50 * perMerchant} rows every ${everyMs} ms to a state of ${sizeText(fold.pairs)} pairs; the large one has ${fold.largeRows.toLocaleString('en-US')} rows.`,
      ],
      sections: [largeSection(pairs, rows), ...foldSections(fold)],
      runs: [
        ...pairs.map(({ ours, reference }) => ({ wallMs: ours.wallMs, cpuMs: ours.cpuMs, peakMb: ours.peakMb, reference })),
        ...fold.withFold.latencies,
      ],
    };
  });
}

async function readOneLarge(
  { folder }: Workspace,
  rows: number,
  turns: number,
): Promise<{ readonly pairs: Pair[]; readonly bytes: number }> {
  const source = join(folder, 'source');
  mkdirSync(source);
  console.error(`Writing ${rows.toLocaleString('en-US')} rows ...`);
  const file = join(source, 'large.csv');
  const { bytes } = writeBankSim(file, rows);
  const sql = `select merchant, customer, count(*), sum(amount) from read_csv('${file}') group by all`;
  const pairs: Pair[] = [];
  for (let i = 0; i < turns; i++) {
    const reference = await queryCold(sql);
    const place = join(folder, `place-${i}`);
    mkdirSync(place);
    const { config } = makePlace(place, 50_000, source);
    // Server, schema and settings are there before, as in catch-up.
    const nothing = makePlace(place, 50_000, join(place, 'nothing'), 'initialise.yaml');
    await runWatched(nothing.config, join(place, 'state'), place);
    await untilStopped({ folder: place });
    const ours = await runWatched(config, join(place, 'state'), place);
    await untilStopped({ folder: place });
    rmSync(place, { recursive: true });
    pairs.push({ ours, reference });
    console.error(
      `large: ${(ours.wallMs / 1000).toFixed(1)} s by ${(reference.wallMs / 1000).toFixed(1)} s, ${ours.peakMb.toFixed(0)} MB by ${reference.peakMb.toFixed(0)} MB`,
    );
  }
  rmSync(file);
  return { pairs, bytes };
}

async function foldUnderLoad(quick: boolean): Promise<FoldResult> {
  const pairs = quick ? 100_000 : 1_000_000;
  const shape = shapeOf(pairs, quick ? 500 : 50_000);
  const state = await stateOf(shape);
  const detector = await startWatching(state);
  try {
    // Long enough for a fold under load: one begins in a quiet moment, or 10 s after the last.
    const forMs = quick ? 1000 : 16_000;
    const stream = (large: string | null): Promise<Streamed> => detector.stream({ perMerchant, everyMs, forMs, large });
    const alone = await stream(null);
    const large = join(state.folder, 'large.csv');
    const { rows } = writeSweep(large, shape, pairs);
    const withFold = await stream(large);
    const peakMb = peakOf(detector.pid)?.mb ?? 0;
    return { pairs, largeRows: rows, alone, withFold, peakMb };
  } finally {
    await detector.close();
    await untilStopped(state);
  }
}

function largeSection(pairs: readonly Pair[], rows: number): Section {
  const of = (what: string, unit: Figure['unit'], value: (pair: Pair) => number): Figure => figure(what, unit, pairs.map(value));
  const names = [...new Set(pairs.flatMap(({ ours }) => ours.peaks.slice(0, 3).map(({ name }) => name)))];
  return {
    title: `tallyho run --once, ${sizeText(rows)} rows`,
    figures: [
      of('Wall', 'x', ({ ours, reference }) => ours.wallMs / reference.wallMs),
      of('CPU of all processes', 'x', ({ ours, reference }) => ours.cpuMs / reference.cpuMs),
      of('Wall, absolute', 'ms', ({ ours }) => ours.wallMs),
      of('Rows a second', 'rows/s', ({ ours }) => rows / (ours.wallMs / 1000)),
      of('Peak memory of all processes together (shared memory counted in each)', 'MB', ({ ours }) => ours.peakMb),
      ...names.map((name) => of(`Peak memory, ${name}`, 'MB', ({ ours }) => ours.peaks.find((peak) => peak.name === name)?.mb ?? 0)),
      of('Reference, wall', 'ms', ({ reference }) => reference.wallMs),
      of('Reference, CPU', 'ms', ({ reference }) => reference.cpuMs),
      of('Reference, peak memory', 'MB', ({ reference }) => reference.peakMb),
    ],
  };
}

function foldSections({ pairs, alone, withFold, peakMb }: FoldResult): Section[] {
  const latencies = (of: Streamed['latencies']): number[] => of.map(({ ms }) => ms);
  const during = withFold.latencies.filter(({ duringFold }) => duringFold);
  const largest = withFold.folds.toSorted((a, b) => b.rows - a.rows)[0];
  const some = (what: string, of: Streamed['latencies']): Figure[] => (of.length === 0 ? [] : [figure(what, 'ms', latencies(of))]);
  return [
    {
      title: `Detections of small chunks at ${sizeText(pairs)} pairs`,
      figures: [
        ...some('Latency, nothing else going on', alone.latencies),
        ...some(
          'Latency behind the large chunk (it is read and evaluated first)',
          withFold.latencies.filter(({ behindLarge }) => behindLarge),
        ),
        ...some(
          'Latency while its fold is under way',
          during.filter(({ behindLarge }) => !behindLarge),
        ),
        ...(largest === undefined ? [] : [figure(`That fold, ${largest.rows.toLocaleString('en-US')} rows`, 'ms', [largest.ms])]),
        figure('Peak memory of the detector', 'MB', [peakMb]),
      ],
    },
  ];
}
