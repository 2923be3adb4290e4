import { DuckDBInstance } from '@duckdb/node-api';
import { duckdb } from '../../../src/patterns/sql/duckdb.ts';
import type { OracleDatabase } from './database.ts';

/** In memory; columns d0, d1, ... for the dimensions, so that names in another case do not collide. */
export async function openDuckdb(dimensions: readonly string[], scale: number): Promise<OracleDatabase> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const columns = dimensions.map((_, i) => `d${i} varchar not null, `).join('');
  await connection.run(`create table tx (${columns}amount hugeint not null, weight hugeint)`);
  await connection.run('create table reference (customer varchar not null, merchant varchar not null, weight hugeint not null)');
  return {
    dialect: duckdb,
    source: {
      scale,
      transactions: 'tx',
      reference: 'reference',
      column: (field) => (dimensions.includes(field) ? `d${dimensions.indexOf(field)}` : field),
    },
    async append(rows) {
      const appender = await connection.createAppender('tx');
      for (const row of rows) {
        for (const name of dimensions) appender.appendVarchar(row.dims[name] ?? '');
        appender.appendHugeInt(row.amount);
        if (row.weight === null) appender.appendNull();
        else appender.appendHugeInt(row.weight);
        appender.endRow();
      }
      appender.closeSync();
    },
    async appendReference(rows) {
      const appender = await connection.createAppender('reference');
      for (const row of rows) {
        appender.appendVarchar(row.customer);
        appender.appendVarchar(row.merchant);
        appender.appendHugeInt(row.weight);
        appender.endRow();
      }
      appender.closeSync();
    },
    async query(sql) {
      return (await connection.runAndReadAll(sql)).getRows();
    },
    close() {
      connection.closeSync();
      instance.closeSync();
      return Promise.resolve();
    },
  };
}
