/**
 * The S3 server of the tests: versitygw, a real and persistent one, built from its Go module once for this user.
 * Plain Node without dependencies, because scripts/test.mjs runs it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const version = '1.8.0';
const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tallyho', `versitygw-${version}`);

/** Where the server is, or will be. */
export const s3ServerProgram = join(folder, process.platform === 'win32' ? 'versitygw.exe' : 'versitygw');

/** Why there is none; undefined where there is. */
export function s3ServerMissing() {
  return existsSync(s3ServerProgram) ? undefined : 's3: no server for the tests (npm test builds it where Go is installed)';
}

/** Builds it where Go is and it is not there yet. Without Go, or where it cannot be built, tests that need it are skipped by name. */
export function installS3Server() {
  if (existsSync(s3ServerProgram) || spawnSync('go', ['version']).status !== 0) return;
  console.error('Building the S3 server of the tests (once; some minutes) ...');
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('go', ['install', `github.com/versity/versitygw/cmd/versitygw@v${version}`], {
    env: { ...process.env, GOBIN: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) console.error(`It cannot be built: ${stderr.trim().split('\n').at(-1)}`);
}
