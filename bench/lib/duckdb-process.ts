/**
 * DuckDB in a process of its own, with so many threads: answers one query after the other, so that it is warm after the
 * first, and its CPU time is not ours. Says how long the query took, what CPU all its threads took, how many rows came out.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { serve } from './serve.ts';

export interface DuckDbQuestion {
  readonly sql: string;
}

export interface DuckDbAnswer {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rows: number;
}

const connection = await (await DuckDBInstance.create(':memory:', { threads: process.argv[2] ?? '2' })).connect();

serve(async ({ sql }: DuckDbQuestion): Promise<DuckDbAnswer> => {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const { rowCount } = await connection.run(sql);
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallMs, cpuMs: (user + system) / 1000, rows: rowCount };
});
