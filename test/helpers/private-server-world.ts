/** State folders and the processes around them, as tests of the private server see them. Linux only where it looks into /proc. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import postgres, { type Sql } from 'postgres';
import type { PrivateServer } from '../../src/store/private-server/private-server.ts';

/** Generous: it ends what hangs, and measures nothing. */
const deadline = 100_000;

export interface Place {
  /** The state folder; not made yet. */
  readonly state: string;
  /** Kills whatever still runs there, and removes it. */
  remove(): Promise<void>;
}

/** `name` is the path of the state folder below a fresh folder. */
export function makePlace(name = 'state'): Place {
  const top = mkdtempSync(join(tmpdir(), 'private-server-test-'));
  // As root the server runs as nobody, who must be able to pass.
  chmodSync(top, 0o755);
  const state = join(top, name);
  return {
    state,
    remove: async () => {
      const marks = socketFoldersOf(state);
      await until(() => processesOf(state).map(endNow).length === 0, 'all processes to end', state);
      for (const name of marks) rmSync(join(tmpdir(), name), { recursive: true, force: true });
      rmSync(top, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export interface FoundProcess {
  readonly pid: number;
  readonly kind: 'supervisor' | 'postmaster' | 'backend' | 'other';
}

/** All processes that are there for a state folder, openers apart. */
export function processesOf(state: string): FoundProcess[] {
  const found: FoundProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const pid = Number(name);
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      const program = programOf(pid);
      const inside = readlinkSync(`/proc/${name}/cwd`).startsWith(state);
      if (command.includes('private-server-opener') || !(command.includes(state) || inside)) continue;
      if (command.includes('supervisor-main')) found.push({ pid, kind: 'supervisor' });
      else if (program === 'postgres') found.push({ pid, kind: isPostmaster(pid, command) ? 'postmaster' : 'backend' });
      else found.push({ pid, kind: 'other' });
    } catch {
      // It has ended in between.
    }
  }
  return found;
}

/** A backend just forked still has the postmaster's command line: only its parent tells it apart. */
function isPostmaster(pid: number, command: string): boolean {
  if (!command.includes(join('postgres', 'data'))) return false;
  // pid (program) state parent ...
  const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return programOf(Number(parent)) !== 'postgres';
}

/** Empty where it is not ours to know. */
function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}

/** The openers of a state folder, seen from outside of their containers. */
export function openersOf(state: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return command[0] === process.execPath && command.includes(openerFile) && command.includes(state);
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function pidsOf(state: string, kind: FoundProcess['kind']): number[] {
  return processesOf(state)
    .filter((found) => found.kind === kind)
    .map((found) => found.pid);
}

/** Socket folders of a state folder, in use or left behind. */
export function socketFoldersOf(state: string): string[] {
  const mark = createHash('sha256').update(state).digest('hex').slice(0, 8);
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`tallyho-${mark}-`));
}

export function kill(pid: number | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in between.
  }
}

/** A postmaster by SIGQUIT, which is as quick: killed, it would leave its shared memory on the machine. */
function endNow({ pid, kind }: FoundProcess): void {
  kill(pid, kind === 'postmaster' ? 'SIGQUIT' : 'SIGKILL');
}

/** With the state folder, what never comes explains itself: by the processes that are there, and by the server's log. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, state?: string): Promise<void> {
  const limit = Date.now() + deadline;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error([`waited in vain for ${what}`, ...(state === undefined ? [] : [sight(state)])].join('\n'));
    await sleep(20);
  }
}

function sight(state: string): string {
  const processes = processesOf(state).map(({ pid, kind }) => {
    const [, status = '', parent = ''] = /^State:\s*(\w).*^PPid:\s*(\d+)/ms.exec(readProc(pid, 'status')) ?? [];
    return `${pid} (${kind}, ${status}, child of ${parent}, waits in ${readProc(pid, 'wchan')}): ${readProc(pid, 'cmdline').replaceAll(/[\0 ]+/g, ' ')}`;
  });
  const texts = ['server.json', 'server.log', join('postgres', 'data', 'postmaster.pid')].map((name) => `${name}: ${readIn(state, name)}`);
  return [...processes, ...texts].join('\n');
}

function readProc(pid: number, name: string): string {
  return readIn(`/proc/${pid}`, name);
}

function readIn(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8').trim();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Spares the five seconds after the last client, where they are not what is tested. */
export async function stopServer(state: string): Promise<void> {
  // One that has no ear for signals yet would be killed.
  const listening = (): number[] => pidsOf(state, 'supervisor').filter(isListening);
  await until(() => listening().length > 0 || processesOf(state).length === 0, 'a supervisor with the lock', state);
  for (const pid of listening()) kill(pid, 'SIGTERM');
  await until(() => processesOf(state).length === 0, 'the server to stop', state);
}

/**
 * It has the lock, and has set up its handlers. That for SIGHUP is the last of them (supervisor-main.ts); one for SIGTERM
 * says nothing, for Node has one of its own from the start, which ends it. A shell that sleeps has none: signalled while
 * it becomes Node, it would end.
 */
function isListening(pid: number): boolean {
  try {
    const caught = /^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    return readlinkSync(`/proc/${pid}/fd/3`).endsWith('server.lock') && (BigInt(`0x${caught}`) & 1n) !== 0n;
  } catch {
    return false;
  }
}

export interface Opener {
  readonly process: ChildProcess;
  /** What it said once the server was open. */
  readonly opened: Promise<{ host: string; port: number }>;
  /** Lets it close and end. */
  leave(): Promise<void>;
}

const openerFile = fileURLToPath(new URL('./private-server-opener.ts', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export function startOpener(state: string, env: Readonly<Record<string, string>> = {}): Opener {
  return openerIn(spawn(process.execPath, ['--import', loader, openerFile, state], { env: { ...process.env, ...env } }));
}

const unshare = '/usr/bin/unshare';

export function canMakeContainers(): boolean {
  return spawnSync(unshare, ['--pid', '--fork', '--mount', '--mount-proc', 'mount', '-t', 'tmpfs', 'tmpfs', '/var/tmp']).status === 0;
}

/**
 * An opener in a container of its own, as far as it matters here: it has its own process ids and its own temporary
 * folder, and shares the state folder. The container outlives the opener. Root only.
 */
export function startOpenerInContainer(state: string): Opener {
  const inside = `mount -t tmpfs tmpfs /var/tmp && (TMPDIR=/var/tmp "$@" <&0 & exec sleep 600)`;
  const command = [process.execPath, '--import', loader, openerFile, state];
  return openerIn(spawn(unshare, ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', 'sh', '-c', inside, 'sh', ...command]));
}

function openerIn(child: ChildProcessWithoutNullStreams): Opener {
  let problems = '';
  child.stderr.on('data', (chunk: Buffer) => (problems += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const opened = new Promise<{ host: string; port: number }>((resolve, reject) => {
    createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line) as { host: string; port: number }));
    void ended.then(() => reject(new Error(`the opener ended: ${problems}`)));
  });
  // Tests that kill it do not ask.
  opened.catch(() => {});
  return {
    process: child,
    opened,
    leave: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** A session as the store opens them. */
export function connectTo(server: PrivateServer): Sql {
  return postgres({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: server.database,
    max: 1,
    onnotice: () => {},
  });
}

/** Adds a row to a table made when missing, and returns how many there are. */
export async function addRow(server: PrivateServer): Promise<number> {
  const sql = connectTo(server);
  try {
    await sql`create table if not exists visit (at timestamptz default now())`;
    await sql`insert into visit default values`;
    const [row] = await sql<[{ n: number }]>`select count(*)::int as n from visit`;
    return row.n;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
