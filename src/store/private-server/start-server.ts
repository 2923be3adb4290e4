/** Under the lock, where nothing runs in the data folder: makes the data if there is none, and starts the server. */
import { hostname } from 'node:os';
import { TallyhoError } from '../../core/error.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { readDoor, writeDoor } from './door.ts';
import { loadClient } from './knock.ts';
import { launch, makeWay, removeStaleFiles } from './launch.ts';
import { hasData, makeData } from './make-data.ts';
import { isNetworkDisk } from './network-disk.ts';
import { giveTreeTo, type RunAs } from './run-as.ts';
import { makeLog } from './server-log.ts';
import { removeSocketFolder } from './socket-folder.ts';
import { checkFormat, type StateFolder } from './state-folder.ts';

export interface StartOptions {
  readonly user: RunAs | undefined;
  /** Start even where the lock does not protect and another machine was the last to run the server. */
  readonly takeOver: boolean;
  readonly onProgress: (text: string) => void;
  /** Process id of the supervisor: for people. */
  readonly supervisor: number;
  /** Ends the wait, not the server. */
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when it serves: true. False: it has ended. SERVER_START, SERVER_BINARIES, STATE_UNREACHABLE, STATE_FORMAT. */
export async function startServer(folder: StateFolder, options: StartOptions): Promise<boolean> {
  const { user } = options;
  await refuseOtherMachine(folder, options.takeOver);
  await checkFormat(folder);
  const binaries = await findBinaries(user);
  await prepareData(folder, binaries, options);
  await makeLog(folder.log, user);
  await removeStaleFiles(folder);
  const way = await makeWay(folder, user);
  await writeDoor(folder, { ...way, machine: hostname(), supervisor: options.supervisor }, user);
  const launched = launch(folder, binaries, way, user, options.signal);
  // While the server starts.
  void loadClient();
  const pid = await launched;
  if (pid === undefined && way.socketFolder !== '') await removeSocketFolder(way.socketFolder);
  return pid !== undefined;
}

async function prepareData(folder: StateFolder, binaries: Binaries, options: StartOptions): Promise<void> {
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
    { mend: `When you are sure that nothing of Tallyho runs on ${door.machine} any more, start with \`tallyho run --take-over-state\`.` },
  );
}
