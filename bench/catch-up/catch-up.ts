/**
 * catch-up: the whole process `tallyho run --once` over the 594,643 rows of the BankSim-shaped data in 60 chunks, against
 * DuckDB's one-shot `select merchant, customer, count(*), sum(amount) from read_csv(...) group by all` over the same rows
 * as one file.
 *
 * Ours: preset full, `weight: amount`, a state folder initialised beforehand whose private server has stopped (so its
 * start counts), chunks older than the settle time, source, state and output on the same disk, fsync on; and the same on
 * a PostgreSQL that runs already. Reference: reference.ts. A pair is a reading of the reference, one run of ours, and
 * another reading; the pair's ratio is ours by the median of both readings. Variants take turns, so that a busy moment of
 * the machine meets them alike. detector.ts says how wall, CPU and memory are taken.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText } from '../lib/options.ts';
import type { Peak } from '../lib/process-tree.ts';
import { middle, type Reading, type Reference, startReference } from '../lib/reference.ts';
import type { Result, Section } from '../lib/result.ts';
import { type Workspace, withWorkspace } from '../lib/workspace.ts';
import { catchUp, type Cost, initialise, peaksOf, type Place, waitUntilStopped } from './detector.ts';
import { startExternal } from './external.ts';
import { type Input, makeInput } from './input.ts';

interface Pair {
  readonly variant: string;
  readonly cost: Cost;
  readonly reference: Reading;
}

interface Variant {
  readonly name: string;
  /** A place of its own for each run, ready. */
  readonly prepare: (count: number) => Promise<readonly Place[]>;
}

export async function benchCatchUp({ pairs, quick }: BenchOptions): Promise<Result> {
  if (process.platform !== 'linux') throw new Error('catch-up reads CPU time and memory of processes from /proc, so it needs Linux.');
  const machine = await describeMachine();
  return withWorkspace('catch-up', async (workspace) => {
    const input = makeInput(workspace.folder, quick ? 60_000 : undefined);
    const sql = `select merchant, customer, count(*), sum(amount) from read_csv('${input.file}') group by all`;
    const reference = workspace.keep(await startReference(sql));
    const done: Pair[] = [];
    const memory = new Map<string, readonly Peak[]>();
    const variants = [privateVariant(workspace, input), await externalVariant(workspace, input)];
    const places = new Map<string, readonly Place[]>();
    for (const { name, prepare } of variants) places.set(name, await prepare(pairs + 1));
    // One more of each: for the memory, and as the one that warms the file caches.
    for (const { name } of variants) memory.set(name, await withoutServer(places.get(name)![pairs]!, (place) => peaksOf(place, input)));
    for (let i = 0; i < pairs; i++) {
      for (const { name } of variants) {
        const pair = { variant: name, ...(await takePair(places.get(name)![i]!, input, reference)) };
        done.push(pair);
        console.error(pairText(i, pair));
      }
    }
    const counts = new Set(done.map(({ cost }) => cost.detections));
    if (counts.size !== 1 || (!quick && counts.has(0)))
      throw new Error(`the runs do not agree on the detections: ${[...counts].join(', ')}`);
    return {
      bench: 'catch-up',
      command: commandText('catch-up', { pairs, quick }),
      takenAt: new Date().toISOString(),
      machine,
      method: [
        `${input.rows.toLocaleString('en-US')} rows in ${input.count} chunks, ${(input.bytes / 1e6).toFixed(1)} MB; ` +
          `${reference.rows.toLocaleString('en-US')} pairs, ${[...counts].join('')} detections in each run.`,
        `x: multiples of DuckDB's one-shot group-by on 2 threads, read before and after each of our runs; medians of ${pairs} ratios.`,
      ],
      sections: [
        ...variants.map(({ name }) =>
          variantSection(
            name,
            done.filter(({ variant }) => variant === name),
            memory.get(name) ?? [],
          ),
        ),
        referenceSection(done),
      ],
      runs: done.map(({ variant, cost, reference }) => ({ variant, ...cost, reference })),
    };
  });
}

async function takePair(place: Place, input: Input, reference: Reference): Promise<{ readonly cost: Cost; readonly reference: Reading }> {
  const before = await reference.read();
  const cost = await withoutServer(place, () => catchUp(place, input));
  const after = await reference.read();
  return { cost, reference: middle([...before, ...after]) };
}

/** Nothing of an earlier run is still at work before or after. */
async function withoutServer<T>(place: Place, work: (place: Place) => Promise<T>): Promise<T> {
  await waitUntilStopped(place);
  const result = await work(place);
  await waitUntilStopped(place);
  return result;
}

function privateVariant({ folder }: Workspace, input: Input): Variant {
  return {
    name: 'private server',
    async prepare(count) {
      const places = Array.from(
        { length: count },
        (_, i): Place => ({ folder: madeFolder(folder, `private-${i}`), database: null, postmaster: null }),
      );
      for (const place of places) await initialise(place, input);
      for (const place of places) await waitUntilStopped(place);
      return places;
    },
  };
}

async function externalVariant(workspace: Workspace, input: Input): Promise<Variant> {
  const server = workspace.keep(await startExternal(workspace.folder));
  return {
    name: 'external PostgreSQL',
    async prepare(count) {
      const places: Place[] = [];
      for (let i = 0; i < count; i++) {
        const place = {
          folder: madeFolder(workspace.folder, `external-${i}`),
          database: await server.createDatabase(),
          postmaster: server.postmaster,
        };
        await initialise(place, input);
        places.push(place);
      }
      return places;
    },
  };
}

function madeFolder(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

function cpuMs({ mainCpuMs, serverCpuMs }: Cost): number {
  return mainCpuMs + serverCpuMs;
}

function pairText(i: number, { variant, cost, reference }: Pair): string {
  const ratio = (ours: number, theirs: number): string => (ours / theirs).toFixed(1);
  return (
    `pair ${i + 1}, ${variant}: wall ${ratio(cost.wallMs, reference.wallMs)} x (${cost.wallMs.toFixed(0)} by ${reference.wallMs.toFixed(0)} ms), ` +
    `CPU ${ratio(cpuMs(cost), reference.cpuMs)} x (${cpuMs(cost).toFixed(0)} by ${reference.cpuMs.toFixed(0)} ms)`
  );
}

function variantSection(name: string, pairs: readonly Pair[], peaks: readonly Peak[]): Section {
  const of = (what: string, unit: Figure['unit'], value: (pair: Pair) => number): Figure => figure(what, unit, pairs.map(value));
  const afterwards = pairs.some(({ cost }) => cost.afterMs > 0);
  const perProcess = peaks.slice(0, 3).map(({ name, mb }) => figure(`Peak memory, ${name}`, 'MB', [mb]));
  return {
    title: `tallyho run --once, ${name}`,
    figures: [
      of('Wall', 'x', ({ cost, reference }) => cost.wallMs / reference.wallMs),
      of('CPU of all processes', 'x', ({ cost, reference }) => cpuMs(cost) / reference.cpuMs),
      of('Wall, absolute', 'ms', ({ cost }) => cost.wallMs),
      of('CPU of the main process', 'ms', ({ cost }) => cost.mainCpuMs),
      of('CPU of PostgreSQL (and its supervisor)', 'ms', ({ cost }) => cost.serverCpuMs),
      ...(afterwards
        ? [of('CPU of the server until it has stopped, seconds later, not counted above', 'ms', ({ cost }) => cost.afterMs)]
        : []),
      ...perProcess,
      figure('Peak memory, sum of all processes (shared memory counted in each)', 'MB', [peaks.reduce((sum, { mb }) => sum + mb, 0)]),
    ],
  };
}

function referenceSection(pairs: readonly Pair[]): Section {
  return {
    title: "Reference: DuckDB's one-shot group-by, 2 threads, warm",
    figures: [
      figure(
        'Wall',
        'ms',
        pairs.map(({ reference }) => reference.wallMs),
      ),
      figure(
        'CPU',
        'ms',
        pairs.map(({ reference }) => reference.cpuMs),
      ),
    ],
  };
}
