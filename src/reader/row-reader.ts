/** The rules of one row whose fields are found: keys, amount, weight (DESIGN.md 4), then into the aggregate. */
import type { Aggregator } from './aggregator.ts';
import { parseUnits, wholeDigits, wide, wideUnits } from './decimal.ts';
import type { Columns } from './header.ts';
import type { RowReason } from './rejected.ts';

export class RowReader {
  readonly #aggregator: Aggregator;
  readonly #scale: number;
  readonly #whole: number;
  readonly #amount: number;
  readonly #weight: number;
  readonly #weightIsAmount: boolean;

  /** `weightIsAmount`: where there is no column of weights, the amount is the weight. */
  constructor(aggregator: Aggregator, scale: number, columns: Columns, weightIsAmount: boolean) {
    this.#aggregator = aggregator;
    this.#scale = scale;
    this.#whole = wholeDigits(scale);
    this.#amount = columns.amount;
    this.#weight = columns.weight;
    this.#weightIsAmount = weightIsAmount && columns.weight < 0;
  }

  /** Adds the row to the aggregate, or says why not: the first reason that applies. */
  take(bytes: Uint8Array, starts: Int32Array, ends: Int32Array): RowReason | null {
    const keyFault = this.#aggregator.keyFault(starts, ends);
    if (keyFault !== null) return keyFault;
    let amount = 0;
    if (this.#amount >= 0) {
      amount = parseUnits(bytes, starts[this.#amount]!, ends[this.#amount]!, this.#scale, this.#whole);
      if (Number.isNaN(amount)) return 'bad_amount';
    }
    let weight = amount;
    let hasWeight = this.#weightIsAmount;
    if (this.#weight >= 0) {
      const start = starts[this.#weight]!;
      const end = ends[this.#weight]!;
      weight = 0;
      if (end > start) {
        weight = parseUnits(bytes, start, end, this.#scale, this.#whole);
        hasWeight = true;
        if (Number.isNaN(weight)) return 'bad_weight';
      }
    }
    if (amount === wide || weight === wide) this.#takeWide(bytes, starts, ends, amount, hasWeight ? weight : null);
    else this.#aggregator.add(bytes, starts, ends, amount, weight, hasWeight);
    return null;
  }

  #takeWide(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, amount: number, weight: number | null): void {
    const exact = (units: number, column: number): number | bigint =>
      units === wide ? wideUnits(bytes, starts[column]!, ends[column]!, this.#scale) : units;
    const exactAmount = exact(amount, this.#amount);
    const exactWeight = weight === null ? null : this.#weightIsAmount ? exactAmount : exact(weight, this.#weight);
    this.#aggregator.addBig(bytes, starts, ends, exactAmount, exactWeight);
  }
}
