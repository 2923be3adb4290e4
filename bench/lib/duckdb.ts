/** DuckDB processes (duckdb-process.ts). */
import { join } from 'node:path';
import type { DuckDbAnswer, DuckDbQuestion } from './duckdb-process.ts';
import { startWorker, type Task, type Worker } from './worker.ts';

const duckDbProcess: Task<DuckDbQuestion, DuckDbAnswer> = { module: join(import.meta.dirname, 'duckdb-process.ts') };

export function startDuckDb(threads = 2): Promise<Worker<DuckDbQuestion, DuckDbAnswer>> {
  return startWorker(duckDbProcess, [String(threads)]);
}

/** The first query of a fresh process on two threads; its start and import are not counted. */
export async function queryCold(sql: string): Promise<DuckDbAnswer & { readonly peakMb: number }> {
  const duckDb = await startDuckDb();
  try {
    const answer = await duckDb.ask({ sql });
    return { ...answer, peakMb: duckDb.peakMb };
  } finally {
    await duckDb.close();
  }
}
