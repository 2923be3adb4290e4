/**
 * What every script that people start needs first: the right Node, the dependencies, the build.
 * Plain Node without dependencies, because it runs before there are any.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === 'win32';

/** Written by build.mjs after a build without errors. */
export const buildStamp = join(root, 'dist', '.built');

/** What the build is made from. */
const buildInputs = ['src', 'tsconfig.json', 'package-lock.json', 'scripts/build.mjs'];

/** Ends the process with a message when this Node is older than package.json's engines. */
export function checkNode() {
  const wanted = /(\d+)\.(\d+)/.exec(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = [Number(wanted?.[1]), Number(wanted?.[2])];
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  console.error(`Tallyho needs Node.js ${wantedMajor}.${wantedMinor} or newer; this is ${process.versions.node} (${process.execPath}).`);
  console.error('Install a newer one from https://nodejs.org and try again.');
  process.exit(2);
}

/** Runs `npm install` when the installed tree is absent or older than the lockfile. */
export async function install() {
  const installed = modified(join(root, 'node_modules', '.package-lock.json'));
  const wanted = Math.max(modified(join(root, 'package-lock.json')), modified(join(root, 'package.json')));
  if (installed >= wanted) return;
  console.error(installed === 0 ? 'Installing the dependencies (once, about a minute) ...' : 'Bringing the dependencies up to date ...');
  await must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...(installed === 0 ? [] : ['--prefer-offline'])], 'npm install', {
    quiet: true,
  });
  touch(join(root, 'node_modules', '.package-lock.json'));
}

/** Builds dist/ when it is absent or older than the sources. */
export async function build() {
  if (modified(buildStamp) >= Math.max(...buildInputs.map((path) => newest(join(root, path))))) return;
  console.error('Building ...');
  await must(process.execPath, [join(root, 'scripts', 'build.mjs')], 'The build');
}
