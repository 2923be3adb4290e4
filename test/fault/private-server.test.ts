/**
 * The private server under kill -9 (PROTOCOL.md 5.1): whoever is killed, whenever, the next opener gets a server with all
 * that was committed, and in the end no process is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { supervisorName } from '../../src/store/private-server/knock.ts';
import { openPrivateServer, type PrivateServer } from '../../src/store/private-server/private-server.ts';
import {
  addRow,
  connectTo,
  kill,
  makePlace,
  type Opener,
  pidsOf,
  type Place,
  processesOf,
  socketFoldersOf,
  startOpener,
  stopServer,
  until,
} from '../helpers/private-server-world.ts';

let place: Place;
const open: PrivateServer[] = [];
const strangers: ChildProcess[] = [];

async function openServer(): Promise<PrivateServer> {
  const server = await openPrivateServer({ folder: place.state });
  open.push(server);
  return server;
}

async function closeAll(): Promise<void> {
  for (const server of open.splice(0)) await server.close();
}

beforeEach((context) => {
  if (process.platform !== 'linux') context.skip('looks into /proc');
  place = makePlace();
});

afterEach(async () => {
  await closeAll();
  for (const stranger of strangers.splice(0)) stranger.kill('SIGKILL');
  await place.remove();
});

/** Resolves when they are gone: those that were there, for who is open looks every ten seconds, and brings another. */
async function killSupervisors(): Promise<void> {
  const killed = pidsOf(place.state, 'supervisor');
  for (const pid of killed) kill(pid);
  await until(() => !pidsOf(place.state, 'supervisor').some((pid) => killed.includes(pid)), 'the supervisor to be gone', place.state);
}

/** Everything that the server leaves when it has stopped. */
async function expectCleanEnd(): Promise<void> {
  await closeAll();
  await stopServer(place.state);
  expect(socketFoldersOf(place.state)).toEqual([]);
  expect(readdirSync(place.state).sort()).toEqual(['postgres', 'server.lock', 'server.log']);
}

describe('PROTOCOL 5.1: killed during the first start', () => {
  const inState = (name: string) => (): boolean =>
    existsSync(place.state) && readdirSync(place.state).some((file) => file.startsWith(name) && (name !== 'postgres' || file === name));
  const data = (name: string) => (): boolean => existsSync(join(place.state, 'postgres', 'data', name));
  const starter = ['the starter', (opener: Opener) => kill(opener.process.pid)] as const;
  const supervisor = ['the supervisor', () => pidsOf(place.state, 'supervisor').forEach((pid) => kill(pid))] as const;
  const everything = [
    'all of them',
    (opener: Opener) => {
      kill(opener.process.pid);
      for (const { pid } of processesOf(place.state)) kill(pid);
    },
  ] as const;
  const moments = [
    ['the supervisor begins', () => pidsOf(place.state, 'supervisor').length > 0, [starter]],
    ['the lock file is made', inState('server.lock'), [supervisor]],
    ['initdb begins', inState('postgres.new-'), [supervisor]],
    [
      'initdb is at work',
      () => processesOf(place.state).some(({ kind }) => kind === 'other' || kind === 'backend'),
      [starter, supervisor, everything],
    ],
    ['the data is there', inState('postgres'), [supervisor]],
    ['the door is named', inState('server.json'), [supervisor, everything]],
    ['the postmaster begins', () => pidsOf(place.state, 'postmaster').length > 0, [supervisor]],
    ['postmaster.pid is there', data('postmaster.pid'), [starter, supervisor, everything]],
  ] as const;
  const cases = moments.flatMap(([moment, isNow, victims]) => victims.map(([victim, strike]) => ({ moment, isNow, victim, strike })));

  test.each(cases)('$victim when $moment: the next start works', async ({ isNow, strike }) => {
    const opener = startOpener(place.state);
    const limit = Date.now() + 60_000;
    while (!isNow() && Date.now() < limit) await new Promise((resolve) => setImmediate(resolve));
    strike(opener);
    expect(await addRow(await openServer())).toBe(1);
    kill(opener.process.pid);
    await expectCleanEnd();
  });
});

test('killed before its socket folder was given to the server: the next start removes it', async () => {
  const mark = createHash('sha256').update(place.state).digest('hex').slice(0, 8);
  mkdtempSync(join(tmpdir(), `tallyho-${mark}-`));
  expect(await addRow(await openServer())).toBe(1);
  await until(() => socketFoldersOf(place.state).length === 1, 'the folder left behind to be removed');
  await expectCleanEnd();
});

describe('PROTOCOL 5.1: killed while the server runs', () => {
  test('the starter: those who share the server notice nothing', async () => {
    const starter = startOpener(place.state);
    await starter.opened;
    const shared = await openServer();
    const sql = connectTo(shared);
    await sql`create table visit (at timestamptz default now())`;
    kill(starter.process.pid);
    await sleep(1000);
    await sql`insert into visit default values`;
    await sql.end();
    expect(await addRow(shared)).toBe(2);
    await expectCleanEnd();
  });

  test('the supervisor: the next opener shares the server, and a new supervisor ends it', async () => {
    expect(await addRow(await openServer())).toBe(1);
    const [postmaster] = pidsOf(place.state, 'postmaster');
    await killSupervisors();

    expect(await addRow(await openServer())).toBe(2);
    expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
    await until(() => pidsOf(place.state, 'supervisor').length === 1, 'a new supervisor');
    // And one more time: an adopted server is as good as a new one.
    await killSupervisors();
    expect(await addRow(await openServer())).toBe(3);
    await until(() => pidsOf(place.state, 'supervisor').length === 1, 'a new supervisor');
    expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
    await closeAll();
    await until(() => processesOf(place.state).length === 0, 'all processes to end');
    await expectCleanEnd();
  });

  test('the supervisor, and the sockets are deleted: the server, which nobody can reach, is replaced', async () => {
    const server = await openServer();
    expect(await addRow(server)).toBe(1);
    const before = pidsOf(place.state, 'postmaster');
    pidsOf(place.state, 'supervisor').forEach((pid) => kill(pid));
    for (const folder of [server.socketFolder, join(place.state, 'postgres', 'data')]) rmSync(join(folder, '.s.PGSQL.5432'));
    expect(await addRow(await openServer())).toBe(2);
    expect(pidsOf(place.state, 'postmaster')).not.toEqual(before);
    await expectCleanEnd();
  });

  test('the supervisor, and nobody opens the server afterwards: it is replaced all the same', async () => {
    await openServer();
    await killSupervisors();
    await until(() => pidsOf(place.state, 'supervisor').length === 1, 'a new supervisor');
    await expectCleanEnd();
  });

  test('the supervisor and the starter, and the one who shared leaves at once: its last look brings another', async () => {
    const starter = startOpener(place.state);
    await starter.opened;
    const shared = await openServer();
    const sql = connectTo(shared);
    // At once, so that neither replaces the other.
    kill(starter.process.pid);
    await killSupervisors();
    // Which would count as a supervisor.
    await until(
      async () => (await sql`select from pg_stat_activity where application_name = ${supervisorName}`).length === 0,
      'its session to be gone',
    );
    await sql.end();

    await closeAll();
    expect(pidsOf(place.state, 'supervisor')).toHaveLength(1);
    await until(() => processesOf(place.state).length === 0, 'all processes to end');
    await expectCleanEnd();
  });

  test('an opener that has just taken the lock, and the last other leaves meanwhile: the server has a supervisor all the same', async () => {
    const shared = startOpener(place.state);
    await shared.opened;
    // Else it might look for a supervisor first.
    kill(shared.process.pid, 'SIGSTOP');
    await killSupervisors();

    const programs = mkdtempSync(join(tmpdir(), 'slow-flock-'));
    const taken = join(programs, 'taken');
    let hasEnded = false;
    const endFlock = (): void => {
      if (!hasEnded && existsSync(taken)) kill(Number(readFileSync(taken, 'utf8')));
      hasEnded = true;
    };
    try {
      // Once it has the lock it does not end, the first time.
      const flock = `#!/bin/sh\nPATH="$REAL_PATH"\nflock "$@" || exit\n[ -e ${taken} ] && exit\necho $$ >${taken}.new && mv ${taken}.new ${taken} && exec sleep 600\n`;
      writeFileSync(join(programs, 'flock'), flock, { mode: 0o755 });
      const path = process.env['PATH'] ?? '';
      const holder = startOpener(place.state, { REAL_PATH: path, PATH: `${programs}:${path}` });
      await until(() => existsSync(taken), 'an opener to take the lock', place.state);
      kill(shared.process.pid, 'SIGCONT');
      await shared.leave();
      kill(holder.process.pid);
      endFlock();
      await expectCleanEnd();
    } finally {
      kill(shared.process.pid);
      endFlock();
      rmSync(programs, { recursive: true });
    }
  });

  test('the postmaster: what was committed is there', async () => {
    expect(await addRow(await openServer())).toBe(1);
    pidsOf(place.state, 'postmaster').forEach((pid) => kill(pid));
    expect(await addRow(await openServer())).toBe(2);
    await expectCleanEnd();
  });

  test('the postmaster, under a backend that is busy writing: it is ended before another server starts', async () => {
    const server = await openServer();
    expect(await addRow(server)).toBe(1);
    const sql = connectTo(server);
    // Busy with computing, so it does not look whether its postmaster lives.
    const busy = sql`insert into visit select now() from pg_class a, pg_class b, pg_class c, pg_class d having count(*) > 0`;
    const failed = busy.then(
      () => undefined,
      (error: unknown) => error,
    );
    const watcher = connectTo(server);
    let pid = 0;
    await until(async () => {
      const [row] = await watcher<
        { pid: number }[]
      >`select pid from pg_stat_activity where query like 'insert%pg_class%' and pid <> pg_backend_pid()`;
      pid = row?.pid ?? 0;
      return pid > 0;
    }, 'the backend to be busy');
    await watcher.end();
    pidsOf(place.state, 'postmaster').forEach((pid) => kill(pid));
    await sleep(200);
    expect(processesOf(place.state).map((found) => found.pid)).toContain(pid);
    expect(await addRow(await openServer())).toBe(2);
    expect(processesOf(place.state).map((found) => found.pid)).not.toContain(pid);
    expect(await failed).toBeInstanceOf(Error);
    await expectCleanEnd();
  });

  test('the postmaster, before the opener that started it has connected: another is started', async () => {
    expect(await addRow(await openServer())).toBe(1);
    await closeAll();
    await stopServer(place.state);
    const opener = startOpener(place.state);
    await until(() => pidsOf(place.state, 'postmaster').length > 0, 'the postmaster');
    kill(opener.process.pid, 'SIGSTOP');
    const ready = (): boolean => readFileSync(join(place.state, 'postgres', 'data', 'postmaster.pid'), 'utf8').includes('ready');
    await until(() => existsSync(join(place.state, 'postgres', 'data', 'postmaster.pid')) && ready(), 'the server to be ready');
    pidsOf(place.state, 'postmaster').forEach((pid) => kill(pid));
    kill(opener.process.pid, 'SIGCONT');
    await opener.opened;
    expect(await addRow(await openServer())).toBe(2);
    await opener.leave();
    await expectCleanEnd();
  });

  test('the supervisor and the postmaster', async () => {
    expect(await addRow(await openServer())).toBe(1);
    for (const kind of ['supervisor', 'postmaster'] as const) pidsOf(place.state, kind).forEach((pid) => kill(pid));
    expect(await addRow(await openServer())).toBe(2);
    await expectCleanEnd();
  });

  test('everything at once, again and again, under writers', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 4; round += 1) {
      const server = await openServer();
      const sql = connectTo(server);
      await sql`create table if not exists visit (at timestamptz default now())`;
      const [row] = await sql<[{ n: number }]>`select count(*)::int as n from visit`;
      expect(row.n).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = row.n;
      const end = Date.now() + 300;
      while (Date.now() < end) {
        await sql`insert into visit default values`;
        acknowledged += 1;
      }
      for (const { pid } of processesOf(place.state)) kill(pid);
      await sql.end({ timeout: 0 });
    }
    expect(await addRow(await openServer())).toBeGreaterThan(acknowledged);
    await expectCleanEnd();
  });

  test('five openers, one of whom is killed, while all wait for a server that was killed', async () => {
    expect(await addRow(await openServer())).toBe(1);
    for (const { pid } of processesOf(place.state)) kill(pid);
    const openers = Array.from({ length: 5 }, () => startOpener(place.state));
    await until(() => pidsOf(place.state, 'supervisor').length > 0, 'a supervisor');
    kill(openers[0]?.process.pid);
    await Promise.all(openers.slice(1).map((opener) => opener.opened));
    expect(pidsOf(place.state, 'postmaster')).toHaveLength(1);
    expect(await addRow(await openServer())).toBe(2);
    await Promise.all(openers.slice(1).map((opener) => opener.leave()));
    await expectCleanEnd();
  });
});

describe('what a killed server leaves behind', () => {
  /** Kills all, and puts the process id of something alive that is not ours into postmaster.pid and the socket's lock. */
  async function leaveForeignPid(pid: number): Promise<void> {
    expect(await addRow(await openServer())).toBe(1);
    for (const found of processesOf(place.state)) kill(found.pid);
    await until(() => processesOf(place.state).length === 0, 'all processes to end');
    const folder = join(place.state, 'postgres', 'data');
    for (const name of ['postmaster.pid', '.s.PGSQL.5432.lock']) {
      const file = join(folder, name);
      const [, ...rest] = readFileSync(file, 'utf8').split('\n');
      writeFileSync(file, [pid, ...rest].join('\n'));
    }
  }

  test("PROTOCOL 5.1: a process id that is now a stranger's does not keep the server from starting, and the stranger lives on", async () => {
    // The same user as the server's, so that PostgreSQL by itself would take it for one of its own.
    const user = process.geteuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const stranger = spawn('sleep', ['600'], { ...user, stdio: 'ignore' });
    strangers.push(stranger);
    await leaveForeignPid(stranger.pid ?? 0);
    expect(await addRow(await openServer())).toBe(2);
    expect(stranger.exitCode ?? stranger.signalCode).toBe(null);
    await expectCleanEnd();
  });

  test('the server of another folder is a stranger too', async () => {
    const other = makePlace();
    try {
      const elsewhere = await openPrivateServer({ folder: other.state });
      await leaveForeignPid(pidsOf(other.state, 'postmaster')[0] ?? 0);
      expect(await addRow(await openServer())).toBe(2);
      expect(await addRow(elsewhere)).toBe(1);
      await elsewhere.close();
      await expectCleanEnd();
    } finally {
      await other.remove();
    }
  });

  test('half a set-up, a lock file never linked, a door never named: swept', async () => {
    const half = join(place.state, 'postgres.new-abc123', 'data');
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, 'PG_VERSION'), '18\n');
    for (const name of ['server.lock.new-1', 'server.json.new-1']) writeFileSync(join(place.state, name), 'half');
    await openServer();
    await expectCleanEnd();
  });

  test('a door that leads nowhere, or is no JSON, is no hindrance', async () => {
    expect(await addRow(await openServer())).toBe(1);
    const door = readFileSync(join(place.state, 'server.json'), 'utf8');
    await closeAll();
    await stopServer(place.state);
    writeFileSync(join(place.state, 'server.json'), door);
    expect(await addRow(await openServer())).toBe(2);
    await closeAll();
    await stopServer(place.state);
    writeFileSync(join(place.state, 'server.json'), '{"socketFolder":');
    expect(await addRow(await openServer())).toBe(3);
    await expectCleanEnd();
  });
});

test('a stopped process (SIGSTOP) is waited for, not replaced', async () => {
  const server = await openServer();
  expect(await addRow(server)).toBe(1);
  const [postmaster = 0] = pidsOf(place.state, 'postmaster');
  process.kill(postmaster, 'SIGSTOP');
  const opening = startOpener(place.state);
  await sleep(3000);
  expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
  process.kill(postmaster, 'SIGCONT');
  await opening.opened;
  expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
  await opening.leave();
  await expectCleanEnd();
});
