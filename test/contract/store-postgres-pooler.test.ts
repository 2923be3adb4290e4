/** A pooler in transaction mode is refused before anything is made through it. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeError } from '../../src/store/postgres/failure.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { freePort } from '../helpers/free-port.ts';
import { missingServer } from '../helpers/store-servers.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const missing = missingServer(18) ?? pgbouncerMissing();
let server: TestServer;
let folder: string;

beforeAll(async () => {
  if (missing === undefined) server = await startTestServer();
});
afterAll(async () => {
  if (missing === undefined) await server.close();
});
function pgbouncerMissing(): string | undefined {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'pgbouncer is not installed';
  }
}

/** Runs `use` with the URL of the server through pgbouncer. */
async function through(settings: readonly string[], use: (url: string) => Promise<void>): Promise<void> {
  folder = makeTempFolder('pgbouncer');
  chmodSync(folder, 0o755);
  const port = await freePort();
  writeFileSync(join(folder, 'users.txt'), `"${server.user}" "${server.password}"\n`);
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${server.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = plain',
    `auth_file = ${join(folder, 'users.txt')}`,
    'pool_mode = transaction',
    ...settings,
  ];
  writeFileSync(join(folder, 'pgbouncer.ini'), `${lines.join('\n')}\n`);
  // It does not run as root.
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const pooler = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], { ...owner, stdio: 'ignore' });
  const ended = new Promise<void>((done) => pooler.once('exit', () => done()));
  try {
    while (!(await answers(port))) await sleep(20);
    await use(server.url.replace(`:${server.port}/`, `:${port}/`));
  } finally {
    pooler.kill('SIGKILL');
    await ended;
    removeFolder(folder);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    }).once('error', () => done(false));
  });
}

const refused = {
  code: 'STORE_UNSUITABLE',
  message: expect.stringContaining('pooler') as string,
  mend: expect.stringContaining('server itself') as string,
};

test('one that refuses our settings, as pgbouncer does by itself', async (context) => {
  if (missing !== undefined) context.skip(missing);
  await through([], async (url) => {
    await expect(openPostgresStore({ connection: { url }, pipeline: 'p' })).rejects.toMatchObject(refused);
  });
});

test('one that drops our settings: nothing is made in another schema', async (context) => {
  if (missing !== undefined) context.skip(missing);
  const dropped =
    'search_path,DateStyle,bytea_output,default_transaction_isolation,jit,statement_timeout,lock_timeout,idle_in_transaction_session_timeout';
  await through([`ignore_startup_parameters = ${dropped}`], async (url) => {
    await expect(openPostgresStore({ connection: { url }, pipeline: 'p' })).rejects.toMatchObject(refused);
    const admin = postgres(server.url, { max: 1 });
    expect(await admin`select relname from pg_class where relnamespace = 'public'::regnamespace`).toEqual([]);
    await admin.end();
  });
});

test('an error of the protocol is told as such', () => {
  const violation = new postgres.PostgresError('unsupported startup parameter: jit');
  expect(storeError(Object.assign(violation, { code: '08P01' }), 'connect', 'here')).toMatchObject(refused);
});
