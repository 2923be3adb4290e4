/** What differs between the SQL of DuckDB, PostgreSQL and Spark, as far as patterns need it. */
export interface Dialect {
  readonly name: 'duckdb' | 'postgres' | 'spark';
  /** A quoted identifier. */
  identifier(name: string): string;
  /** A text literal. */
  text(value: string): string;
  /** A literal of the widest exact integer type. */
  integer(value: bigint): string;
  /** The greatest integer that the type surely holds (so does its negative), or null where any fits. */
  readonly largest: bigint | null;
  /** An integer expression in that type. */
  widen(expression: string): string;
  /** The quotient of two such expressions as such, rounded down or toward zero: which of them does not matter. The divisor is positive. */
  divide(dividend: string, divisor: string): string;
}

/** Where the rows are, and what their columns mean. */
export interface SqlSource {
  /** Digits behind the point: `amount` and `weight` are integers in units of 10^-scale. */
  readonly scale: number;
  /**
   * The accepted rows, as SQL text (a quoted table name or a parenthesised select): each dimension a text column, never
   * null; `amount` and `weight` in the dialect's widest integer type, weight null where a row has none.
   */
  readonly transactions: string;
  /** Weights of a reference file, as SQL text: `customer` and `merchant` as texts, `weight`. Null: weights are those of the rows. */
  readonly reference: string | null;
  /** The column of a field; its own name without one. Names that differ in case only are one column for DuckDB and Spark. */
  readonly column?: (field: string) => string;
}
