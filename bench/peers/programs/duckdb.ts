/**
 * What both DuckDB peers are made of: reading a chunk, and evaluating the three patterns over a table `pair`.
 *
 * Exact: amounts are cents. Averages are ordered as doubles, which is their exact order while `amount * count` of any two
 * pairs is below 2^52 (different quotients then differ by more than two neighbouring doubles do, and division rounds
 * correctly); the table's check refuses what could go beyond. `quantile_disc` with a decimal literal takes the member at
 * floor((n - 1) / 10), in integers: who is not worse than that one is in the top 10%, ties in.
 *
 * One thread: for chunks of 10,000 rows a second one costs a third more CPU and saves no time.
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Detection } from './peer.ts';
import type { Thresholds } from './thresholds.ts';

export interface Duckdb {
  readonly connection: DuckDBConnection;
  close(): Promise<void>;
}

export async function openDuckdb(file: string): Promise<Duckdb> {
  const instance = await DuckDBInstance.create(file, { threads: '1' });
  const connection = await instance.connect();
  await connection.run('create table if not exists applied (chunk varchar not null)');
  await connection.run(
    'create table if not exists detection (pattern varchar not null, merchant varchar not null, customer varchar not null, chunk varchar not null)',
  );
  return {
    connection,
    close() {
      connection.closeSync();
      instance.closeSync();
      return Promise.resolve();
    },
  };
}

/** No primary key: an index costs more to keep than MERGE's hash join costs. */
export const pairColumns = `(
  merchant varchar not null,
  customer varchar not null,
  count integer not null check (count < 1 << 20),
  amount bigint not null check (amount > -(1::bigint << 31) and amount < 1::bigint << 31),
  women integer not null,
  men integer not null
)`;

const csvColumns = ['step', 'customer', 'age', 'gender', 'zipcodeOri', 'merchant', 'zipMerchant', 'category', 'amount', 'fraud'];

/** A table function: all columns are given, so nothing is sniffed. */
export function readCsv(path: string): string {
  const columns = csvColumns.map((name) => `${name}: '${name === 'amount' ? 'decimal(18, 2)' : 'varchar'}'`).join(', ');
  return `read_csv('${path.replaceAll("'", "''")}', auto_detect = false, header = true, delim = ',', quote = '''', columns = {${columns}})`;
}

/** Rows with merchant, customer, gender and amount (decimal) as pairs, in the order of `pairColumns`. */
export function pairsOf(rows: string, cents: string): string {
  return `select merchant, customer, count(*)::integer as count, (${cents})::bigint as amount,
      count(*) filter (where gender = 'F')::integer as women, count(*) filter (where gender = 'M')::integer as men
    from ${rows} group by merchant, customer`;
}

/**
 * Adds to `detection` what holds in `pair` and is not there yet. PatId2 and PatId3 look at all of it: nearly every chunk
 * touches every merchant, and a plain scan costs half of a join with what was touched. Ranks are taken of merchants past
 * the gate alone, and of those only where `touched` (a table with their merchants) has them.
 */
export async function detect(
  { connection }: Duckdb,
  chunk: string,
  touched: string,
  { busyMerchant, visits, smallAmount, women }: Thresholds,
): Promise<readonly Detection[]> {
  const inserted = await connection.runAndReadAll(
    `insert into detection
    with merchant as materialized (
      select merchant, sum(count) as count, count(*) filter (where women > 0) as women, count(*) filter (where men > 0) as men
      from pair group by merchant
    ),
    busy as materialized (
      select merchant, customer, count, amount / count as mean
      from pair semi join (from merchant semi join ${touched} using (merchant) where count > ${busyMerchant}) using (merchant)
    ),
    cut as (
      select merchant, -quantile_disc(-count, 0.1) as most, quantile_disc(mean, 0.1) as least from busy group by merchant
    ),
    true_now as (
      select 'PatId1' as pattern, merchant, customer from busy join cut using (merchant) where count >= most and mean <= least
      union all
      select 'PatId2', merchant, customer from pair where count >= ${visits} and amount < ${smallAmount} * count::bigint
      union all
      select 'PatId3', merchant, '' from merchant where women > ${women} and women < men
    )
    select pattern, merchant, customer, $chunk from true_now anti join detection using (pattern, merchant, customer)
    returning pattern, merchant, customer`,
    { chunk },
  );
  return (inserted.getRowsJS() as string[][]).map(([pattern = '', merchant = '', customer = '']) => ({ pattern, merchant, customer }));
}

export async function appliedChunks({ connection }: Duckdb): Promise<readonly string[]> {
  const rows = await connection.runAndReadAll('select chunk from applied');
  return (rows.getRowsJS() as string[][]).flat();
}

/** Durable when it returns: DuckDB syncs its write-ahead log at commit. */
export async function inTransaction({ connection }: Duckdb, chunk: string, work: () => Promise<void>): Promise<void> {
  await connection.run('begin');
  await work();
  await connection.run('insert into applied values ($chunk)', { chunk });
  await connection.run('commit');
}
