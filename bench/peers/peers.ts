/**
 * peers: Tallyho beside what others would write for the same work, in the same run: exact detections of the preset `full`
 * after every one of the 60 chunks of catch-up, durable state, detections as synced CSV files. And one
 * 10,000-row chunk on states of several sizes, warm (sizes.ts).
 *
 * Ours is catch-up with its private server, whose start counts; evidence, ledger, quarantine included. PostgreSQL of the
 * peer runs already. All take turns, each between two readings of the reference. Before anything is reported, the
 * detections of every run are held against the oracle's: pattern, entity and chunk.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catchUp, initialise, peaksOf, type Place, waitUntilStopped } from '../catch-up/detector.ts';
import type { External } from '../catch-up/external.ts';
import { type Input, makeInput } from '../catch-up/input.ts';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import type { Peak } from '../lib/process-tree.ts';
import { middle, type Reading, type Reference, startReference } from '../lib/reference.ts';
import type { Result, Section } from '../lib/result.ts';
import { withWorkspace } from '../lib/workspace.ts';
import { assertSame, type Detections, detectionsOfPeer, detectionsOfTallyho } from './detections.ts';
import { expectedDetections } from './expected.ts';
import { buildPeers, type PeerProgram, peerPrograms } from './programs.ts';
import { makePeerPlace, peaksOfPeer, runPeer, startTunedPostgres } from './run-peer.ts';
import { measureSize, type SizeRun } from './sizes.ts';
import { chunkFigure, cpuFigure, memoryFigure, wallFigure } from './table.ts';

export interface PeersOptions {
  readonly pairs: number;
  /** With little, to see that it works. */
  readonly quick: boolean;
  /** Pairs in the states; null: 100k and 1M. */
  readonly sizes: readonly number[] | null;
}

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Contender {
  readonly title: string;
  /** One run from an empty state in a folder of that name, checked. */
  readonly run: (name: string) => Promise<Cost>;
  readonly peaks: (name: string) => Promise<readonly Peak[]>;
}

interface Run {
  readonly who: string;
  readonly cost: Cost;
  readonly reference: Reading;
}

const quickChunks = 12;

export async function benchPeers({ pairs, quick, sizes }: PeersOptions): Promise<Result> {
  if (process.platform !== 'linux') throw new Error('peers reads CPU time and memory of processes from /proc, so it needs Linux.');
  const machine = await describeMachine();
  const stateSizes = sizes ?? (quick ? [100_000] : [100_000, 1_000_000]);
  return withWorkspace('peers', async (workspace) => {
    const { folder } = workspace;
    const all = makeInput(folder);
    const input = quick ? firstChunks(all, join(folder, 'first'), quickChunks) : all;
    console.error('Asking the oracle ...');
    const expected = await expectedDetections(input.chunks, chunkNames(input), 'full');
    const files = await buildPeers();
    const server = workspace.keep(await startTunedPostgres(folder));
    const sql = `select merchant, customer, count(*), sum(amount) from read_csv('${input.file}') group by all`;
    const reference = workspace.keep(await startReference(sql));
    const contenders = [
      tallyho(folder, input, expected),
      ...peerPrograms.map((program) => peer(program, files[program.name], { folder, input, expected, server })),
    ];
    const memory = new Map<string, readonly Peak[]>();
    for (const { title, peaks } of contenders) memory.set(title, await peaks('memory'));
    const runs: Run[] = [];
    for (let i = 0; i < pairs; i++) {
      for (const { title, run } of contenders) runs.push(await takeRun(title, () => run(`run-${i}`), reference));
    }
    const sizeRuns: SizeRun[] = [];
    for (const size of stateSizes) sizeRuns.push(...(await measureSize(size, { folder, files, server, chunks: quick ? 2 : 7 })));
    return {
      bench: 'peers',
      command: `npm run bench -- peers --pairs ${pairs} --sizes ${stateSizes.join(',') || '0'}${quick ? ' --quick' : ''}`,
      takenAt: new Date().toISOString(),
      machine,
      method: [
        `${input.rows.toLocaleString('en-US')} rows in ${input.count} chunks; ${expected.length} detections in each run, those of the oracle, chunk by chunk.`,
        "x: multiples of DuckDB's one-shot group-by on 2 threads, read before and after each run; all took turns.",
        'Tallyho: whole process with the start of its private server, evidence included. The peers write detections only, take good rows for granted, and know these three patterns alone.',
        'The peers: bench/peers/programs/. DuckDB on one thread, where it costs least; PostgreSQL tuned, running already, fsync on.',
        'One chunk: at a peer from the file to the end of its commit; at Tallyho from the file, found by a listing every 10 ms, to its detections file; CPU with that of the fold after it, without that of idle listings.',
      ],
      sections: [
        ...contenders.map(({ title }) =>
          section(
            title,
            runs.filter(({ who }) => who === title),
            memory.get(title) ?? [],
            sizeRuns.filter(({ who }) => who === title),
          ),
        ),
        referenceSection(runs),
      ],
      runs: [...runs.map(({ who, cost, reference }) => ({ who, ...cost, reference })), ...sizeRuns.map((run) => ({ ...run }))],
    };
  });
}

async function takeRun(who: string, run: () => Promise<Cost>, reference: Reference): Promise<Run> {
  const before = await reference.read();
  const cost = await run();
  const taken = { who, cost, reference: middle([...before, ...(await reference.read())]) };
  const { wallMs, cpuMs } = taken.reference;
  console.error(
    `${who}: wall ${(cost.wallMs / wallMs).toFixed(1)} x (${cost.wallMs.toFixed(0)} by ${wallMs.toFixed(0)} ms), ` +
      `CPU ${(cost.cpuMs / cpuMs).toFixed(1)} x (${cost.cpuMs.toFixed(0)} by ${cpuMs.toFixed(0)} ms)`,
  );
  return taken;
}

function tallyho(folder: string, input: Input, expected: Detections): Contender {
  const title = 'Tallyho';
  const ready = async (name: string): Promise<Place> => {
    const place = { folder: join(folder, `tallyho-${name}`), database: null, postmaster: null };
    mkdirSync(place.folder);
    await initialise(place, input);
    await waitUntilStopped(place);
    return place;
  };
  const check = async (place: Place): Promise<void> => {
    await waitUntilStopped(place);
    assertSame(title, detectionsOfTallyho(join(place.folder, 'output'), chunkNames(input)), expected);
  };
  return {
    title,
    async run(name) {
      const place = await ready(name);
      const { wallMs, mainCpuMs, serverCpuMs } = await catchUp(place, input);
      await check(place);
      return { wallMs, cpuMs: mainCpuMs + serverCpuMs };
    },
    async peaks(name) {
      const place = await ready(name);
      const peaks = await peaksOf(place, input);
      await check(place);
      return peaks;
    },
  };
}

interface World {
  readonly folder: string;
  readonly input: Input;
  readonly expected: Detections;
  readonly server: External;
}

function peer(program: PeerProgram, file: string, { folder, input, expected, server }: World): Contender {
  const ready = (name: string) => makePeerPlace(program, join(folder, `${program.name}-${name}`), server);
  const { title } = program;
  return {
    title,
    async run(name) {
      const place = await ready(name);
      const { wallMs, mainCpuMs, serverCpuMs } = await runPeer(file, place, input.chunks);
      assertSame(title, detectionsOfPeer(place.output), expected);
      return { wallMs, cpuMs: mainCpuMs + serverCpuMs };
    },
    async peaks(name) {
      const place = await ready(name);
      const peaks = await peaksOfPeer(file, place, input.chunks);
      assertSame(title, detectionsOfPeer(place.output), expected);
      return peaks;
    },
  };
}

function chunkNames({ count }: Input): string[] {
  return Array.from({ length: count }, (_, i) => `chunk_${i}.csv`);
}

/** The same with less, for a look whether all works. */
function firstChunks(input: Input, folder: string, count: number): Input {
  const chunks = join(folder, 'input');
  const file = join(folder, 'transactions.csv');
  mkdirSync(chunks, { recursive: true });
  const names = chunkNames({ ...input, count });
  for (const name of names) cpSync(join(input.chunks, name), join(chunks, name), { preserveTimestamps: true });
  const texts = names.map((name, i) => {
    const text = readFileSync(join(chunks, name), 'utf8');
    return i === 0 ? text : text.slice(text.indexOf('\n') + 1);
  });
  const text = texts.join('');
  writeFileSync(file, text);
  return { ...input, chunks, file, count, bytes: text.length, rows: text.split('\n').length - 2 };
}

function section(title: string, runs: readonly Run[], peaks: readonly Peak[], sizes: readonly SizeRun[]): Section {
  const of = (what: string, unit: Figure['unit'], value: (run: Run) => number): Figure => figure(what, unit, runs.map(value));
  return {
    title,
    figures: [
      of(cpuFigure, 'x', ({ cost, reference }) => cost.cpuMs / reference.cpuMs),
      of(wallFigure, 'x', ({ cost, reference }) => cost.wallMs / reference.wallMs),
      of('CPU, absolute', 'ms', ({ cost }) => cost.cpuMs),
      of('Wall, absolute', 'ms', ({ cost }) => cost.wallMs),
      figure(memoryFigure, 'MB', [peaks.reduce((sum, { mb }) => sum + mb, 0)]),
      ...sizes.flatMap(({ size, ms, cpuMs }) => [
        figure(chunkFigure(size), 'ms', ms),
        figure(`${chunkFigure(size)}, CPU of all processes, mean`, 'ms', [cpuMs]),
      ]),
    ],
  };
}

function referenceSection(runs: readonly Run[]): Section {
  const of = (what: string, value: (reading: Reading) => number): Figure =>
    figure(
      what,
      'ms',
      runs.map(({ reference }) => value(reference)),
    );
  return {
    title: "Reference: DuckDB's one-shot group-by, 2 threads, warm",
    figures: [of('Wall', ({ wallMs }) => wallMs), of('CPU', ({ cpuMs }) => cpuMs)],
  };
}
