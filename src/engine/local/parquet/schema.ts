/** The columns of a Parquet file, and how the fields that are needed are read from them (DESIGN.md 4). */
import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api';
import { bindColumns, type Columns } from '../../../reader/header.ts';
import type { Needs } from '../../../reader/reading.ts';
import { literal } from './duckdb.ts';

export type Kind =
  | { readonly kind: 'text' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'decimal'; readonly digits: number }
  | { readonly kind: 'float' | 'double' }
  | { readonly kind: 'other' };

export interface ParquetColumn {
  /** As in the file. */
  readonly name: string;
  readonly kind: Kind;
  /** In words, for messages. */
  readonly type: string;
}

const integers = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT']);

/** A float counts as one only if it is stored as one: DuckDB reads decimals of more than 38 digits, and half floats, as floats. */
function kindOf(physical: string, type: string): Kind {
  if (type === 'VARCHAR' && physical === 'BYTE_ARRAY') return { kind: 'text' };
  if (integers.has(type)) return { kind: 'integer' };
  if (type === 'FLOAT' && physical === 'FLOAT') return { kind: 'float' };
  if (type === 'DOUBLE' && physical === 'DOUBLE') return { kind: 'double' };
  const decimal = /^DECIMAL\(\d+,(\d+)\)$/.exec(type);
  return decimal === null ? { kind: 'other' } : { kind: 'decimal', digits: Number(decimal[1]) };
}

/** The type as the file has it, where DuckDB reads it as a float and it is none. */
function typeInWords({ physical, precision, scale }: SchemaRow, type: string): string {
  if ((type !== 'FLOAT' && type !== 'DOUBLE') || physical === type) return type;
  if (precision !== null) return `DECIMAL(${precision},${scale ?? 0})`;
  return type === 'FLOAT' ? 'FLOAT16' : (physical ?? type);
}

interface SchemaRow {
  readonly name: string;
  readonly physical: string | null;
  readonly children: number;
  readonly repetition: string | null;
  readonly type: string | null;
  readonly precision: number | null;
  readonly scale: number | null;
}

/** The columns in the file's order: the children of the root; what lies deeper is passed over. */
export async function readSchema(connection: DuckDBConnection, path: string): Promise<ParquetColumn[]> {
  const reader = await connection.runAndReadAll(
    // The name as a blob: DuckDB's decoder of texts drops a BOM, and a name must match exactly.
    `select encode(name), type, coalesce(num_children, 0)::integer, repetition_type, duckdb_type, precision::integer, scale::integer
     from parquet_schema(${literal(path)})`,
  );
  const rows = reader.getRows().map(
    ([name, physical, children, repetition, type, precision, scale]): SchemaRow => ({
      name: Buffer.from((name as DuckDBBlobValue).bytes).toString('utf8'),
      physical: physical as string | null,
      children: children as number,
      repetition: repetition as string | null,
      type: type as string | null,
      precision: precision as number | null,
      scale: scale as number | null,
    }),
  );
  const columns: ParquetColumn[] = [];
  let at = 1;
  while (at < rows.length) {
    const row = rows[at]!;
    const nested = row.children > 0 || row.repetition === 'REPEATED';
    const type = nested ? 'nested' : (row.type ?? 'unknown');
    columns.push({ name: row.name, kind: nested ? { kind: 'other' } : kindOf(row.physical ?? '', type), type: typeInWords(row, type) });
    for (let left = 1; left > 0 && at < rows.length; at++) left += rows[at]!.children - 1;
  }
  return columns;
}

/** Finds the needed fields, or says what is wrong. */
export function bindParquet(
  columns: readonly ParquetColumn[],
  needs: Needs,
  dimensionCount: number,
): { readonly columns: Columns } | { readonly fault: string } {
  const bound = bindColumns(
    columns.map(({ name }) => name),
    needs,
    dimensionCount,
  );
  if ('fault' in bound) return bound;
  const faults: string[] = [];
  const check = (at: number, legal: readonly Kind['kind'][], what: string): void => {
    const column = columns[at];
    if (column !== undefined && !legal.includes(column.kind.kind)) {
      faults.push(`The column ${JSON.stringify(column.name)} is of type ${column.type}, which ${what} cannot be.`);
    }
  };
  for (const dimension of needs.dimensions)
    check(bound.columns.dimensions[dimension.id]!, ['text', 'integer'], `the field ${dimension.name}`);
  for (const at of [bound.columns.amount, bound.columns.weight])
    check(at, ['text', 'integer', 'decimal', 'float', 'double'], 'an amount or weight');
  return faults.length > 0 ? { fault: faults.join(' ') } : bound;
}
