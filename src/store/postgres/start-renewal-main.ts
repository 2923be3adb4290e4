/** Starts the thread that renews the lease. Its program is a file of its own: the bundle of this one would be loaded as a whole, and run. */
import type * as esbuild from 'esbuild';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { RenewalTask } from './renewal-messages.ts';

export function startRenewalMain(workerData: RenewalTask): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./renewal-main.js', import.meta.url), { workerData });
  return new Worker(fromSources(), { workerData, eval: true });
}

let program: string | null = null;

/** In tests and benches that run from the sources, threads have no loader that takes types away. */
function fromSources(): string {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof esbuild;
  program ??= buildSync({
    entryPoints: [fileURLToPath(new URL('./renewal-main.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
  }).outputFiles[0]!.text;
  return program;
}
