/**
 * The supervisor: a process of its own that holds the lock on a state folder while a server lives there.
 *
 * It is no part of the process that started it: that one may be killed at any moment, and others share the server.
 *
 * Where the lock can be inherited (lock.ts), it has the lock from the start. Elsewhere it is started by every opener that
 * finds no server, so several may wait for the lock; one gets it, and the others leave when their openers are served. The
 * first client waits for all this, so the lock is asked for first, and the rest is loaded meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import { makeBell } from './bell.ts';
import { flockOf } from './flock.ts';
import { type Lock, tryLock } from './lock.ts';
import { stateFolderAt, type StateFolder } from './state-folder.ts';
import type { Hurry } from './supervise.ts';
import type { SupervisorMessage, SupervisorTask } from './supervisor-message.ts';

const task = JSON.parse(process.argv[2] ?? '') as SupervisorTask;
const bell = makeBell();
// The second argument: what the shell was told before it became this process (sleeper.ts).
let hurry: Hurry = process.argv[3] === 'wait' ? 'wait' : 'no';

process.umask(0o077);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // A machine that shuts down signals all at once: the detector's last commit still needs the server.
  process.on(signal, () => {
    hurry = hurry === 'no' ? 'wait' : 'now';
    bell.ring();
  });
}
// The last: by it one sees from outside that the others are there (Node itself catches those from its start, and ends).
process.on('SIGHUP', () => {});

// No top-level await: this is bundled as CommonJS, which loads without Node's loader of ES modules (scripts/build.mjs).
void run(stateFolderAt(task.root))
  .catch((error: unknown) => report(failure(error)))
  .finally(() => {
    if (process.connected) process.disconnect();
  });

async function run(folder: StateFolder): Promise<void> {
  const locked = task.lock === null ? waitForLock(folder) : Promise.resolve(flockOf(folder.lock, task.lock));
  const [lock, { holdServer }] = await Promise.all([locked, import('./hold-server.ts')]);
  if (lock === undefined) return;
  try {
    await holdServer(folder, lock, { mode: task.mode, takeOver: task.takeOver, report, hurry: () => hurry, bell });
  } finally {
    lock.release();
  }
}

/** Undefined: not needed any more. */
async function waitForLock(folder: StateFolder): Promise<Lock | undefined> {
  let why = '';
  for (;;) {
    const lock = await tryLock(folder.lock, (reason) => (why = reason));
    if (lock !== undefined) return lock;
    if (task.mode === 'adopt' || !process.connected || hurry !== 'no') return undefined;
    await report({ at: 'busy', why });
    await sleep(50);
  }
}

function failure(error: unknown): SupervisorMessage {
  if (error instanceof TallyhoError) return { at: 'failed', code: error.code, message: error.message, mend: error.mend ?? null };
  const message = error instanceof Error ? error.message : String(error);
  return {
    at: 'failed',
    code: 'SERVER_START',
    message: `The private PostgreSQL in ${task.root} cannot be started: ${message}`,
    mend: null,
  };
}

/** Resolves also when the opener is gone: nobody is there to be told. */
function report(message: SupervisorMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
