/**
 * `tallyho run --once` as a process of its own, on a state folder that was initialised before, and what it costs.
 *
 * Wall: from the start of the process to its end, by bash's `time`; at its end all is committed, folded, published and
 * synced. CPU: the process by bash's `time`, plus the growth of the processes that serve it, by /proc as soon as its
 * backends have gone:
 *   private server   the postmaster, the supervisor, and all below them. None of them lived before, so all of their time counts.
 *   external         the postmaster and all below it, after minus before.
 * The private server stops itself five seconds later, when nobody waits any more; what that costs is followed to its end
 * and told apart (`afterMs`).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDoor } from '../../src/store/private-server/door.ts';
import { readPidFile } from '../../src/store/private-server/processes.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';
import { cpuOf, isAlive, type Peak, peakOf, settledCpuOf, treeOf } from '../lib/process-tree.ts';
import { startTimed, type Timed } from '../lib/timed-command.ts';
import type { Input } from './input.ts';

/** Where one run keeps its state and puts its output. */
export interface Place {
  readonly folder: string;
  /** URL of an external database, or null: the private server in folder/state. */
  readonly database: string | null;
  /** Postmaster of the external one. */
  readonly postmaster: number | null;
}

export interface Cost {
  readonly wallMs: number;
  readonly mainCpuMs: number;
  readonly serverCpuMs: number;
  /** CPU of the private server's lingering and stopping. */
  readonly afterMs: number;
  readonly detections: number;
}

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

/** Makes server, schema and settings, by a run on an empty source. The private server may still linger: `waitUntilStopped`. */
export async function initialise(place: Place, input: Input): Promise<void> {
  await run(place, writeConfig(place, 'initialise', input.nothing));
}

export async function catchUp(place: Place, input: Input): Promise<Cost> {
  const config = writeConfig(place, 'run', input.chunks);
  const before = place.postmaster === null ? 0 : await settledCpuOf([place.postmaster]);
  const { wallMs, cpuMs } = await run(place, config);
  const servers = place.postmaster === null ? await privateServer(place) : [place.postmaster];
  const after = await settledCpuOf(servers);
  const afterMs = place.postmaster === null ? (await followToEnd(servers)) - after : 0;
  return { wallMs, mainCpuMs: cpuMs, serverCpuMs: after - before, afterMs: Math.max(0, afterMs), detections: countDetections(place) };
}

/** Peak memory of each process. Looking costs, so this is never a run that is timed. */
export async function peaksOf(place: Place, input: Input): Promise<readonly Peak[]> {
  const config = writeConfig(place, 'run', input.chunks);
  const started = startTimed(command(config), { cwd: place.folder, env: environment(place) });
  const peaks = new Map<number, Peak>();
  const look = async (): Promise<void> => {
    const servers = place.postmaster === null ? await privateServer(place).catch(() => []) : [place.postmaster];
    for (const pid of treeOf([started.pid, ...servers])) {
      const peak = pid === started.pid ? null : peakOf(pid);
      if (peak !== null) peaks.set(pid, peak);
    }
  };
  let ended: Timed | null = null;
  while (ended === null) {
    await look();
    ended = await Promise.race([started.ended, sleep(10, null)]);
  }
  const { code, stderr } = ended;
  if (code !== 0) throw new Error(stderr);
  await look();
  return [...peaks.values()].toSorted((a, b) => b.mb - a.mb);
}

/** The private server of this place, if any, has ended by itself. */
export async function waitUntilStopped(place: Place): Promise<void> {
  if (place.database !== null) return;
  for (;;) {
    const pid = (await readPidFile(stateFolderAt(join(place.folder, 'state')).data))?.pid;
    if (pid === undefined || !isAlive(pid)) return;
    await sleep(50);
  }
}

export function command(config: string): string[] {
  return [process.execPath, entry, 'run', '--once', '--config', config];
}

export function environment({ database }: Place): NodeJS.ProcessEnv {
  return { ...process.env, ...(database === null ? {} : { BENCH_DATABASE_URL: database }) };
}

async function run(place: Place, config: string): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const { code, stdout, stderr, ...timed } = await startTimed(command(config), { cwd: place.folder, env: environment(place) }).ended;
  if (code !== 0) throw new Error(`tallyho run --once ended with ${code}\n${stdout}\n${stderr}`);
  return timed;
}

export function writeConfig({ folder, database }: Place, name: string, source: string): string {
  const path = join(folder, `${name}.yaml`);
  const store = database === null ? `state: ${folder}/state/` : `store: \${BENCH_DATABASE_URL}`;
  writeFileSync(path, `source: ${source}/\nsink: ${folder}/output/\n${store}\nweight: amount\npatterns: full\n`);
  return path;
}

/** The postmaster, which the detector has started, and the supervisor. */
export async function privateServer({ folder }: Place): Promise<number[]> {
  const state = stateFolderAt(join(folder, 'state'));
  const pid = (await readPidFile(state.data))?.pid;
  const supervisor = (await readDoor(state))?.supervisor;
  if (pid === undefined || supervisor === undefined) throw new Error(`no supervisor is to be seen for the server in ${folder}`);
  return [pid, supervisor];
}

/** CPU of the processes at the last look before their end. */
async function followToEnd(pids: readonly number[]): Promise<number> {
  let most = 0;
  while (pids.some(isAlive)) {
    most = Math.max(most, cpuOf(pids));
    await sleep(20);
  }
  return most;
}

/** Rows of all output files. */
function countDetections({ folder }: Place): number {
  const files = readdirSync(join(folder, 'output'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /detections-\d+\.csv$/.test(name),
  );
  return files.reduce(
    (sum, name) =>
      sum +
      readFileSync(join(folder, 'output', name), 'utf8')
        .trimEnd()
        .split('\n').length -
      1,
    0,
  );
}
