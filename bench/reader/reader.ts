/**
 * reader: our reader over the 60 chunks of catch-up against DuckDB's read_csv, cold (the first time in a
 * fresh process, its start and imports not counted) and warm.
 *
 * Ours gives for each chunk the sums by merchant and customer that the preset `full` needs, exact, with content id and
 * quarantine, on one thread. DuckDB, with two threads and with one: its one-shot group-by over the same rows as one
 * file, and the sums of each chunk in one query over all 60 (`group by filename`), which is what a delta is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Input, makeInput } from '../catch-up/input.ts';
import { startDuckDb } from '../lib/duckdb.ts';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText } from '../lib/options.ts';
import type { Result, Section } from '../lib/result.ts';
import { startWorker, type Task, type Worker } from '../lib/worker.ts';
import { withWorkspace } from '../lib/workspace.ts';
import type { ReaderAnswer } from './reader-process.ts';

interface Reading {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** What takes turns: a process that is asked the same again and again. */
interface Contestant {
  readonly name: string;
  start(): Promise<{ read(): Promise<Reading>; readonly peakMb: number; close(): Promise<void> }>;
}

interface Taken {
  readonly contestant: Contestant;
  readonly cold: Reading[];
  readonly warm: Reading[];
  peakMb: number;
}

const readerProcess: Task<object, ReaderAnswer> = { module: join(import.meta.dirname, 'reader-process.ts') };

/** Readings of one process: the first is cold, the last counts as warm. */
const readings = 5;

export async function benchReader(options: BenchOptions): Promise<Result> {
  const machine = await describeMachine();
  return withWorkspace('reader', async ({ folder }) => {
    const input = makeInput(folder, options.quick ? 60_000 : undefined);
    const contestants = [...ourReaders(input.chunks), ...duckDbs(input)];
    const taken = contestants.map((contestant): Taken => ({ contestant, cold: [], warm: [], peakMb: 0 }));
    for (let i = 0; i < options.pairs; i++) {
      for (const each of taken) await take(each);
      console.error(taken.map(({ contestant, warm }) => `${contestant.name} ${warm.at(-1)?.wallMs.toFixed(0)} ms`).join('; '));
    }
    const reference = taken.find(({ contestant }) => contestant.name === referenceName);
    if (reference === undefined) throw new Error('the reference is one of them');
    return {
      bench: 'reader',
      command: commandText('reader', options),
      takenAt: new Date().toISOString(),
      machine,
      method: [
        `${input.rows.toLocaleString('en-US')} rows in ${input.count} chunks, ${(input.bytes / 1e6).toFixed(1)} MB.`,
        `x: multiples of ${referenceName}, cold by cold and warm by warm, of the same turn; warm is the reading number ${readings} of a process.`,
      ],
      sections: taken.map((each) => section(each, reference)),
      runs: taken.flatMap(({ contestant: { name }, cold, warm }) => cold.map((reading, i) => ({ name, cold: reading, warm: warm[i] }))),
    };
  });
}

const referenceName = 'DuckDB, 2 threads, one-shot group-by';

/** The reader in WebAssembly, once it is there, with the one in TypeScript beside it. */
function ourReaders(chunks: string): Contestant[] {
  const ours = (name: string, aggregation: string): Contestant => ({
    name,
    start: async () => withRead(await startWorker(readerProcess, [chunks, aggregation]), {}),
  });
  const hasWasm = existsSync(join(import.meta.dirname, '../../src/reader/wasm'));
  return hasWasm ? [ours('Tallyho, WebAssembly', 'auto'), ours('Tallyho, TypeScript', 'typescript')] : [ours('Tallyho', 'auto')];
}

function duckDbs({ chunks, file }: Input): Contestant[] {
  const duckDb = (name: string, threads: number, sql: string): Contestant => ({
    name,
    start: async () => withRead(await startDuckDb(threads), { sql }),
  });
  const sums = 'count(*), sum(amount)';
  const ofAll = `select merchant, customer, ${sums} from read_csv('${file}') group by all`;
  const ofEach = `select filename, merchant, customer, ${sums} from read_csv('${chunks}/*.csv', filename = true) group by all`;
  return [
    duckDb(referenceName, 2, ofAll),
    duckDb('DuckDB, 1 thread, one-shot group-by', 1, ofAll),
    duckDb('DuckDB, 2 threads, sums of each chunk', 2, ofEach),
    duckDb('DuckDB, 1 thread, sums of each chunk', 1, ofEach),
  ];
}

function withRead<Q, A extends Reading>(worker: Worker<Q, A>, question: Q): Awaited<ReturnType<Contestant['start']>> {
  return {
    read: () => worker.ask(question),
    get peakMb() {
      return worker.peakMb;
    },
    close: () => worker.close(),
  };
}

async function take(taken: Taken): Promise<void> {
  const started = await taken.contestant.start();
  try {
    const all: Reading[] = [];
    for (let i = 0; i < readings; i++) all.push(await started.read());
    taken.cold.push(all[0]!);
    taken.warm.push(all.at(-1)!);
    taken.peakMb = Math.max(taken.peakMb, started.peakMb);
  } finally {
    await started.close();
  }
}

function section({ contestant, cold, warm, peakMb }: Taken, reference: Taken): Section {
  const of = (what: string, readings: readonly Reading[], others: readonly Reading[]): Figure[] => [
    figure(
      `Wall, ${what}`,
      'x',
      readings.map(({ wallMs }, i) => wallMs / others[i]!.wallMs),
    ),
    figure(
      `CPU, ${what}`,
      'x',
      readings.map(({ cpuMs }, i) => cpuMs / others[i]!.cpuMs),
    ),
    figure(
      `Wall, ${what}, absolute`,
      'ms',
      readings.map(({ wallMs }) => wallMs),
    ),
    figure(
      `CPU, ${what}, absolute`,
      'ms',
      readings.map(({ cpuMs }) => cpuMs),
    ),
  ];
  return {
    title: contestant.name,
    figures: [...of('cold', cold, reference.cold), ...of('warm', warm, reference.warm), figure('Peak memory', 'MB', [peakMb])],
  };
}
