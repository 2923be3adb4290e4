/**
 * The lock of a state folder on Linux: flock(2), taken by the program of that name (util-linux) on a descriptor of ours.
 *
 * Such a lock belongs to the open file, not to a process: the program takes it and ends, and it holds until the last of
 * the processes that share the descriptor has closed it. So an opener locks, starts the server, and leaves the lock to a
 * supervisor, without a moment in which nobody holds it.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { TallyhoError } from '../../core/error.ts';
import type { Lock } from './lock.ts';

export const takesFlock = process.platform === 'linux';

/** What `flock` ends with when another holds the lock: none of its own codes. */
const held = 75;
/** What another program of that name (BusyBox) ends with that does not know these options. */
const unlikeOurs = 1;

/**
 * Undefined when another process holds it. `onOpen` gets the descriptor before anybody tries to lock it: whoever inherits it then
 * holds the lock from the moment that it is taken. SERVER_BINARIES, SERVER_START.
 */
export async function tryFlock(
  file: string,
  onBusy: (why: string) => void,
  onOpen: (descriptor: number) => void = () => {},
): Promise<Lock | undefined> {
  for (;;) {
    const descriptor = openSync(file, 'a', 0o600);
    try {
      onOpen(descriptor);
      if (!(await take(descriptor))) {
        onBusy('another process holds the lock');
        closeSync(descriptor);
        return undefined;
      }
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    const lock = flockOf(file, descriptor);
    if (await lock.intact()) return lock;
    // The folder was deleted between the two calls.
    lock.release();
  }
}

/** A lock that this process has inherited. */
export function flockOf(file: string, descriptor: number): Lock {
  const locked = fstatSync(descriptor, { bigint: true });
  return {
    descriptor,
    intact: () => {
      const now = statSync(file, { bigint: true, throwIfNoEntry: false });
      return Promise.resolve(now !== undefined && now.ino === locked.ino && now.dev === locked.dev);
    },
    release: () => closeSync(descriptor),
  };
}

function take(descriptor: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--exclusive', '--nonblock', '--conflict-exit-code', String(held), '3'], {
      stdio: ['ignore', 'ignore', 'pipe', descriptor],
    });
    let said = '';
    child.stderr?.on('data', (words: Buffer) => (said += words.toString()));
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cannotLock(cause.code === 'ENOENT' ? 'missing' : 'failed', cause.message, cause)),
    );
    child.once('close', (code, signal) => {
      if (code === 0 || code === held) resolve(code === 0);
      else reject(cannotLock(code === unlikeOurs ? 'missing' : 'failed', said.trim().split('\n')[0] || `it ended with ${code ?? signal}`));
    });
  });
}

function cannotLock(kind: 'missing' | 'failed', why: string, cause?: Error): TallyhoError {
  const code = kind === 'missing' ? 'SERVER_BINARIES' : 'SERVER_START';
  return new TallyhoError(code, `The state folder cannot be locked by the program flock: ${why}.`, {
    mend: 'Install util-linux, which has it, or give a PostgreSQL as `store.url`.',
    ...(cause === undefined ? {} : { cause }),
  });
}
