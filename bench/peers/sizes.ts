/**
 * One 10,000-row chunk on a state of so many pairs, warm: each is given the base (lib/synthetic.ts), some chunks to get warm,
 * and those that are measured, in one life.
 *
 * A peer tells the wall time itself, from the file to the end of its commit. Tallyho is watched from outside: `run` on a
 * folder that it looks at every 10 ms, from the moment the chunk stands there until its detections do, evidence before
 * them. CPU is that of all processes over all measured chunks; of Tallyho with its folds, which come when it is idle, and
 * without what its idle looking costs in the same time. The detections of each are held against the oracle's.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, privateServer, waitUntilStopped } from '../catch-up/detector.ts';
import type { External } from '../catch-up/external.ts';
import { cpuOf } from '../lib/process-tree.ts';
import { chunkBytes, shapeOf, writeBase } from '../lib/synthetic.ts';
import { assertSame, type Detections, detectionsOfPeer, detectionsOfTallyho } from './detections.ts';
import { expectedDetections } from './expected.ts';
import { type PeerName, type PeerProgram, peerPrograms } from './programs.ts';
import type { ChunkLine } from './programs/peer.ts';
import { makePeerPlace, peerCommand } from './run-peer.ts';

export interface SizeRun {
  readonly who: string;
  readonly size: number;
  /** Of each measured chunk. */
  readonly ms: readonly number[];
  /** Mean of one. */
  readonly cpuMs: number;
}

export interface SizeOptions {
  readonly folder: string;
  readonly files: Readonly<Record<PeerName, string>>;
  readonly server: External;
  /** To be measured. */
  readonly chunks: number;
}

interface World extends SizeOptions {
  /** With base and chunks. */
  readonly input: string;
  readonly names: readonly string[];
  readonly size: number;
}

interface Watched {
  readonly run: SizeRun;
  readonly found: Detections;
}

const warmUp = 4;
/** For one chunk, the base before the first included: Tallyho is watched from outside, and what it leaves out would be waited for. */
const patienceMs = 600_000;

export async function measureSize(size: number, options: SizeOptions): Promise<readonly SizeRun[]> {
  const input = join(options.folder, `size-${size}`);
  const shape = shapeOf(size);
  const base = Array.from({ length: writeBase(input, shape).files }, (_, i) => `base_${i}.csv`);
  const chunks = Array.from({ length: warmUp + options.chunks }, (_, i) => `chunk_${i}.csv`);
  chunks.forEach((name, i) => writeFileSync(join(input, name), chunkBytes(shape, i)));
  const world = { ...options, input, size, names: [...base, ...chunks] };
  console.error(`Asking the oracle about ${size} pairs ...`);
  const expected = await expectedDetections(input, world.names, 'full');
  const silent = chunks.find((name) => !expected.some((line) => line.startsWith(`${name} `)));
  if (silent !== undefined) throw new Error(`${size} pairs are too few: ${silent} has no detection, and its file is what is waited for`);
  const runs: SizeRun[] = [];
  for (const program of [...peerPrograms, null]) {
    const { run, found } = program === null ? await watchTallyho(world) : await watchPeer(program, world);
    assertSame(run.who, found, expected);
    runs.push(run);
    console.error(`${run.who}, ${size} pairs: ${run.ms.map((ms) => ms.toFixed(0)).join(' ')} ms, CPU ${run.cpuMs.toFixed(0)} ms`);
  }
  rmSync(input, { recursive: true });
  return runs;
}

async function watchPeer(program: PeerProgram, { folder, files, server, input, size, chunks }: World): Promise<Watched> {
  const place = await makePeerPlace(program, join(folder, `${program.name}-${size}`), server);
  const [node = '', ...args] = peerCommand(files[program.name], place, input);
  const child = spawn(node, args, { cwd: place.folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const roots = [child.pid, place.postmaster].filter((pid) => typeof pid === 'number');
  const lines: (ChunkLine & { readonly cpuMs: number })[] = [];
  for await (const line of createInterface(child.stdout)) lines.push({ ...(JSON.parse(line) as ChunkLine), cpuMs: cpuOf(roots) });
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`${program.title} ended with ${code}`);
  const found = detectionsOfPeer(place.output);
  rmSync(place.folder, { recursive: true });
  const cpuMs = ((lines.at(-1)?.cpuMs ?? 0) - (lines.at(-chunks - 1)?.cpuMs ?? 0)) / chunks;
  return { run: { who: program.title, size, ms: lines.slice(-chunks).map(({ ms }) => ms), cpuMs }, found };
}

async function watchTallyho({ folder: parent, input, names, size, chunks }: World): Promise<Watched> {
  const folder = join(parent, `tallyho-${size}`);
  const [source, output, config] = [join(folder, 'source'), join(folder, 'output'), join(folder, 'tallyho.yaml')];
  mkdirSync(source, { recursive: true });
  writeFileSync(
    config,
    `source: { url: '${source}/', poll: 10ms, settle: 0s }\nsink: ${output}/\nstate: ${folder}/state/\nweight: amount\npatterns: full\n`,
  );
  const base = names.slice(0, -warmUp - chunks);
  for (const name of base) renameSync(join(input, name), join(source, name));
  const [node = '', ...args] = command(config).filter((word) => word !== '--once');
  const child = spawn(node, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  const place = { folder, database: null, postmaster: null };
  const ms: number[] = [];
  const total = async (): Promise<Moment> => ({ at: performance.now(), cpuMs: cpuOf([child.pid ?? 0, ...(await privateServer(place))]) });
  const moments: Moment[] = [];
  let idleShare = 0;
  try {
    for (const [i, name] of names.slice(base.length).entries()) {
      renameSync(join(input, name), join(source, name));
      const placed = performance.now();
      while (!isPublished(output, base.length + i + 1)) {
        if (child.exitCode !== null) throw new Error(`tallyho run ended with ${child.exitCode}`);
        if (performance.now() - placed > patienceMs) throw new Error(`tallyho run: no detections of ${name}`);
        await sleep(1);
      }
      ms.push(performance.now() - placed);
      // The fold, and rest.
      await sleep(1000);
      moments.push(await total());
    }
    await sleep(1000);
    idleShare = cpuShare(moments.at(-1), await total());
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  await waitUntilStopped(place);
  const found = detectionsOfTallyho(output, names);
  rmSync(folder, { recursive: true });
  const [first, last] = [moments.at(-chunks - 1), moments.at(-1)];
  const cpuMs = ((cpuShare(first, last) - idleShare) * ((last?.at ?? 0) - (first?.at ?? 0))) / chunks;
  return { run: { who: 'Tallyho', size, ms: ms.slice(-chunks), cpuMs }, found };
}

interface Moment {
  readonly at: number;
  /** Until then. */
  readonly cpuMs: number;
}

function cpuShare(from: Moment | undefined, to: Moment | undefined): number {
  return from === undefined || to === undefined ? Number.NaN : (to.cpuMs - from.cpuMs) / (to.at - from.at);
}

/** Its first file of detections is put last. */
function isPublished(output: string, sequence: number): boolean {
  if (!existsSync(output)) return false;
  const folder = readdirSync(output).find((name) => name.endsWith(`-${sequence}`));
  return folder !== undefined && existsSync(join(output, folder, 'detections-1.csv'));
}
