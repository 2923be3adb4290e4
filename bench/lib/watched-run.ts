/** `tallyho run --once` as a process, with the peak memory of itself and of the processes that serve it, looked at ten times a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readDoor } from '../../src/store/private-server/door.ts';
import { readPidFile } from '../../src/store/private-server/processes.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';
import { resolve } from 'node:path';
import { cpuOf, type Peak, peakOf, treeOf } from './process-tree.ts';
import { startTimed, type Timed } from './timed-command.ts';

export interface WatchedRun {
  readonly wallMs: number;
  /** Of the process and, as last seen, of the server. */
  readonly cpuMs: number;
  readonly peaks: readonly Peak[];
  /** The largest sum of what all processes had in memory at one look, shared memory counted in each. */
  readonly peakMb: number;
}

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

/** `state`: folder of the private server. */
export async function runWatched(config: string, state: string, cwd: string): Promise<WatchedRun> {
  const started = startTimed([process.execPath, entry, 'run', '--once', '--config', config], { cwd });
  const peaks = new Map<number, Peak>();
  let peakMb = 0;
  let serverCpuMs = 0;
  const look = async (): Promise<void> => {
    const servers = await serversOf(state);
    const roots = [started.pid, ...servers];
    let sum = 0;
    for (const pid of treeOf(roots)) {
      const peak = pid === started.pid ? null : peakOf(pid);
      if (peak === null) continue;
      peaks.set(pid, peak);
      sum += peak.residentMb;
    }
    peakMb = Math.max(peakMb, sum);
    if (servers.length > 0) serverCpuMs = cpuOf(servers);
  };
  let ended: Timed | null = null;
  while (ended === null) {
    await look();
    ended = await Promise.race([started.ended, sleep(100, null)]);
  }
  if (ended.code !== 0) throw new Error(`tallyho run --once ended with ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
  await look();
  return {
    wallMs: ended.wallMs,
    cpuMs: ended.cpuMs + serverCpuMs,
    peaks: [...peaks.values()].toSorted((a, b) => b.mb - a.mb),
    peakMb,
  };
}

/** The postmaster, which the run has started, and the supervisor. */
async function serversOf(state: string): Promise<number[]> {
  const folder = stateFolderAt(state);
  const pid = (await readPidFile(folder.data))?.pid;
  const supervisor = (await readDoor(folder))?.supervisor;
  return pid === undefined || supervisor === undefined ? [] : [pid, supervisor];
}
