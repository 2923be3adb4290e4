/**
 * Connects to the server of a state folder and says what came of it.
 *
 *   answers   a session is open; the caller ends it
 *   starting  something lives there and does not serve yet, or no more: ask again
 *   absent    nobody listens
 *
 * The ways in, in this order: the one that the door file names, and a socket in the data folder itself. The second is
 * seen by all containers that share the folder, whatever their /tmp and their process ids; it is what keeps a second
 * container from starting a second server after the supervisor alone was killed in the first.
 */
import { readFile, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { default as Postgres, Sql } from 'postgres';
import { TallyhoError } from '../../core/error.ts';
import { type Door, readDoor } from './door.ts';
import type { StateFolder } from './state-folder.ts';

export const role = 'tallyho';
export const database = 'postgres';
/** Only a part of the socket's name: the server listens on no port. */
export const socketPort = 5432;
/** application_name of the supervisor's session: by it an opener sees that the server has a supervisor. */
export const supervisorName = 'tallyho supervisor';

/** sockaddr_un holds 108 bytes on Linux, 104 on macOS, the final zero included. */
const longestSocketPath = 103;

export interface Way {
  readonly socketFolder: string;
  readonly address: string;
  readonly port: number;
}

export type Answer =
  | { readonly kind: 'answers'; readonly session: Session; readonly way: Way; readonly password: string }
  | { readonly kind: 'starting'; readonly why: string }
  | { readonly kind: 'absent' };

export interface Session {
  readonly sql: Sql;
  /** From now on the session does not keep this process alive. */
  unref(): void;
  /** Calls back once its connection is gone, whoever ended it. */
  whenGone(callback: () => void): void;
  end(): Promise<void>;
}

export interface KnockOptions {
  readonly applicationName: string;
  /**
   * Reach the socket in the data folder however long its path is, by making the folder the working folder for the call.
   * For the supervisor only: the working folder of our caller's process is not ours.
   */
  readonly mayChangeFolder?: boolean;
  /** The session has ended, whoever ended it. */
  readonly onClose?: () => void;
}

export async function knock(folder: StateFolder, options: KnockOptions): Promise<Answer> {
  for (const { way, open } of waysIn(folder, await readDoor(folder), options.mayChangeFolder === true)) {
    const answer = await knockAt(folder, way, open, options);
    if (answer.kind === 'answers' && way.socketFolder === folder.data) return { ...answer, way: await namedWay(folder, answer.way) };
    if (answer.kind !== 'absent') return answer;
  }
  return { kind: 'absent' };
}

/** A door that was named after we looked for one is the better way. */
async function namedWay(folder: StateFolder, found: Way): Promise<Way> {
  const door = await readDoor(folder);
  if (door === undefined || door.socketFolder === '') return found;
  const isThere = await stat(socketPath(door.socketFolder, door.port)).then(
    () => true,
    () => false,
  );
  return isThere ? { socketFolder: door.socketFolder, address: '', port: door.port } : found;
}

function waysIn(folder: StateFolder, door: Door | undefined, mayChangeFolder: boolean): { way: Way; open: () => Socket }[] {
  const ways: { way: Way; open: () => Socket }[] = [];
  if (door !== undefined && door.address !== '') {
    ways.push({ way: door, open: () => connect(door.port, door.address) });
  } else if (door !== undefined) {
    ways.push({ way: door, open: () => connect(socketPath(door.socketFolder, door.port)) });
  }
  if (process.platform !== 'win32') {
    const way: Way = { socketFolder: folder.data, address: '', port: socketPort };
    const path = socketPath(folder.data, socketPort);
    if (isAddressable(path)) ways.push({ way, open: () => connect(path) });
    else if (mayChangeFolder) ways.push({ way, open: () => connectFrom(folder.data, socketPath('.', socketPort)) });
  }
  return ways;
}

/** Whether `knock` looks at all doors without changing the working folder. */
export function reachesAllDoors(folder: StateFolder): boolean {
  return isAddressable(socketPath(folder.data, socketPort));
}

/** postgres.js takes a comma in a host for a list of hosts. */
function isAddressable(path: string): boolean {
  return Buffer.byteLength(path) <= longestSocketPath && !path.includes(',');
}

async function knockAt(folder: StateFolder, way: Way, open: () => Socket, options: KnockOptions): Promise<Answer> {
  let socket: Socket;
  try {
    socket = await connected(open);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'starting', why: message };
  }
  let password: string;
  try {
    password = (await readFile(folder.password, 'utf8')).trim();
  } catch (cause) {
    socket.destroy();
    throw new TallyhoError('STATE_UNREACHABLE', `The password of the private server in ${folder.password} cannot be read.`, {
      mend: 'Run as the user who made this state, or give another folder as `state`.',
      cause,
    });
  }
  return await logIn(folder, way, socket, password, options);
}

/** Loaded when first needed, or while one waits anyway: to find out that nobody listens does without. */
export function loadClient(): Promise<{ readonly default: typeof Postgres }> {
  return import('postgres');
}

async function logIn(folder: StateFolder, way: Way, socket: Socket, password: string, options: KnockOptions): Promise<Answer> {
  const { default: postgres } = await loadClient();
  let used = false;
  const settings = {
    host: way.address === '' ? way.socketFolder : way.address,
    port: way.port,
    user: role,
    password,
    database,
    ssl: false,
    max: 1,
    idle_timeout: 0,
    // Else postgres.js ends a session after 30 to 60 minutes.
    max_lifetime: null,
    // What accepts and never answers (a stopped process) is not alive for us.
    connect_timeout: 10,
    fetch_types: false,
    connection: { application_name: options.applicationName },
    onnotice: () => {},
    ...(options.onClose === undefined ? {} : { onclose: options.onClose }),
    // Not in its types: our own socket, so that it can be unref'd. One socket, one attempt.
    socket: (): Socket => {
      if (used || socket.destroyed) throw new Error('the server closed the connection');
      used = true;
      return socket;
    },
  };
  const sql = postgres(settings);
  try {
    await sql`select 1`;
  } catch (error) {
    await sql.end({ timeout: 0 });
    socket.destroy();
    const { code, message } = error as Error & { code?: string };
    // Class 28: the password is wrong. All else (57P03 starting up or shutting down, a lost connection) may pass.
    if (typeof code !== 'string' || !code.startsWith('28')) return { kind: 'starting', why: message };
    throw new TallyhoError('SERVER_START', `The private server in ${folder.root} refuses our password: ${message}.`, {
      mend: `Bring back ${folder.password} as it was when the state was made.`,
      cause: error,
    });
  }
  const session: Session = {
    sql,
    unref: () => socket.unref(),
    whenGone: (callback) => void socket.once('close', callback),
    end: () => sql.end({ timeout: 1 }),
  };
  return { kind: 'answers', session, way: { socketFolder: way.socketFolder, address: way.address, port: way.port }, password };
}

function connected(open: () => Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = open();
    socket.once('error', reject);
    socket.once('connect', () => {
      // postgres.js listens only once it has the socket; an error before that must not end the process.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** The system call is made within `connect`, so the working folder is changed for no longer than that. */
function connectFrom(folder: string, path: string): Socket {
  const before = process.cwd();
  try {
    process.chdir(folder);
    return connect(path);
  } finally {
    process.chdir(before);
  }
}

export function socketPath(folder: string, port: number): string {
  return join(folder, `.s.PGSQL.${port}`);
}
