import type { Sql } from 'postgres';
import { postgres } from '../../../src/patterns/sql/postgres.ts';
import type { OracleDatabase } from './database.ts';

let opened = 0;

/** In a schema of its own of the given server, dropped by `close`; the client stays open. */
export async function openPostgres(sql: Sql, dimensions: readonly string[], scale: number): Promise<OracleDatabase> {
  const schema = `oracle_${process.pid}_${opened++}`;
  const columns = dimensions.map((_, i) => `d${i} text collate "C" not null, `).join('');
  await sql.unsafe(`create schema ${schema}`);
  await sql.unsafe(`create table ${schema}.tx (${columns}amount numeric not null, weight numeric)`);
  await sql.unsafe(
    `create table ${schema}.reference (customer text collate "C" not null, merchant text collate "C" not null, weight numeric not null)`,
  );
  const insert = async (table: string, arrays: readonly (readonly (string | null)[])[], texts: number): Promise<void> => {
    const casts = arrays.map((_, i) => `$${i + 1}::${i < texts ? 'text' : 'numeric'}[]`).join(', ');
    await sql.unsafe(`insert into ${schema}.${table} select * from unnest(${casts})`, arrays as string[][]);
  };
  return {
    dialect: postgres,
    source: {
      scale,
      transactions: `${schema}.tx`,
      reference: `${schema}.reference`,
      column: (field) => (dimensions.includes(field) ? `d${dimensions.indexOf(field)}` : field),
    },
    async append(rows) {
      const texts = dimensions.map((name) => rows.map((row) => row.dims[name] ?? ''));
      const numbers = [rows.map((row) => String(row.amount)), rows.map((row) => row.weight?.toString() ?? null)];
      await insert('tx', [...texts, ...numbers], dimensions.length);
    },
    async appendReference(rows) {
      const arrays = [rows.map((row) => row.customer), rows.map((row) => row.merchant), rows.map((row) => String(row.weight))];
      await insert('reference', arrays, 2);
    },
    async query(text) {
      return await sql.unsafe(text).values();
    },
    async close() {
      await sql.unsafe(`drop schema ${schema} cascade`);
    },
  };
}
