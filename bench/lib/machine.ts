/** The machine and the versions that a bench ran with: without these its figures mean little. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { findBinaries } from '../../src/store/private-server/binaries.ts';
import { runAs } from '../../src/store/private-server/run-as.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  /** Of the folder for temporary files, where source, state and output of a bench lie. */
  readonly fileSystem: string;
  /** Averages of 1, 5 and 15 minutes when the bench began: above the number of cores, others were at work. */
  readonly loadAtStart: readonly number[];
  readonly node: string;
  readonly duckdb: string;
  readonly postgres: string;
  readonly commit: string;
}

const run = promisify(execFile);

export async function describeMachine(): Promise<Machine> {
  const found = cpus();
  return {
    cpu: found[0]?.model.trim() ?? 'unknown',
    cores: found.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    fileSystem: await fileSystem(tmpdir()),
    loadAtStart: loadavg().map((load) => Number(load.toFixed(2))),
    node: process.versions.node,
    duckdb: (createRequire(import.meta.url)('@duckdb/node-api/package.json') as { version: string }).version,
    postgres: await postgresVersion(),
    commit: await commit(),
  };
}

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGiB, platform, fileSystem, loadAtStart, node, duckdb, postgres, commit } = machine;
  return [
    `${cores} x ${cpu}, ${memoryGiB} GiB, ${platform}, ${fileSystem}; load at the start ${loadAtStart.join(' ')}`,
    `Node ${node}, DuckDB ${duckdb}, PostgreSQL ${postgres}, Tallyho ${commit}`,
  ].join('\n');
}

/** Others at work stretch wall times, and unevenly; CPU times less. */
export function isNoisy({ loadAtStart, cores }: Machine): boolean {
  return (loadAtStart[0] ?? 0) > cores;
}

async function postgresVersion(): Promise<string> {
  const { postgres } = await findBinaries(await runAs(stateFolderAt('/nonexistent')));
  const { stdout } = await run(postgres, ['--version']);
  return /\d[\d.]*/.exec(stdout)?.[0] ?? stdout.trim();
}

async function commit(): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: import.meta.dirname }).catch(() => ({ stdout: '' }))).stdout.trim();
  const head = await git('rev-parse', '--short', 'HEAD');
  if (head === '') return 'unknown';
  const changed = await git('status', '--porcelain', '--', ':/src', ':/package-lock.json');
  return changed === '' ? head : `${head} with uncommitted changes`;
}

const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x01021994: 'tmpfs',
  0x9123683e: 'btrfs',
  0x58465342: 'xfs',
  0x794c7630: 'overlayfs',
};

async function fileSystem(path: string): Promise<string> {
  const { type } = await statfs(path);
  return fileSystems[type] ?? `file system 0x${type.toString(16)}`;
}
