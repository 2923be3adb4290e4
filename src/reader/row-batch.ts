/** Some hundred accepted rows on their way into the grain tables, field by field. */

/** What a measure may add of a row: 1, the amount, the weight, or 1 if it has a weight. */
export const terms = { one: 0, amount: 1, weight: 2, hasWeight: 3 } as const;
export const termCount = 4;

/** Enough to overlap look-ups, and few enough that a batch stays in the cache. */
export const batchRows = 512;

export interface RowBatch {
  size: number;
  /** [row * idWidth + dimension]: value id; of dimensions that are no keys, anything. */
  readonly ids: Int32Array;
  readonly idWidth: number;
  /** [row * termCount + term]: safe integers. */
  readonly terms: Float64Array;
  /** [row * bitWidth + word]: the filters that hold. */
  readonly bits: Int32Array;
  readonly bitWidth: number;
}

export function makeRowBatch(idWidth: number, bitWidth: number): RowBatch {
  return {
    size: 0,
    ids: new Int32Array(batchRows * idWidth),
    idWidth,
    terms: new Float64Array(batchRows * termCount),
    bits: new Int32Array(batchRows * bitWidth).fill(-1),
    bitWidth,
  };
}
