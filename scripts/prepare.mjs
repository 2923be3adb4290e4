/**
 * What every script that people start needs first: the right Node, the dependencies, the build.
 * Plain Node without dependencies, because it runs before there are any.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Written by build.mjs after a build without errors. */
export const buildStamp = join(root, 'dist', '.built');

const buildInputs = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/run-bundle.cjs'];

/** Ends the process when this Node is older than the `engines` of package.json. */
export function checkNode() {
  const engines = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node;
  const [wantedMajor = 0, wantedMinor = 0] = engines.replace('>=', '').split('.').map(Number);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  console.error(`Tallyho needs Node.js ${wantedMajor}.${wantedMinor} or newer; this is ${process.versions.node} (${process.execPath}).`);
  console.error('Install a newer one from https://nodejs.org and try again.');
  process.exit(2);
}

/** Runs `npm install` when the installed tree is absent or older than what package.json and the lockfile ask for. */
export async function install() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const wanted = ['package.json', 'package-lock.json', 'test/servers/package.json'].map((file) => modified(join(root, file)));
  if (modified(installed) >= Math.max(...wanted)) return;
  console.error(modified(installed) === 0 ? 'Installing the dependencies (once; up to a minute) ...' : 'Updating the dependencies ...');
  const code = await npm(['install', '--no-audit', '--no-fund', '--loglevel=error'], { stdout: 'ignore' });
  if (code !== 0) {
    console.error(`npm install failed (exit code ${code}).`);
    process.exit(code);
  }
  // npm leaves its record as it is when nothing has changed; without this the next start would install again.
  utimesSync(installed, new Date(), new Date());
}

/** Builds dist/ when it is absent or older than the sources; false when that fails (the compiler has said why). */
export async function build() {
  if (modified(buildStamp) >= Math.max(...buildInputs.map((path) => newest(join(root, path))))) return true;
  console.error('Building ...');
  return (await run(process.execPath, [join(root, 'scripts', 'build.mjs')])) === 0;
}

/**
 * Runs a program in the project's folder on this terminal and returns its exit code (128 + n after signal n).
 * Ctrl-C reaches the program through the terminal's process group, and npm may send it to us once more; so SIGINT is
 * passed on only where there is no terminal: a program that counts signals (the second one aborts) must see one.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ stdout?: 'inherit' | 'ignore', env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>}
 */
export function run(program, args, options = {}) {
  // On Windows npm is a .cmd, and those start only through a shell.
  const shell = program.endsWith('.cmd');
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['inherit', options.stdout ?? 'inherit', 'inherit'],
    env: options.env ?? process.env,
    shell,
  });
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const onInterrupt = () => terminal || child.kill('SIGINT');
  const onTerminate = () => child.kill('SIGTERM');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']);
    });
  });
}

/** Runs npm as `run` does. @param {readonly string[]} args @param {Parameters<typeof run>[2]} [options] */
export function npm(args, options) {
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, options);
}

/** Modification time in ms; 0 when absent. @param {string} path */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The newest modification below a path, folders too: so a removed file counts. @param {string} path @returns {number} */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
