/**
 * A supervisor that sleeps: a shell (1 MB, 3 ms of CPU) that holds the lock while the opener that started it lives, and
 * then becomes the supervisor proper. As long as that opener lives the server has a client, and nothing is to be watched.
 *
 * The opener's end shows by a pipe that only the opener holds open, so it shows however it ends. Signals before that wake
 * it too: the supervisor is told by its second argument ("wait": stop when no client is left). Woken, the shell replaces
 * itself by Node and keeps its process id, and with it the lock.
 *
 * It is there before the lock is taken, on the same open file. So at no moment is the lock held by an opener alone: others
 * take a lock that is held for a server that is supervised, and an opener that was killed with it would prove them wrong.
 * Woken without the lock (the opener was killed before it had it, or did not get it), it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { flockOf, tryFlock } from './flock.ts';
import type { Lock } from './lock.ts';
import type { StateFolder } from './state-folder.ts';
import { supervisorCommand, withLog } from './supervisor-process.ts';

export interface Sleeper {
  readonly pid: number;
  readonly ended: boolean;
  /** False once somebody has deleted the state folder. */
  intact(): Promise<boolean>;
  /** Wakes it: from now on it watches over the server by itself. */
  leave(): void;
  /** For one that has nothing to watch over. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** The lock, the caller's to release, and one who sleeps and holds it too, the caller's to wake or to kill. */
export interface Held {
  readonly lock: Lock;
  readonly sleeper: Sleeper;
}

/**
 * Descriptors: 3 the lock, 4 the opener's end. `wait` is what a trapped signal interrupts; only what waits below must not
 * hold the lock. The pause leaves the machine to the opener's last steps.
 */
const script = `
trap '' HUP
hurry=no
trap 'hurry=wait' TERM INT
cat <&4 >/dev/null 3>&- 4>&- &
if wait $!; then
  sleep 0.2 3>&- 4>&- &
  wait $!
else
  kill $!
fi
exec 4>&-
flock -x -n 3 || exit 0
exec "$@" $hurry`;

/** Undefined when another process holds it, `onBusy` being told the reason. Linux only. SERVER_BINARIES, SERVER_START. */
export async function tryLockWithSleeper(folder: StateFolder, onBusy: (why: string) => void): Promise<Held | undefined> {
  const started: Sleeper[] = [];
  let lock: Lock | undefined;
  try {
    lock = await tryFlock(folder.lock, onBusy, (descriptor) => {
      started.push(startSleeper(folder, flockOf(folder.lock, descriptor)));
    });
  } finally {
    // Of a lock that was not got, or of a file that was deleted meanwhile.
    const left = lock === undefined ? started : started.slice(0, -1);
    await Promise.all(left.map((sleeper) => sleeper.kill()));
  }
  const sleeper = started.at(-1);
  return lock === undefined || sleeper === undefined ? undefined : { lock, sleeper };
}

function startSleeper(folder: StateFolder, lock: Lock): Sleeper {
  const command = supervisorCommand({ root: folder.root, mode: 'adopt', takeOver: false, lock: 3 });
  const child: ChildProcess = withLog(folder, (log) =>
    spawn('/bin/sh', ['-c', script, 'supervisor', ...command], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log, lock.descriptor, 'pipe'],
    }),
  );
  let ended = false;
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      resolve();
    };
    child.once('exit', end).once('error', end);
  });
  const lifeline = child.stdio[4];
  lifeline?.on('error', () => {});
  child.unref();
  (lifeline as { unref?: () => void } | null | undefined)?.unref?.();
  return {
    pid: child.pid ?? 0,
    get ended() {
      return ended;
    },
    intact: () => lock.intact(),
    leave: () => void lifeline?.destroy(),
    kill: () => {
      // Else nothing might keep this process alive until then.
      if (!ended) child.ref();
      child.kill('SIGKILL');
      lifeline?.destroy();
      return gone;
    },
  };
}
