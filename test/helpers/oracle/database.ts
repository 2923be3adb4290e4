/** What the oracle asks of a database: tables to put rows into, and answers to one statement. */
import type { Dialect, SqlSource } from '../../../src/patterns/sql/dialect.ts';

export interface OracleRow {
  /** Values by name of the dimension; those that no pattern uses may be missing. */
  readonly dims: Readonly<Record<string, string>>;
  /** Units of 10^-scale. */
  readonly amount: bigint;
  readonly weight: bigint | null;
}

export interface ReferenceRow {
  readonly customer: string;
  readonly merchant: string;
  readonly weight: bigint;
}

export interface OracleDatabase {
  readonly dialect: Dialect;
  /** `reference` is always a table here. */
  readonly source: SqlSource & { readonly reference: string };
  append(rows: readonly OracleRow[]): Promise<void>;
  appendReference(rows: readonly ReferenceRow[]): Promise<void>;
  /** Rows of texts and integers, as the driver gives them. */
  query(sql: string): Promise<readonly (readonly unknown[])[]>;
  close(): Promise<void>;
}
