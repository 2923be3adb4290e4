/**
 * Under the lock: finds the server that lives in the state folder, or starts one. The one place where anything is judged
 * dead.
 *
 *   1. Connect again: between our first try and the lock, another may have started it. What answers is adopted.
 *   2. Nobody listens: look at what really runs in the data folder. A postmaster there is starting or stopping: wait; one
 *      that stays unreachable (its sockets were deleted) is stopped. Other processes are backends whose postmaster was
 *      killed: they can still write, so they are ended and waited for.
 *   3. Nothing runs: make the data if there is none, and start the server. If it ends at once, judge again: a server whose
 *      supervisor was killed a moment ago may have been quicker; PostgreSQL itself lets only one of them in.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { readDoor, writeDoor } from './door.ts';
import { knock, loadClient, type Session, supervisorName, type Way } from './knock.ts';
import { launch, makeWay, removeStaleFiles, signalServer } from './launch.ts';
import { hasData, makeData } from './make-data.ts';
import { isNetworkDisk } from './network-disk.ts';
import { type ServerProcesses, serverProcesses } from './processes.ts';
import { giveTreeTo, type RunAs } from './run-as.ts';
import { logSince, logSize, makeLog } from './server-log.ts';
import { removeSocketFolder } from './socket-folder.ts';
import { checkFormat, type StateFolder } from './state-folder.ts';

export interface FindOrStartOptions {
  readonly user: RunAs | undefined;
  /** Start even where the lock does not protect and another machine was the last to run the server. */
  readonly takeOver: boolean;
  readonly onProgress: (text: string) => void;
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

/** SERVER_START, SERVER_BINARIES, STATE_UNREACHABLE, STATE_FORMAT. */
export async function findOrStart(folder: StateFolder, options: FindOrStartOptions): Promise<RunningServer> {
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
      if (launches === mostLaunches) throw await didNotStart(folder, logStart);
      launches += 1;
      logStart = await logSize(folder.log);
      await start(folder, options);
      continue;
    }
    if (answer.kind === 'starting') lastListening = performance.now();
    else if (found.postmaster === undefined) for (const pid of found.others) signalServer(pid, 'SIGQUIT');
    else if (performance.now() - lastListening > unreachable) signalServer(found.postmaster, 'SIGINT');
    if (Date.now() > limit) throw doesNotAnswer(folder, found, answer.kind === 'starting' ? answer.why : 'nobody listens');
    await sleep(20);
  }
}

async function start(folder: StateFolder, options: FindOrStartOptions): Promise<void> {
  await refuseOtherMachine(folder, options.takeOver);
  await checkFormat(folder);
  const binaries = await findBinaries(options.user);
  await prepareData(folder, binaries, options);
  await makeLog(folder.log, options.user);
  await removeStaleFiles(folder);
  const way = await makeWay(folder, options.user);
  await writeDoor(folder, { ...way, machine: hostname(), supervisor: process.pid }, options.user);
  void loadClient();
  const pid = await launch(folder, binaries, way, options.user);
  if (pid === undefined && way.socketFolder !== '') await removeSocketFolder(way.socketFolder);
}

async function prepareData(folder: StateFolder, binaries: Binaries, options: FindOrStartOptions): Promise<void> {
  if (await hasData(folder)) {
    await giveTreeTo(options.user, folder.postgres);
    return;
  }
  options.onProgress('Setting up the private PostgreSQL (once) ...');
  await makeData(folder, binaries, options.user);
}

/** A door file that is still there means that its server was not stopped cleanly. */
async function refuseOtherMachine(folder: StateFolder, takeOver: boolean): Promise<void> {
  const door = await readDoor(folder);
  if (door === undefined || door.machine === hostname() || takeOver || !(await isNetworkDisk(folder.root))) return;
  throw new TallyhoError(
    'STATE_UNREACHABLE',
    `The state in ${folder.root} was last in use on ${door.machine}, was not stopped cleanly there, and lies on a network disk, ` +
      'where a lock may not reach from one machine to another.',
    { mend: `When you are sure that nothing of Tallyho runs on ${door.machine} any more, start with --take-over-state.` },
  );
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
