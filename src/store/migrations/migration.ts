/** One step of the schema. Immutable once released: a mistake is mended by the next one (a test pins their hashes). */
export interface Migration {
  /** 1, 2, ... without gaps. */
  readonly version: number;
  readonly name: string;
  /** Runs with the pipeline's schema as the only one on the search path, so it names tables without a schema. */
  readonly sql: string;
}
