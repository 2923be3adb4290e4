/**
 * The process of the reference: a DuckDB that answers one question after the other, so that it is warm and its CPU time
 * is not ours. Started by reference.ts; says for each query how long it took, what CPU all its threads took, how many
 * rows came out.
 */
import { DuckDBInstance } from '@duckdb/node-api';

export interface Question {
  readonly sql: string;
}

export interface Answer {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rows: number;
  /** Of this process so far. */
  readonly peakMb: number;
}

const threads = process.argv[2] ?? '2';
const connection = await (await DuckDBInstance.create(':memory:', { threads })).connect();

process.on('message', ({ sql }: Question) => void ask(sql));
process.once('disconnect', () => process.exit());

async function ask(sql: string): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const { rowCount } = await connection.run(sql);
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  const answer: Answer = { wallMs, cpuMs: (user + system) / 1000, rows: rowCount, peakMb: process.resourceUsage().maxRSS / 1024 };
  process.send?.(answer);
}
