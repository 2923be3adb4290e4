/**
 * Runs the S3 server of s3-server.ts as long as standard input is open: the end of the test process, also by kill -9,
 * closes it. Then the server is ended and its folder removed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @type {{ program: string, port: number, accessKeyId: string, secretAccessKey: string }} */
const task = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'tallyho-s3-'));
const data = join(folder, 'data');
const versions = join(folder, 'versions');
for (const made of [data, versions]) mkdirSync(made);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.stdout.on('error', () => {});

const server = spawn(task.program, ['--port', `127.0.0.1:${task.port}`, '--quiet', 'posix', '--versioning-dir', versions, data], {
  env: { PATH: '/usr/bin:/bin', ROOT_ACCESS_KEY: task.accessKeyId, ROOT_SECRET_KEY: task.secretAccessKey },
  stdio: ['ignore', 'ignore', 'pipe'],
});
let log = '';
server.stderr.on('data', (chunk) => (log = (log + String(chunk)).slice(-2000)));
server.once('exit', () => {
  console.log(log.replaceAll('\n', ' '));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.stdin.destroy();
});
process.stdin.resume().once('close', () => server.kill('SIGKILL'));

// It answers anybody, with 403.
for (let left = 500; left > 0; left -= 1) {
  const answers = await fetch(`http://127.0.0.1:${task.port}/`).then(
    () => true,
    () => false,
  );
  if (answers) {
    console.log('ready');
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
}
