/** Writes rows as Parquet through DuckDB, amounts as text, DECIMAL or DOUBLE. */
import { rmSync, writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { columns } from './rows.ts';

export async function writeParquet(
  path: string,
  rows: readonly Record<string, string>[],
  withWeight: boolean,
  amounts: 'text' | 'decimal' | 'double',
): Promise<void> {
  const names = withWeight ? [...columns, 'weight'] : [...columns];
  const json = `${path}.json.tmp`;
  writeFileSync(json, rows.map((row) => JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name] ?? '']))) + '\n').join(''));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const type = amounts === 'text' ? 'varchar' : amounts === 'decimal' ? 'decimal(18,2)' : 'double';
  const number = (name: string): string => (amounts === 'text' ? `"${name}"` : `cast(nullif("${name}", '') as ${type}) as "${name}"`);
  const select = names.map((name) =>
    name === 'amount' || name === 'weight' ? number(name) : name === 'step' ? `cast("${name}" as integer) as "${name}"` : `"${name}"`,
  );
  const shape = names.map((name) => `'${name}': 'varchar'`).join(', ');
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  await connection.run(
    `copy (select ${select.join(', ')} from read_json(${quote(json)}, format = 'newline_delimited', columns = {${shape}})) to ${quote(path)} (format parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  rmSync(json);
}
