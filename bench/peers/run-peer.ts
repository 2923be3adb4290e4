/** A peer as a process of its own, and what it costs: as detector.ts says for Tallyho, so that both are taken alike. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type External, startExternal } from '../catch-up/external.ts';
import { type Peak, peakOf, settledCpuOf, treeOf } from '../lib/process-tree.ts';
import { startTimed, type Timed } from '../lib/timed-command.ts';
import type { PeerProgram } from './programs.ts';
import type { PresetName } from './programs/thresholds.ts';

export interface PeerRun {
  readonly wallMs: number;
  readonly mainCpuMs: number;
  /** Of PostgreSQL; 0 where there is none. */
  readonly serverCpuMs: number;
  /** One line of JSON for each chunk (`ChunkLine`). */
  readonly lines: string;
  readonly output: string;
}

export interface PeerPlace {
  readonly folder: string;
  readonly state: string;
  readonly output: string;
  readonly postmaster: number | null;
}

/** What a good user of a machine like this one sets; all is durable (fsync and synchronous_commit are on as they come). */
const tuned = { shared_buffers: '1GB', work_mem: '128MB', temp_buffers: '64MB', max_wal_size: '4GB', jit: 'off', random_page_cost: '1.1' };

export function startTunedPostgres(parent: string): Promise<External> {
  return startExternal(parent, tuned);
}

/** A new, empty state. */
export async function makePeerPlace(program: PeerProgram, folder: string, server: External): Promise<PeerPlace> {
  mkdirSync(folder);
  const output = join(folder, 'output');
  if (program.state === 'file') return { folder, output, state: join(folder, 'state.duckdb'), postmaster: null };
  return { folder, output, state: await server.createDatabase(), postmaster: server.postmaster };
}

export function peerCommand(file: string, { state, output }: PeerPlace, input: string, preset: PresetName = 'full'): string[] {
  return [process.execPath, file, '--input', input, '--output', output, '--state', state, '--preset', preset];
}

export async function runPeer(file: string, place: PeerPlace, input: string, preset?: PresetName): Promise<PeerRun> {
  const servers = place.postmaster === null ? [] : [place.postmaster];
  const before = await settledCpuOf(servers);
  const { code, stdout, stderr, wallMs, cpuMs } = await startTimed(peerCommand(file, place, input, preset), { cwd: place.folder }).ended;
  if (code !== 0) throw new Error(`${file} ended with ${code}\n${stdout}\n${stderr}`);
  const after = await settledCpuOf(servers);
  return { wallMs, mainCpuMs: cpuMs, serverCpuMs: after - before, lines: stdout, output: place.output };
}

/** Peak memory of each process. Looking costs, so this is never a run that is timed. */
export async function peaksOfPeer(file: string, place: PeerPlace, input: string): Promise<readonly Peak[]> {
  const started = startTimed(peerCommand(file, place, input), { cwd: place.folder });
  const peaks = new Map<number, Peak>();
  let ended: Timed | null = null;
  while (ended === null) {
    for (const pid of treeOf([started.pid, ...(place.postmaster === null ? [] : [place.postmaster])])) {
      const peak = pid === started.pid ? null : peakOf(pid);
      if (peak !== null) peaks.set(pid, peak);
    }
    ended = await Promise.race([started.ended, sleep(10, null)]);
  }
  if (ended.code !== 0) throw new Error(ended.stderr);
  return [...peaks.values()].toSorted((a, b) => b.mb - a.mb);
}
