/** Rows on their way through the tables at once: enough to overlap cache misses, few enough to stay in the cache. */
export const batchRows: u32 = 512;

/** A key field longer than this is `long_key`. */
export const maxKeyBytes: u32 = 256;

/** What a measure may add of a row: 1, the amount, the weight, or 1 if it has a weight. As in src/reader/row-batch.ts. */
export const termCount: u32 = 4;
export const termAmount: u32 = 1;
export const termWeight: u32 = 2;
export const termHasWeight: u32 = 3;
