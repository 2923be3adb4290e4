/** This machine: what reads the chunks, room for temporary files, times. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { ParquetFolder } from '../../engine/local/parquet/duckdb.ts';
import { instantiate } from '../../reader/wasm/web-assembly.ts';
import { formatTime } from '../../sink/local-time.ts';
import { freeBytes } from '../../store/private-server/free-bytes.ts';
import { sized } from '../words.ts';
import { type Check, failed, type Finding, joined, ok, warning } from './check.ts';

/** Parquet is staged in the folder for temporary files. */
const enoughBytes = 1 << 30;

export function machineChecks(config: Config): Check[] {
  return [
    { name: 'temporary files', look: lookAtTemporary },
    { name: 'engine', needs: ['temporary files'], look: lookAtEngine },
    { name: 'time zone', look: () => Promise.resolve(lookAtTimeZone(config)) },
  ];
}

async function lookAtTemporary(): Promise<Finding> {
  const parent = tmpdir();
  try {
    const folder = await mkdtemp(join(parent, 'tallyho-doctor-'));
    try {
      await writeFile(join(folder, 'probe'), 'probe');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    return failed(
      `${parent} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      'Set TMPDIR to a folder that this user may write.',
    );
  }
  const free = freeBytes(parent);
  if (free >= enoughBytes) return ok(`${parent} can be written, ${sized(free)} free`);
  return warning(
    `${parent} has ${sized(free)} left; Parquet chunks are staged there`,
    'Make room there, or set TMPDIR to a folder on another disk.',
  );
}

async function lookAtEngine(): Promise<Finding> {
  const csv =
    instantiate() !== null
      ? ok('local: CSV by WebAssembly')
      : warning('local: CSV without WebAssembly, which is slower', 'Start Node without --jitless, on a processor with SIMD.');
  try {
    const staging = await ParquetFolder.make(undefined);
    const connection = await staging.connect();
    const [row] = (await connection.runAndReadAll('select version() as version')).getRowObjectsJson();
    connection.closeSync();
    await staging.close();
    return joined([csv, ok(`Parquet by DuckDB ${typeof row?.['version'] === 'string' ? row['version'] : ''}`)]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return joined([
      csv,
      warning(`Parquet cannot be read, since DuckDB does not load: ${why}`, 'Install Tallyho afresh on this machine (npm install).'),
    ]);
  }
}

function lookAtTimeZone({ sink }: Config): Finding {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { timeZone } = sink;
  return ok(
    `${timeZone}: it is ${formatTime(new Date(), timeZone).slice(0, 19)} in the output${timeZone === own ? '' : ` (this machine has ${own})`}`,
  );
}
