/** The peers as programs: bundled as a build would, so that no compiler is in what is measured. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface PeerProgram {
  readonly name: 'duckdb-incremental' | 'duckdb-recompute' | 'postgres-sql';
  readonly title: string;
  /** Where its state is: a file of its own, or the URL of a database. */
  readonly state: 'file' | 'url';
  readonly source: URL;
}

export const peerPrograms: readonly PeerProgram[] = [
  {
    name: 'duckdb-incremental',
    title: 'DuckDB, incremental tables',
    state: 'file',
    source: new URL('./programs/duckdb-incremental.ts', import.meta.url),
  },
  {
    name: 'duckdb-recompute',
    title: 'DuckDB, everything again',
    state: 'file',
    source: new URL('./programs/duckdb-recompute.ts', import.meta.url),
  },
  { name: 'postgres-sql', title: 'plain SQL in PostgreSQL', state: 'url', source: new URL('./programs/postgres-sql.ts', import.meta.url) },
];

export type PeerName = PeerProgram['name'];

// Below node_modules, so that the packages are found, which stay outside.
const folder = join(import.meta.dirname, '../../node_modules/.cache/tallyho-peers');

/** Builds them all; the file of each by its name. */
export async function buildPeers(): Promise<Readonly<Record<PeerName, string>>> {
  await build({
    entryPoints: peerPrograms.map(({ source }) => fileURLToPath(source)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
  return Object.fromEntries(peerPrograms.map(({ name }) => [name, join(folder, `${name}.mjs`)])) as Record<PeerName, string>;
}
