/**
 * The reference of the benches: one query in a warm DuckDB on two threads, in a process of its own; wall and CPU of the
 * query alone, so neither its start nor its import counts, while ours do.
 *
 * A reading is the median of several runs after one that is thrown away (caches, sleeping threads).
 */
import { startDuckDb } from './duckdb.ts';
import type { DuckDbAnswer } from './duckdb-process.ts';
import { median } from './spread.ts';

export interface Reading {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface Reference {
  /** The single runs of one reading. */
  read(): Promise<readonly Reading[]>;
  /** Rows that the query gives. */
  readonly rows: number;
  close(): Promise<void>;
}

const runsOfReading = 3;

export async function startReference(sql: string, threads = 2): Promise<Reference> {
  const duckDb = await startDuckDb(threads);
  const ask = (): Promise<DuckDbAnswer> => duckDb.ask({ sql });
  for (let warm = 0; warm < 3; warm++) await ask();
  const { rows } = await ask();
  return {
    rows,
    async read() {
      await ask();
      const answers: DuckDbAnswer[] = [];
      for (let i = 0; i < runsOfReading; i++) answers.push(await ask());
      return answers;
    },
    close: () => duckDb.close(),
  };
}

/** Of readings before and after what is compared with it: a machine that gets busier in between stretches both alike. */
export function middle(readings: readonly Reading[]): Reading {
  return { wallMs: median(readings.map(({ wallMs }) => wallMs)), cpuMs: median(readings.map(({ cpuMs }) => cpuMs)) };
}
