/**
 * The private PostgreSQL server: what stands in for `store.url` where none is given. (PROTOCOL.md 5)
 *
 * `openPrivateServer` shares the server of a state folder, or has it started; several processes may call it at once.
 *
 *   opener ── connects to the socket; if it answers, done
 *     └─ else takes the folder's lock
 *          ├─ usually starts the server itself, and leaves the lock to a supervisor that sleeps while the opener lives
 *          └─ else starts a supervisor ── finds or starts the server ── watches over it
 *        and connects until it answers
 *
 * (Where a lock cannot be left to another process, the supervisor takes it itself: lock.ts.)
 *
 * The server lives as long as anybody is connected, and five seconds more, whoever started it. An opener's own session
 * counts, so the server stays while a PrivateServer is open, before its user's first session and between them. It does
 * not keep the process alive.
 *
 * A server that vanishes (killed, stopped) is not noticed here: the user's own session ends, and he opens again. But a
 * supervisor that vanishes is replaced, so that the server does not stay when all clients have left.
 */
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import { type Bell, makeBell } from './bell.ts';
import { readDoor } from './door.ts';
import { takesFlock } from './flock.ts';
import { keepSupervised } from './keep-supervised.ts';
import { type Answer, database, knock, loadClient, role } from './knock.ts';
import type { Lock } from './lock.ts';
import { blockedAt } from './reach.ts';
import { runAs } from './run-as.ts';
import { logSince, logSize } from './server-log.ts';
import { type Sleeper, tryLockWithSleeper } from './sleeper.ts';
import { startHere } from './start-here.ts';
import { prepareStateFolder, type StateFolder, stateFolderAt } from './state-folder.ts';
import { startSupervisor, type Supervisor } from './supervisor-process.ts';

export interface PrivateServer {
  /** For postgres.js this is `host`; empty on Windows. */
  readonly socketFolder: string;
  readonly port: number;
  /** What to give as host: the socket's folder, on Windows 127.0.0.1. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Only forgets: the supervisor stops the server five seconds after the last client left. */
  close(): Promise<void>;
}

export interface PrivateServerOptions {
  /** The state folder, absolute. */
  readonly folder: string;
  readonly onProgress?: (text: string) => void;
  /** Nothing can be done but wait for the server: called whenever it was asked and does not answer yet. */
  readonly onWaiting?: () => void;
  readonly signal?: AbortSignal;
  /** Start although another machine was the last to use this state on a network disk (`--take-over-state`). */
  readonly takeOver?: boolean;
}

/** How long another process may hold the lock while nobody answers; less when it seems to be another machine. */
const patience = 120_000;
const patienceElsewhere = 15_000;
/** Supervisors that end without a word (killed) are replaced, so often. */
const mostSupervisors = 5;
/** Between two tries for a lock that another holds. */
const lockPause = 50;

/** STATE_UNREACHABLE, STATE_FORMAT, SERVER_START, SERVER_BINARIES; the signal's reason when aborted. */
export async function openPrivateServer(options: PrivateServerOptions): Promise<PrivateServer> {
  options.signal?.throwIfAborted();
  const folder = await prepareReachable(options.folder);
  const bell = makeBell();
  const wake = (): void => bell.ring();
  options.signal?.addEventListener('abort', wake);
  const starter = makeStarter(folder, options, bell);
  try {
    const answer = await reach(folder, options, bell, starter);
    const { way, password, session } = answer;
    const keeper = await keepSupervised(folder, session, { sleeper: starter.takeSleeper(), isSupervised: starter.isAtWork() });
    session.unref();
    return {
      socketFolder: way.socketFolder,
      port: way.port,
      host: way.address === '' ? way.socketFolder : way.address,
      user: role,
      password,
      database,
      close: () => keeper.close(),
    };
  } finally {
    options.signal?.removeEventListener('abort', wake);
    starter.leave();
  }
}

/** Both before and after it is made: what root makes and its server cannot reach should not be left lying about. */
async function prepareReachable(root: string): Promise<StateFolder> {
  await checkReach(stateFolderAt(root));
  const folder = await prepareStateFolder(root);
  await checkReach(folder);
  return folder;
}

async function checkReach(folder: StateFolder): Promise<void> {
  const user = await runAs(folder);
  const blocked = await blockedAt(folder.root, user);
  if (blocked === undefined) return;
  const name = basename(folder.root).startsWith('.') ? basename(dirname(folder.root)) : basename(folder.root);
  throw new TallyhoError(
    'STATE_UNREACHABLE',
    `PostgreSQL does not run as root, and the user that it runs as instead (uid ${user?.uid}) cannot pass the folder ${blocked} ` +
      `on the way to the state folder ${folder.root}.`,
    { mend: `Put into the config: \`state: /var/lib/tallyho/${name || 'default'}\`.` },
  );
}

/** Connects until the server answers, and has it started when nobody listens. */
async function reach(
  folder: StateFolder,
  options: PrivateServerOptions,
  bell: Bell,
  starter: Starter,
): Promise<Extract<Answer, { kind: 'answers' }>> {
  let since = performance.now();
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await knock(folder, { applicationName: 'tallyho' });
    if (answer.kind === 'answers') return answer;
    starter.check();
    if (answer.kind === 'absent') await starter.ensure();
    // A supervisor of ours at work says itself when it gives up.
    if (starter.isAtWork()) since = performance.now();
    const waited = performance.now() - since;
    if (waited > patienceElsewhere) await giveUpOn(folder, answer, waited, starter.busy());
    options.onWaiting?.();
    await bell.wait(10);
  }
}

async function giveUpOn(folder: StateFolder, answer: Answer, waited: number, busy: string): Promise<void> {
  const machine = (await readDoor(folder))?.machine ?? hostname();
  const elsewhere = machine !== hostname();
  if (waited <= patience && !elsewhere) return;
  const why = answer.kind === 'starting' ? answer.why : busy;
  throw new TallyhoError(
    'SERVER_START',
    `The private server of ${folder.root} cannot be reached, and another process holds its lock` +
      `${elsewhere ? ` (it seems to run on ${machine}, in another container or on another machine)` : ''}: ${why || 'no answer'}.`,
    {
      mend: elsewhere
        ? `Stop Tallyho on ${machine}, or give another folder as \`state\`.`
        : `See ${folder.log}; end the process that holds the lock.`,
    },
  );
}

interface Starter {
  /** Throws what the last one failed of. */
  check(): void;
  /** Starts a supervisor, or the server and a supervisor that sleeps, unless one of ours runs or another has the lock. */
  ensure(): Promise<void>;
  /** One of ours has the lock. */
  isAtWork(): boolean;
  /** Why we do not get the lock. */
  busy(): string;
  /** The one that sleeps, if it was started here: from now on the caller's. */
  takeSleeper(): Sleeper | undefined;
  leave(): void;
}

function makeStarter(folder: StateFolder, options: PrivateServerOptions, bell: Bell): Starter {
  const takeOver = options.takeOver === true;
  let supervisor: Supervisor | undefined;
  let sleeper: Sleeper | undefined;
  let busy = '';
  let started = 0;
  let logStart = 0;

  const supervise = (lock: Lock | undefined): Supervisor =>
    startSupervisor(folder, takeOver, lock, (message) => {
      if (message?.at === 'progress') options.onProgress?.(message.text);
      bell.ring();
    });

  async function startLocked(): Promise<void> {
    const held = await tryLockWithSleeper(folder, (why) => (busy = why));
    if (held === undefined) return await sleep(lockPause);
    started += 1;
    try {
      if (await startHere(folder, held, { takeOver, signal: options.signal })) {
        sleeper = held.sleeper;
      } else {
        supervisor = supervise(held.lock);
        // Behind it, so that somebody holds the lock if we are killed in between; one that then wakes beside it only watches too.
        await held.sleeper.kill();
      }
    } finally {
      held.lock.release();
    }
  }

  const isAlive = (): boolean => (supervisor !== undefined && !supervisor.ended) || (sleeper !== undefined && !sleeper.ended);
  return {
    check: () => {
      const last = supervisor?.last;
      if (last?.at === 'failed') throw new TallyhoError(last.code, last.message, last.mend === null ? {} : { mend: last.mend });
    },
    ensure: async () => {
      // The server that it is for has served, and nobody listens any more: what is left of it is judged anew.
      await sleeper?.kill();
      sleeper = undefined;
      if (isAlive()) return;
      if (started === mostSupervisors) throw await supervisorsEnd(folder, logStart);
      if (started === 0) logStart = await logSize(folder.log);
      supervisor?.leave();
      if (takesFlock) return await startLocked();
      started += 1;
      void loadClient();
      supervisor = supervise(undefined);
    },
    isAtWork: () => isAlive() && (takesFlock || (supervisor?.last !== undefined && supervisor.last.at !== 'busy')),
    busy: () => (supervisor?.last?.at === 'busy' ? supervisor.last.why : busy),
    takeSleeper: () => {
      const taken = sleeper;
      sleeper = undefined;
      return taken;
    },
    leave: () => {
      supervisor?.leave();
      sleeper?.leave();
    },
  };
}

async function supervisorsEnd(folder: StateFolder, logStart: number): Promise<TallyhoError> {
  const log = await logSince(folder.log, logStart);
  return new TallyhoError(
    'SERVER_START',
    `The supervisor of the private server of ${folder.root} ends at once. The log says: ${log || 'nothing'}`,
    {
      mend: `Mend what the log names (all of it: ${folder.log}), and start again.`,
    },
  );
}
