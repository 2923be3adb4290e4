/**
 * A supervisor that sleeps: a shell (1 MB, 3 ms of CPU) that holds the lock while the opener that started it lives, and
 * then becomes the supervisor proper. As long as that opener lives the server has a client, and nothing is to be watched.
 *
 * The opener's end shows by a pipe that only the opener holds open, so it shows however it ends. Signals before that wake
 * it too: the supervisor is told by its second argument ("wait": stop when no client is left). Woken, the shell replaces
 * itself by Node and keeps its process id, and with it the lock.
 */
import { type ChildProcess, spawn } from 'node:child_process';
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
  /** For one that has nothing to watch over. */
  kill(): void;
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
exec "$@" $hurry 4>&-`;

export function startSleeper(folder: StateFolder, lock: Lock): Sleeper {
  const command = supervisorCommand({ root: folder.root, mode: 'adopt', takeOver: false, lock: 3 });
  const child: ChildProcess = withLog(folder, (log) =>
    spawn('/bin/sh', ['-c', script, 'supervisor', ...command], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log, lock.descriptor, 'pipe'],
    }),
  );
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  child.once('exit', end).once('error', end);
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
      child.kill('SIGKILL');
      lifeline?.destroy();
    },
  };
}
