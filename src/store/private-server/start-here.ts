/**
 * What an opener that has got the lock does by itself, so that the first client need not wait for a second Node: in the
 * usual case (data is there, nobody listens, nothing runs) it starts the server, and leaves the lock to a supervisor that
 * sleeps as long as the opener lives.
 *
 * All else (a first start, something that starts or stops, what killed servers left) takes time and patience, and must go
 * on when the opener is killed: that is a supervisor's work from the start (find-or-start.ts).
 */
import { knock, reachesAllDoors } from './knock.ts';
import { hasData } from './make-data.ts';
import { serverProcesses } from './processes.ts';
import { giveTo, runAs } from './run-as.ts';
import type { Held } from './sleeper.ts';
import { startServer } from './start-server.ts';
import type { StateFolder } from './state-folder.ts';

export interface StartHereOptions {
  readonly takeOver: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Whether it was the usual case; then the sleeper, which is killed if this fails, has a server to watch over. SERVER_START,
 * SERVER_BINARIES, STATE_UNREACHABLE, STATE_FORMAT; the signal's reason when aborted.
 */
export async function startHere(folder: StateFolder, { sleeper }: Held, { takeOver, signal }: StartHereOptions): Promise<boolean> {
  try {
    const user = await runAs(folder);
    await giveTo(user, folder.lock);
    if (!reachesAllDoors(folder) || !(await hasData(folder))) return false;
    const answer = await knock(folder, { applicationName: 'tallyho' });
    if (answer.kind === 'answers') {
      // Between our first try and the lock another has started it, and its supervisor is gone since.
      await answer.session.end();
      return true;
    }
    if (answer.kind === 'starting') return false;
    const { postmaster, others } = await serverProcesses(folder.data);
    if (postmaster !== undefined || others.length > 0) return false;
    return await startServer(folder, { user, takeOver, onProgress: () => {}, supervisor: sleeper.pid, signal });
  } catch (error) {
    if (signal?.aborted === true) sleeper.leave();
    else await sleeper.kill();
    throw error;
  }
}
