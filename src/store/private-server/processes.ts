/**
 * Which processes of PostgreSQL run in a data folder. Judged by what they are, never by a process id alone: after a
 * crash the id in postmaster.pid may be anybody's.
 *
 * Linux: every process of PostgreSQL has the data folder as its working folder; /proc shows both. Elsewhere only the
 * process in postmaster.pid is looked at, with what the system says about its program.
 */
import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

export interface ServerProcesses {
  /** The postmaster, where one lives. */
  readonly postmaster: number | undefined;
  /** Processes of PostgreSQL in this folder that are not the postmaster. */
  readonly others: readonly number[];
}

export async function serverProcesses(data: string): Promise<ServerProcesses> {
  const pid = (await readPidFile(data))?.pid;
  if (process.platform === 'linux') {
    const found = await runningIn(data);
    return { postmaster: found.find((id) => id === pid), others: found.filter((id) => id !== pid) };
  }
  return { postmaster: pid !== undefined && (await runsPostgres(pid, data)) ? pid : undefined, others: [] };
}

/** Processes of PostgreSQL in a folder that lay under this name and has been deleted. Linux only. */
export async function processesInDeleted(data: string): Promise<readonly number[]> {
  return process.platform === 'linux' ? await runningIn(`${data} (deleted)`) : [];
}

/** postmaster.pid: its first line is the process id, its eighth the state ("ready" once it serves). */
export async function readPidFile(data: string): Promise<{ readonly pid: number; readonly ready: boolean } | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const lines = text?.split('\n') ?? [];
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
}

/** Whether this process is the server's: with /proc by its working folder, elsewhere by its program. */
export async function isServerProcess(pid: number, data: string): Promise<boolean> {
  return process.platform === 'linux' ? await isPostgresIn(pid, data) : await runsPostgres(pid, data);
}

/** Whether a process runs PostgreSQL, wherever. */
export async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return await runsPostgres(pid, '');
  const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
  // The programs may have been replaced by an update while they run.
  return basename(program.replace(/ \(deleted\)$/, '')) === 'postgres';
}

async function runningIn(data: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const are = await Promise.all(pids.map((pid) => isPostgresIn(pid, data)));
  return pids.filter((_, i) => are[i]);
}

async function isPostgresIn(pid: number, data: string): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === data && (await isPostgres(pid));
  } catch {
    // Gone, or another user's: then not one that we could have started.
    return false;
  }
}

async function runsPostgres(pid: number, data: string): Promise<boolean> {
  const run = promisify(execFile);
  try {
    if (process.platform === 'win32') {
      const { stdout } = await run('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH']);
      return stdout.toLowerCase().includes('"postgres.exe"');
    }
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.includes('postgres') && stdout.includes(data);
  } catch {
    return false;
  }
}
