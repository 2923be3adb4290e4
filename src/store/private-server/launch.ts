/**
 * Starts the server's program on a data folder in which, as judged under the lock, nothing runs; and stops it.
 *
 * A running server is known by its postmaster's process id, whoever started it: after a killed supervisor the next one
 * adopts it and can do no less with it.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.ts';
import { socketPath, socketPort, type Way } from './knock.ts';
import { serverSpawn } from './make-data.ts';
import { isServerProcess, processesInDeleted, readPidFile, serverProcesses } from './processes.ts';
import type { RunAs } from './run-as.ts';
import { serverArguments } from './settings.ts';
import { leftSocketFolders, makeSocketFolder, removeSocketFolder } from './socket-folder.ts';
import type { StateFolder } from './state-folder.ts';

/** Where the next server will listen. Windows: sockets have no owner there, so an address and a free port; scram guards it. */
export async function makeWay(folder: StateFolder, user: RunAs | undefined): Promise<Way> {
  if (process.platform === 'win32') return { socketFolder: '', address: '127.0.0.1', port: await freePort() };
  return { socketFolder: await makeSocketFolder(folder, user), address: '', port: socketPort };
}

/**
 * Removes the files by which PostgreSQL knows a running server, when they were left by a killed one: their process id may
 * be anybody's now. Looks once more at each: a server whose supervisor was killed a moment ago may just have made it.
 */
export async function removeStaleFiles(folder: StateFolder): Promise<void> {
  const pid = await firstLine(join(folder.data, 'postmaster.pid'));
  // With a dead process id PostgreSQL makes its own checks (shared memory that is still in use), so it is left to it.
  if (isAlive(pid) && !(await isServerProcess(pid, folder.data))) await rm(join(folder.data, 'postmaster.pid'), { force: true });

  const socket = socketPath(folder.data, socketPort);
  if (await isServerProcess(await firstLine(`${socket}.lock`), folder.data)) return;
  await rm(socket, { force: true });
  await rm(`${socket}.lock`, { force: true });
}

/** The process id in a lock file of PostgreSQL; 0 where there is none. */
async function firstLine(file: string): Promise<number> {
  return Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10) || 0;
}

/**
 * Resolves when the server serves (recovery after a crash included): its process id. Undefined: it has ended. The signal
 * ends the wait alone, with its reason.
 */
export async function launch(
  folder: StateFolder,
  binaries: Binaries,
  way: Way,
  user: RunAs | undefined,
  signal?: AbortSignal,
): Promise<number | undefined> {
  return process.platform === 'win32'
    ? await launchOnWindows(folder, binaries, way)
    : await launchHere(folder, binaries, way, user, signal);
}

async function launchHere(
  folder: StateFolder,
  binaries: Binaries,
  way: Way,
  user: RunAs | undefined,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const log = await open(folder.log, 'a', 0o600);
  let ended = false;
  try {
    // In a session of its own, so that Ctrl-C in a terminal is not for it.
    const child = spawn(binaries.postgres, serverArguments(folder.data, way), {
      ...serverSpawn(user),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.once('exit', () => (ended = true)).once('error', () => (ended = true));
    child.unref();
    for (;;) {
      const found = await readPidFile(folder.data);
      if (found !== undefined && found.pid === child.pid && found.ready) return child.pid;
      if (ended) return undefined;
      signal?.throwIfAborted();
      await sleep(3);
    }
  } finally {
    await log.close();
  }
}

/** postgres.exe refuses an administrator; pg_ctl starts it with fewer rights. */
async function launchOnWindows(folder: StateFolder, binaries: Binaries, way: Way): Promise<number | undefined> {
  const [, , ...settings] = serverArguments(folder.data, way);
  const options = settings.map((part) => (part === '-c' ? part : `"${part}"`)).join(' ');
  try {
    await promisify(execFile)(binaries.pgCtl, ['start', '-w', '-t', '3600', '-D', folder.data, '-l', folder.log, '-o', options]);
  } catch {
    return undefined;
  }
  return (await readPidFile(folder.data))?.pid;
}

/**
 * Fast shutdown: open transactions are rolled back, and the next start needs no recovery. Resolves when the server is
 * gone. What does not end within a minute is ended at once, which costs a recovery and nothing else.
 */
export async function stopServer(folder: StateFolder, binaries: Binaries | undefined, pid: number): Promise<void> {
  if (process.platform === 'win32' && binaries !== undefined) {
    await promisify(execFile)(binaries.pgCtl, ['stop', '-w', '-m', 'fast', '-D', folder.data]).catch(() => {});
    return;
  }
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const limit = Date.now() + 60_000;
    if (await isServerProcess(pid, folder.data)) signalServer(pid, signal);
    while (Date.now() < limit) {
      if (!(await isServerProcess(pid, folder.data))) return;
      await sleep(10);
    }
  }
}

/**
 * Ends the server of a state folder that has been deleted, or is about to be, at once. Where a lock lies under the name
 * again, what runs there is another state's. Where its processes cannot be seen the server ends itself within a minute.
 */
export async function endDeletedServer(folder: StateFolder, user: RunAs | undefined): Promise<void> {
  const seen = async (): Promise<readonly number[]> => {
    const { postmaster, others } = existsSync(folder.lock) ? nothing : await serverProcesses(folder.data);
    return [...(await processesInDeleted(folder.data)), ...(postmaster === undefined ? [] : [postmaster]), ...others];
  };
  for (const limit = Date.now() + 10_000; Date.now() < limit; await sleep(50)) {
    const pids = await seen();
    if (pids.length === 0) break;
    for (const pid of pids) signalServer(pid, 'SIGQUIT');
  }
  if (existsSync(folder.lock)) return;
  for (const left of await leftSocketFolders(folder, join(tmpdir(), 'none'), user)) await removeSocketFolder(left);
}

const nothing = { postmaster: undefined, others: [] };

export function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in between.
  }
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}
