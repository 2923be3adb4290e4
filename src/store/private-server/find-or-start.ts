/**
 * Under the lock: finds the server that lives in the state folder, or starts one. The one place where anything is judged
 * dead; what an opener starts by itself (start-here.ts) it starts only where nothing is to be judged.
 *
 *   1. Connect again: between our first try and the lock, another may have started it. What answers is adopted.
 *   2. Nobody listens: look at what really runs in the data folder. A postmaster there is starting or stopping: wait; one
 *      that stays unreachable (its sockets were deleted) is stopped. Other processes are backends whose postmaster was
 *      killed: they can still write, so they are ended and waited for.
 *   3. Nothing runs: make the data if there is none, and start the server. If it ends at once, judge again: a server whose
 *      supervisor was killed a moment ago may have been quicker; PostgreSQL itself lets only one of them in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import { knock, type Session, supervisorName, type Way } from './knock.ts';
import { signalServer } from './launch.ts';
import { type ServerProcesses, serverProcesses } from './processes.ts';
import { logSince, logSize } from './server-log.ts';
import { type StartOptions, startServer } from './start-server.ts';
import type { StateFolder } from './state-folder.ts';

export interface FindOrStartOptions extends Omit<StartOptions, 'supervisor'> {
  /** Else what runs is found, and ended where it serves nobody, but nothing is started. */
  readonly mayStart: boolean;
  readonly onSessionClose: () => void;
}

export interface RunningServer {
  /** The supervisor's own. */
  readonly session: Session;
  readonly way: Way;
}

/** Time for a server that was found to begin to answer, or to end. */
const patience = 5 * 60_000;
/** A server that starts or stops is without a socket for some milliseconds. */
const unreachable = 3000;
const mostLaunches = 3;

/** Undefined: nothing runs, and nothing may be started. SERVER_START, SERVER_BINARIES, STATE_UNREACHABLE, STATE_FORMAT. */
export async function findOrStart(folder: StateFolder, options: FindOrStartOptions): Promise<RunningServer | undefined> {
  let logStart = 0;
  const limit = Date.now() + patience;
  let launches = 0;
  let lastListening = performance.now();
  for (;;) {
    const answer = await knock(folder, {
      applicationName: supervisorName,
      mayChangeFolder: true,
      onClose: options.onSessionClose,
    });
    if (answer.kind === 'answers') return { session: answer.session, way: answer.way };
    const found = await serverProcesses(folder.data);
    if (answer.kind === 'absent' && found.postmaster === undefined && found.others.length === 0) {
      if (!options.mayStart) return undefined;
      if (launches === mostLaunches) throw await didNotStart(folder, logStart);
      launches += 1;
      logStart = await logSize(folder.log);
      await startServer(folder, { ...options, supervisor: process.pid });
      continue;
    }
    if (answer.kind === 'starting') lastListening = performance.now();
    else if (found.postmaster === undefined) for (const pid of found.others) signalServer(pid, 'SIGQUIT');
    else if (performance.now() - lastListening > unreachable) signalServer(found.postmaster, 'SIGINT');
    if (Date.now() > limit) throw doesNotAnswer(folder, found, answer.kind === 'starting' ? answer.why : 'nobody listens');
    await sleep(20);
  }
}

async function didNotStart(folder: StateFolder, logStart: number): Promise<TallyhoError> {
  const log = await logSince(folder.log, logStart);
  return new TallyhoError('SERVER_START', `The private PostgreSQL in ${folder.data} does not start. Its log says: ${log || 'nothing'}`, {
    mend: `Mend what the log names (all of it: ${folder.log}), and start again.`,
  });
}

function doesNotAnswer(folder: StateFolder, found: ServerProcesses, why: string): TallyhoError {
  const pids = [found.postmaster ?? [], ...found.others].flat().join(', ') || 'none seen';
  return new TallyhoError('SERVER_START', `The private PostgreSQL in ${folder.data} does not answer (${why}); its processes: ${pids}.`, {
    mend: `See ${folder.log}; a process that hangs can be ended with kill -QUIT, which loses nothing that was committed.`,
  });
}
