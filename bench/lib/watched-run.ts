/** `tallyho run --once` as a process, with the peak memory of itself and of the processes that serve it, looked at ten times a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readPidFile } from '../../src/store/private-server/processes.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';
import { resolve } from 'node:path';
import { cpuOf, parentOf, type Peak, peakOf, treeOf } from './process-tree.ts';
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
    const supervisor = await supervisorOf(state);
    const roots = supervisor === null ? [started.pid] : [started.pid, supervisor];
    let sum = 0;
    for (const pid of treeOf(roots)) {
      const peak = pid === started.pid ? null : peakOf(pid);
      if (peak === null) continue;
      peaks.set(pid, peak);
      sum += peak.residentMb;
    }
    peakMb = Math.max(peakMb, sum);
    if (supervisor !== null) serverCpuMs = cpuOf([supervisor]);
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

async function supervisorOf(state: string): Promise<number | null> {
  const pid = (await readPidFile(stateFolderAt(state).data))?.pid;
  const parent = pid === undefined ? null : parentOf(pid);
  return parent === null || parent <= 1 ? null : parent;
}
