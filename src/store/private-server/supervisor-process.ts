/** The opener's side of a supervisor: starts the process, hears what it says, and leaves it to itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Lock } from './lock.ts';
import type { StateFolder } from './state-folder.ts';
import { isSupervisorMessage, type SupervisorMessage, type SupervisorTask } from './supervisor-message.ts';

export interface Supervisor {
  /** It has ended, or could not be started. */
  readonly ended: boolean;
  /** The last of what it said; undefined before that. */
  readonly last: SupervisorMessage | undefined;
  /** One that waits for the lock ends; one that has it goes on alone. */
  leave(): void;
}

/** `lock`: inherits it; else it waits for the lock by itself. `onNews`: it has said something, or has ended. */
export function startSupervisor(
  folder: StateFolder,
  takeOver: boolean,
  lock: Lock | undefined,
  onNews: (message: SupervisorMessage | undefined) => void,
): Supervisor {
  const inherited = lock?.descriptor ?? null;
  const child = spawnSupervisor(folder, { root: folder.root, mode: 'start', takeOver, lock: inherited === null ? null : 3 }, [
    ...(inherited === null ? [] : [inherited]),
    'ipc',
  ]);
  const state: { ended: boolean; last: SupervisorMessage | undefined } = { ended: false, last: undefined };
  child.on('message', (message) => {
    if (!isSupervisorMessage(message)) return;
    state.last = message;
    onNews(message);
  });
  const end = (): void => {
    state.ended = true;
    onNews(undefined);
  };
  child.once('exit', end).once('error', end);
  return {
    get ended() {
      return state.ended;
    },
    get last() {
      return state.last;
    },
    leave: () => {
      child.removeAllListeners().on('error', () => {});
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

/** For a server that answers and has no supervisor (it was killed). Nobody waits for it. */
export function startAdopter(folder: StateFolder): void {
  const child = spawnSupervisor(folder, { root: folder.root, mode: 'adopt', takeOver: false, lock: null }, []);
  child.on('error', () => {});
  child.unref();
}

function spawnSupervisor(folder: StateFolder, task: SupervisorTask, more: readonly (number | 'ipc')[]): ChildProcess {
  const [program = '', ...args] = supervisorCommand(task);
  return withLog(folder, (log) =>
    spawn(program, args, {
      // Of a session of its own: Ctrl-C in our terminal is not for it. Its working folder keeps no disk busy.
      detached: true,
      cwd: process.platform === 'win32' ? tmpdir() : '/',
      stdio: ['ignore', log, log, ...more],
      windowsHide: true,
    }),
  );
}

/** What Node itself says when the supervisor cannot even be loaded goes to the server's log. */
export function withLog<T>(folder: StateFolder, use: (log: number) => T): T {
  const log = openSync(folder.log, 'a', 0o600);
  try {
    return use(log);
  } finally {
    closeSync(log);
  }
}

export function supervisorCommand(task: SupervisorTask): string[] {
  const { file, loader } = entry();
  return [process.execPath, ...loader, file, JSON.stringify(task)];
}

/** Built, it is plain JavaScript. From the sources (tests) Node before 22.18 needs a loader that takes types away. */
function entry(): { readonly file: string; readonly loader: readonly string[] } {
  if (!import.meta.url.endsWith('.ts')) return { file: fileURLToPath(new URL('./supervisor-main.js', import.meta.url)), loader: [] };
  const file = fileURLToPath(new URL('./supervisor-main.ts', import.meta.url));
  if ('typescript' in process.features) return { file, loader: [] };
  return { file, loader: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] };
}
