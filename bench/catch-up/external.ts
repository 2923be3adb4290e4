/**
 * An external PostgreSQL on the same machine, with the settings that PostgreSQL comes with, unless some are given:
 * durable, unlike the one of the tests, whose fsync is off. Reached by TCP on 127.0.0.1, with a password.
 *
 * It runs below a shell that ends it when its standard input closes: the end of the bench, however it came.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { findBinaries } from '../../src/store/private-server/binaries.ts';
import { readPidFile } from '../../src/store/private-server/processes.ts';
import { runAs } from '../../src/store/private-server/run-as.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';

export interface External {
  readonly postmaster: number;
  /** URL of a new, empty database. */
  createDatabase(): Promise<string>;
  close(): Promise<void>;
}

const untilInputEnds = '"$@" & pid=$!; cat > /dev/null; kill -INT $pid; wait $pid';

export async function startExternal(parent: string, settings: Readonly<Record<string, string>> = {}): Promise<External> {
  const folder = join(parent, 'external-server');
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  const password = randomBytes(16).toString('hex');
  const port = await freePort();
  const owner = await runAs(stateFolderAt(folder));
  const { initdb, postgres: program } = await findBinaries(owner);
  mkdirSync(folder);
  writeFileSync(passwordFile, password);
  if (owner !== undefined) for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid);
  const how = { ...owner, cwd: folder, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } };
  await promisify(execFile)(
    initdb,
    ['-D', data, '-U', 'bench', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C'],
    how,
  );
  rmSync(passwordFile);

  const all = { ...settings, listen_addresses: '127.0.0.1', port, unix_socket_directories: '' };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const shell = spawn('bash', ['-c', untilInputEnds, 'bash', program, '-D', data, ...flags], {
    ...how,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = once(shell, 'exit');
  let made = 0;
  const urlOf = (database: string): string => `postgres://bench:${password}@127.0.0.1:${port}/${database}`;
  return {
    postmaster: await ready(data, ended),
    async createDatabase() {
      const admin = postgres(urlOf('postgres'), { max: 1, onnotice: () => undefined });
      const database = `bench_${++made}`;
      await admin`create database ${admin(database)}`;
      await admin.end();
      return urlOf(database);
    },
    async close() {
      shell.stdin.end();
      await ended;
    },
  };
}

async function ready(data: string, ended: Promise<unknown>): Promise<number> {
  let gone = false;
  void ended.then(() => (gone = true));
  for (;;) {
    const found = await readPidFile(data);
    if (found?.ready === true) return found.pid;
    if (gone) throw new Error(`PostgreSQL for the bench ends at once (data in ${data}).`);
    await sleep(20);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}
