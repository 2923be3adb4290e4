/**
 * Runs the server of test-server.ts as long as standard input is open: the end of the test process, also by kill -9,
 * closes it. Then the server is ended at once and its folder removed.
 *
 * Says "ready", or what went wrong, in one line. Plain JavaScript, because it must start fast and without a loader.
 */
import { execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @type {{ initdb: string, program: string, port: number, user: string, password: string, owner: { uid?: number, gid?: number },
 *   settings: Record<string, string>, files: Record<string, string> }}
 */
const task = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'tallyho-test-server-'));
const data = join(folder, 'data');
const how = { ...task.owner, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' } };
const settings = {
  listen_addresses: '127.0.0.1',
  port: String(task.port),
  unix_socket_directories: '',
  max_connections: '200',
  dynamic_shared_memory_type: 'mmap',
  max_parallel_workers_per_gather: '0',
  fsync: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
  ...task.settings,
};

/** @type {import('node:child_process').ChildProcess | undefined} */
let server;
let closing = false;
let restarting = false;

// Ctrl-C is for the test process; its end is what we wait for.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.stdout.on('error', () => {});
process.stdin.resume().once('close', end);
// What `pg_ctl restart -m immediate` does: no farewell, no checkpoint; the next start recovers from the log.
process.stdin.on('data', () => {
  restarting = true;
  server?.kill('SIGQUIT');
});

const password = join(folder, 'password');
writeFileSync(password, task.password);
if (task.owner.uid !== undefined && task.owner.gid !== undefined) {
  for (const path of [password, folder]) chownSync(path, task.owner.uid, task.owner.gid);
}
const initArguments = ['-D', data, '-U', task.user, '-A', 'scram-sha-256', '--pwfile', password, '-E', 'UTF8', '--locale=C', '--no-sync'];
execFile(task.initdb, initArguments, how, (error) => {
  if (closing) return remove();
  if (error !== null) return fail(error.message);
  // Files named relative to the data folder, as settings may name them; the server wants its key for itself.
  for (const [name, text] of Object.entries(task.files)) {
    const file = join(data, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (task.owner.uid !== undefined && task.owner.gid !== undefined) chownSync(file, task.owner.uid, task.owner.gid);
  }
  start();
});

function start() {
  server = spawn(task.program, ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    ...how,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  server.stderr?.on('data', (chunk) => (log = (log + String(chunk)).slice(-2000)));
  server.once('exit', () => {
    if (closing) return remove();
    if (!restarting) return fail(log);
    restarting = false;
    start();
  });
  waitUntilReady();
}

function waitUntilReady() {
  const file = join(data, 'postmaster.pid');
  if (existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready') console.log('ready');
  else if (!closing) setTimeout(waitUntilReady, 5);
}

/** During initdb there is no server yet; its callback removes the folder. */
function end() {
  closing = true;
  server?.kill('SIGQUIT');
}

/** @param {string} why */
function fail(why) {
  console.log(why.replaceAll('\n', ' '));
  remove();
  process.stdin.destroy();
}

function remove() {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
