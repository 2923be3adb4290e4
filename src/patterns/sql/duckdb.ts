/** DuckDB: HUGEINT, 128 bits. What overflows is an error, never a wrong number: |sum| * 10^8 * count must stay below 1.7 * 10^38. */
import type { Dialect } from './dialect.ts';

export const duckdb: Dialect = {
  name: 'duckdb',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  text: (value) => `'${value.replaceAll("'", "''")}'`,
  integer: (value) => `(${value})::hugeint`,
  largest: 2n ** 127n - 1n,
  widen: (expression) => `(${expression})::hugeint`,
  divide: (dividend, divisor) => `(${dividend} // ${divisor})`,
};
