/**
 * The independent evaluator: every pattern from scratch by plain SQL, over all rows given so far (laws 1 and 2).
 *
 *   const oracle = await makeOracle(patterns, { scale: 2 });
 *   await oracle.append(rowsOfChunk);
 *   const detections = await oracle.fresh();
 */
import type { Sql } from 'postgres';
import type { Layout, WeightSource } from '../../../src/core/layout.ts';
import type { Pattern } from '../../../src/patterns/pattern.ts';
import { planLayout } from '../../../src/patterns/plan.ts';
import { compilePattern } from '../../../src/patterns/sql/compile.ts';
import { statisticsSql } from '../../../src/patterns/sql/statistics.ts';
import type { OracleRow, ReferenceRow } from './database.ts';
import { openDuckdb } from './duckdb.ts';
import { openPostgres } from './postgres.ts';

export interface OracleOptions {
  readonly scale: number;
  /** Default `column`: weights are those of the rows. For `amount` the caller gives the amount where a row has no weight. */
  readonly weight?: WeightSource;
  /** What `statistics` follows; default: the layout that the patterns need. */
  readonly layout?: Layout;
  /** A client of a PostgreSQL server to evaluate on instead of DuckDB. */
  readonly sql?: Sql;
}

/** Entities by pattern id, in the order of the patterns; values in declared order, ordered by their UTF-8 bytes. */
export type Detected = ReadonlyMap<string, readonly (readonly string[])[]>;

export interface StatisticsRow {
  readonly values: readonly string[];
  readonly additive: readonly bigint[];
  readonly distinct: readonly number[];
}

export interface Oracle {
  append(rows: readonly OracleRow[]): Promise<void>;
  appendReference(rows: readonly ReferenceRow[]): Promise<void>;
  /** All that is true now. */
  detect(): Promise<Detected>;
  /** What is true now and was never in an answer of `fresh` before. */
  fresh(): Promise<Detected>;
  /** Counts as already seen, as detections of an earlier run. */
  markSeen(patternId: string, values: readonly string[]): void;
  /**
   * The statistics of a grain of the layout, by the names of its dimensions in any order: its measures in the layout's
   * order, entities ordered by the bytes of their values. Entities whose measures are all 0 are left out.
   */
  statistics(dimensions: readonly string[]): Promise<readonly StatisticsRow[]>;
  close(): Promise<void>;
}

export function compareValues(a: readonly string[], b: readonly string[]): number {
  for (const [i, value] of a.entries()) {
    const order = Buffer.compare(Buffer.from(value), Buffer.from(b[i] ?? ''));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

export async function makeOracle(patterns: readonly Pattern[], options: OracleOptions): Promise<Oracle> {
  const { scale, weight = 'column', sql } = options;
  const layout = options.layout ?? planLayout(patterns, { scale, weight });
  const dimensions = layout.dimensions.map((dimension) => dimension.name);
  const database = sql === undefined ? await openDuckdb(dimensions, scale) : await openPostgres(sql, dimensions, scale);
  const source = { ...database.source, reference: weight === 'reference' ? database.source.reference : null };
  const statements = patterns.map((pattern) => [pattern.id, compilePattern(pattern, database.dialect, source)] as const);
  const seen = new Map<string, Set<string>>(patterns.map((pattern) => [pattern.id, new Set()]));

  const detect = async (): Promise<Detected> => {
    const found = new Map<string, string[][]>();
    for (const [id, statement] of statements) {
      const rows = await database.query(statement);
      found.set(id, rows.map((row) => row.map(String)).sort(compareValues));
    }
    return found;
  };

  return {
    append: (rows) => (rows.length === 0 ? Promise.resolve() : database.append(rows)),
    appendReference: (rows) => (rows.length === 0 ? Promise.resolve() : database.appendReference(rows)),
    detect,
    async fresh() {
      const fresh = new Map<string, (readonly string[])[]>();
      for (const [id, entities] of await detect()) {
        const known = seen.get(id) ?? new Set();
        fresh.set(
          id,
          entities.filter((values) => !known.has(JSON.stringify(values))),
        );
        for (const values of entities) known.add(JSON.stringify(values));
      }
      return fresh;
    },
    markSeen(patternId, values) {
      seen.get(patternId)?.add(JSON.stringify(values));
    },
    async statistics(names) {
      const ids = names.map((name) => dimensions.indexOf(name));
      const index = layout.grains.findIndex(
        (grain) => grain.dimensions.length === ids.length && ids.every((id) => grain.dimensions.includes(id)),
      );
      const grain = layout.grains[index];
      if (grain === undefined) throw new Error(`no grain (${names.join(', ')}) in the layout`);
      const keys = grain.dimensions.length;
      const measured = keys + grain.additive.length;
      const rows = await database.query(statisticsSql(layout, index, database.dialect, source));
      return rows
        .map((row) => ({
          values: row.slice(0, keys).map(String),
          additive: row.slice(keys, measured).map((value) => BigInt(String(value))),
          distinct: row.slice(measured).map(Number),
        }))
        .filter((row) => row.additive.some((value) => value !== 0n))
        .sort((a, b) => compareValues(a.values, b.values));
    },
    close: () => database.close(),
  };
}
