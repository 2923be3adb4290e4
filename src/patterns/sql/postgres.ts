/** PostgreSQL: numeric of any length, so nothing overflows. `div` is exact; `/` and `floor` would go through rounded digits. */
import type { Dialect } from './dialect.ts';

export const postgres: Dialect = {
  name: 'postgres',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  // The E form means the same whatever standard_conforming_strings is.
  text: (value) => {
    const doubled = value.replaceAll("'", "''");
    return value.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
  },
  integer: (value) => `(${value})::numeric`,
  largest: null,
  widen: (expression) => `(${expression})::numeric`,
  divide: (dividend, divisor) => `div(${dividend}, ${divisor})`,
};
