/** What the private server promises to whoever opens it (PROTOCOL.md 5, private-server.ts), with real processes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freeBytes } from '../../src/store/private-server/free-bytes.ts';
import { openPrivateServer, type PrivateServer } from '../../src/store/private-server/private-server.ts';
import {
  addRow,
  connectTo,
  makePlace,
  pidsOf,
  type Place,
  processesOf,
  socketFoldersOf,
  startOpener,
  stopServer,
  until,
} from '../helpers/private-server-world.ts';

const isRoot = process.geteuid?.() === 0;

let place: Place;
const open: PrivateServer[] = [];

async function openServer(folder = place.state, more: object = {}): Promise<PrivateServer> {
  const server = await openPrivateServer({ folder, ...more });
  open.push(server);
  return server;
}

async function closeAll(): Promise<void> {
  for (const server of open.splice(0)) await server.close();
}

/** How often the server's log says something. */
function logged(text: string): number {
  return readFileSync(join(place.state, 'server.log'), 'utf8').split(text).length - 1;
}

beforeEach(() => {
  place = makePlace();
});

afterEach(async () => {
  await closeAll();
  await place.remove();
});

describe('opening', () => {
  test('sets up a server once, says so, and goes on with its data at the next start', async () => {
    const said: string[] = [];
    const first = await openServer(place.state, { onProgress: (text: string) => said.push(text) });
    expect(said).toHaveLength(1);
    expect(await addRow(first)).toBe(1);
    await closeAll();
    await stopServer(place.state);

    const second = await openServer(place.state, { onProgress: (text: string) => said.push(text) });
    expect(said).toHaveLength(1);
    expect(await addRow(second)).toBe(2);
  });

  test('five processes at once get one server', async () => {
    const openers = Array.from({ length: 5 }, () => startOpener(place.state));
    const opened = await Promise.all(openers.map((opener) => opener.opened));
    expect(new Set(opened.map(({ host }) => host)).size).toBe(1);
    expect(pidsOf(place.state, 'postmaster')).toHaveLength(1);
    expect(logged('starting PostgreSQL')).toBe(1);
    await until(() => pidsOf(place.state, 'supervisor').length === 1, 'the other supervisors to leave');
    await Promise.all(openers.map((opener) => opener.leave()));
  });

  test('five opens at once within one process get one server', async () => {
    const servers = await Promise.all(Array.from({ length: 5 }, () => openServer()));
    expect(new Set(servers.map(({ host }) => host)).size).toBe(1);
    expect(pidsOf(place.state, 'postmaster')).toHaveLength(1);
    expect(logged('starting PostgreSQL')).toBe(1);
  });

  test('another folder has another server', async () => {
    const other = makePlace();
    try {
      const [here, there] = [await openServer(), await openServer(other.state)];
      expect(there.host).not.toBe(here.host);
      expect(there.password).not.toBe(here.password);
      expect(await addRow(here)).toBe(1);
      expect(await addRow(here)).toBe(2);
      expect(await addRow(there)).toBe(1);
    } finally {
      await closeAll();
      await other.remove();
    }
  });

  test('a state folder may have a path that is too long for a socket, with spaces, quotes and commas', async () => {
    const far = makePlace(join(`it's a "long", odd 'name'`, 'x'.repeat(100), '.tallyho'));
    try {
      const server = await openServer(far.state);
      expect(await addRow(server)).toBe(1);
      await closeAll();
      await stopServer(far.state);
    } finally {
      await far.remove();
    }
  });

  test('an aborted signal ends the wait with its reason, and leaves nothing behind', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const opening = openServer(place.state, { signal: abort.signal, onProgress: () => abort.abort(reason) });
    await expect(opening).rejects.toBe(reason);
    await until(() => processesOf(place.state).length === 0, 'the server to stop');
  });
});

describe('PROTOCOL 5.2: the doors', () => {
  test('the password is random and readable to its owner only, as is the socket; no port is open', async () => {
    const server = await openServer();
    const password = join(place.state, 'postgres', 'password');
    expect(statSync(password).mode & 0o777).toBe(0o600);
    expect(readFileSync(password, 'utf8').trim()).toBe(server.password);
    expect(server.password.length).toBeGreaterThanOrEqual(32);
    expect(statSync(server.socketFolder).mode & 0o777).toBe(0o700);
    expect(statSync(join(server.socketFolder, `.s.PGSQL.${server.port}`)).mode & 0o777).toBe(0o700);
    for (const file of ['server.json', 'server.log', 'server.lock']) expect(statSync(join(place.state, file)).mode & 0o777).toBe(0o600);

    const sql = connectTo(server);
    const [row] = await sql`select current_setting('listen_addresses') as addresses, current_setting('fsync') as fsync`;
    expect(row).toEqual({ addresses: '', fsync: 'on' });
    await sql.end();
  });

  test('a wrong password is refused', async () => {
    const server = await openServer();
    const sql = connectTo({ ...server, password: 'wrong' });
    await expect(sql`select 1`).rejects.toMatchObject({ code: '28P01' });
    await sql.end();
  });

  test.runIf(isRoot)('as root the server and all that is its own belong to another user', async () => {
    await openServer();
    const [postmaster] = pidsOf(place.state, 'postmaster');
    const owner = statSync(`/proc/${postmaster}`).uid;
    expect(owner).toBe(65534);
    expect(statSync(join(place.state, 'postgres', 'data')).uid).toBe(owner);
  });

  test.runIf(isRoot)("as root in a user's state folder, the server runs as that user", async () => {
    mkdirSync(place.state);
    execFileSync('chown', ['1:1', place.state]);
    await openServer();
    const [postmaster] = pidsOf(place.state, 'postmaster');
    expect(statSync(`/proc/${postmaster}`).uid).toBe(1);
    for (const name of readdirSync(place.state)) expect([name, statSync(join(place.state, name)).uid]).toEqual([name, 1]);
  });

  test.runIf(isRoot)('a tree that root copied back from a backup is given to the server again', async () => {
    expect(await addRow(await openServer())).toBe(1);
    await closeAll();
    await stopServer(place.state);
    execFileSync('chown', ['-R', '0:0', place.state]);
    expect(await addRow(await openServer())).toBe(2);
  });
});

describe('the end', () => {
  test('while it is open the server stays, though nobody is connected otherwise', async () => {
    const server = await openServer();
    const [postmaster] = pidsOf(place.state, 'postmaster');
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
    expect(await addRow(server)).toBe(1);
  });

  test('after the last client nothing is left: no process, no socket, no door', async () => {
    const [first, second] = [startOpener(place.state), startOpener(place.state)];
    await Promise.all([first.opened, second.opened]);
    await first.leave();
    second.process.kill('SIGKILL');
    await until(() => processesOf(place.state).length === 0, 'all processes to end');
    expect(socketFoldersOf(place.state)).toEqual([]);
    expect(readdirSync(place.state).sort()).toEqual(['postgres', 'server.lock', 'server.log']);
    // A clean stop: the next start needs no recovery.
    expect(readFileSync(join(place.state, 'server.log'), 'utf8')).toContain('database system is shut down');
  });

  test('a client that comes while the server stops gets one that works', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect(await addRow(await openServer())).toBe(round + 1);
      await closeAll();
      for (const pid of pidsOf(place.state, 'supervisor')) process.kill(pid, 'SIGTERM');
      await until(() => logged('received fast shutdown request') > round, 'the server to begin its end');
    }
    expect(await addRow(await openServer())).toBe(4);
  });

  test('a supervisor that is told to end waits for the clients, and does not linger after them', async () => {
    const server = await openServer();
    for (const pid of pidsOf(place.state, 'supervisor')) process.kill(pid, 'SIGTERM');
    expect(await addRow(server)).toBe(1);
    await closeAll();
    await until(() => processesOf(place.state).length === 0, 'all processes to end');
  });

  test.each(['first', 'second'])(
    'a state folder that is deleted after its %s start takes its server with it, and can be made anew at once',
    async (start) => {
      expect(await addRow(await openServer())).toBe(1);
      if (start === 'second') {
        await closeAll();
        await stopServer(place.state);
        await openServer();
      }
      const before = processesOf(place.state).map(({ pid }) => pid);
      rmSync(place.state, { recursive: true, force: true });
      expect(await addRow(await openServer())).toBe(1);
      await until(() => !processesOf(place.state).some(({ pid }) => before.includes(pid)), 'the old server to end');
    },
  );

  test('a state folder whose deletion begins as the last client leaves takes its server with it, and its socket', async () => {
    await openServer();
    await closeAll();
    await stopServer(place.state);
    await openServer();
    await closeAll();
    // The supervisor wakes while the data are still there: a deletion takes its time.
    rmSync(join(place.state, 'server.lock'));
    await until(() => processesOf(place.state).length === 0, 'the server to end');
    expect(socketFoldersOf(place.state)).toEqual([]);
  });
});

describe('refusals', () => {
  test('PROTOCOL 5.3: the data of another major version is left alone', async () => {
    await openServer();
    await closeAll();
    await stopServer(place.state);
    writeFileSync(join(place.state, 'postgres', 'data', 'PG_VERSION'), '17\n');
    await expect(openServer()).rejects.toMatchObject({
      code: 'STATE_FORMAT',
      exit: 2,
      message: expect.stringContaining('PostgreSQL 17') as unknown,
      mend: expect.stringContaining('tallyho state export') as unknown,
    });
    expect(processesOf(place.state)).toEqual([]);
  });

  test.runIf(isRoot)('as root, a folder that the server cannot reach ends with the mend', async () => {
    const closed = makePlace(join('closed', 'project', '.tallyho'));
    try {
      const parent = join(closed.state, '..', '..');
      mkdirSync(parent, { mode: 0o700 });
      await expect(openServer(closed.state)).rejects.toMatchObject({
        code: 'STATE_UNREACHABLE',
        exit: 2,
        message: expect.stringContaining(join(parent)) as unknown,
        mend: expect.stringContaining('state: /var/lib/tallyho/project') as unknown,
      });
      // Not even the folder was made.
      expect(readdirSync(parent)).toEqual([]);

      chmodSync(parent, 0o755);
      mkdirSync(closed.state, { recursive: true });
      chmodSync(closed.state, 0o700);
      await expect(openServer(closed.state)).rejects.toMatchObject({ code: 'STATE_UNREACHABLE' });
    } finally {
      await closed.remove();
    }
  });

  test('a folder that cannot be made says so', async () => {
    writeFileSync(`${place.state}-file`, '');
    await expect(openServer(join(`${place.state}-file`, 'below'))).rejects.toMatchObject({ code: 'STATE_UNREACHABLE', exit: 2 });
  });

  test('a server that does not start quotes its log', async () => {
    await openServer();
    await closeAll();
    await stopServer(place.state);
    writeFileSync(join(place.state, 'postgres', 'data', 'postgresql.conf'), 'no such setting\n');
    await expect(openServer()).rejects.toMatchObject({ code: 'SERVER_START', message: expect.stringContaining('syntax error') as unknown });
    await until(() => processesOf(place.state).length === 0, 'the supervisor to end');
  });
});

test('a copied state folder is a state of its own, though its files name the socket of the original', async () => {
  const original = await openServer();
  expect(await addRow(original)).toBe(1);
  const copy = makePlace();
  try {
    execFileSync('cp', ['-a', place.state, copy.state]);
    expect(existsSync(join(copy.state, 'server.json'))).toBe(true);
    const server = await openServer(copy.state);
    expect(server.host).not.toBe(original.host);
    expect(pidsOf(copy.state, 'postmaster')).toHaveLength(1);
  } finally {
    await closeAll();
    await copy.remove();
  }
});

test('free space is known for a folder that is not there yet', async () => {
  const here = freeBytes(process.cwd());
  expect(here).toBeGreaterThan(0);
  expect(freeBytes(join(process.cwd(), 'not', 'there'))).toBeGreaterThan(0);
});
