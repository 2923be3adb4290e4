import { apportion } from './apportion.ts';
import type { Plan } from './plan.ts';
import { makeRandom } from './random.ts';
import { categories, fraudFactor, full } from './shape.ts';

/**
 * The amount and the fraud mark of each row, in file order; made anew for each file, so that the transactions
 * and their reference agree without keeping a row.
 *
 * A pair has a level: 0.75 to 1.25 times the base of its category, spread evenly over the pairs of a cell by
 * multiples of the golden ratio, so that rare and frequent customers are cheap and dear alike. A few regulars
 * (the most frequent 0.5% of each transport cell) pay small fares of 0.3 times the base: frequent and cheap,
 * which is what PatId1 looks for, in a sample of 1,000 rows too. The row is the level times 0.3 to 1.7, with
 * a triangular distribution: amounts stay positive, and a single row of another cannot be as low as the
 * average of a regular, but rarely.
 *
 * Frauds are a quota by category: a row is one with the chance (frauds left) / (rows left), which ends exactly
 * at none left. They cost 4 times as much; the base of a category is lowered to keep its mean.
 */
export class Amounts {
  /** Of the row last asked for. */
  fraud = false;
  readonly #plan: Plan;
  readonly #random;
  readonly #base: Float64Array;
  readonly #category: Uint32Array;
  /** By cell: the first pair of its regulars. */
  readonly #regular: Float64Array;
  readonly #rowsLeft: Float64Array;
  readonly #fraudsLeft: Float64Array;

  constructor(plan: Plan) {
    const { cells, cellStart, merchants, size } = plan;
    this.#plan = plan;
    this.#random = makeRandom(size.seed, amountStream);
    this.#base = Float64Array.from(categories, baseOf);
    this.#category = Uint32Array.from(cells, (cell) => merchants[cell.merchant]!.category);
    this.#regular = Float64Array.from(
      cells,
      (cell, c) => cellStart[c]! + cell.customers - regulars(cell.customers, cell.gender, this.#category[c]!),
    );
    this.#rowsLeft = new Float64Array(categories.length);
    for (const merchant of merchants) this.#rowsLeft[merchant.category]! += merchant.rows;
    this.#fraudsLeft = Float64Array.from(fraudQuotas(size.rows, this.#rowsLeft));
  }

  /** Cents. */
  next(pair: number): number {
    const cell = this.#plan.pairCell[pair]!;
    const category = this.#category[cell]!;
    const base = this.#base[category]!;
    // Of 2^32 / golden ratio the multiples modulo 2^32 are as even as can be, for any number of them.
    const turn = (Math.imul(pair - this.#plan.cellStart[cell]! + 1, 0x9e3779b9) >>> 0) / 4294967296;
    const level = pair >= this.#regular[cell]! ? 0.3 * base : base * (0.75 + 0.5 * turn);

    const bits = this.#random.next();
    const triangle = ((bits >>> 16) + (bits & 0xffff)) / 131070;
    const amount = level * (0.3 + 1.4 * triangle);
    this.fraud = false;
    const frauds = this.#fraudsLeft[category]!;
    if (frauds > 0) {
      this.fraud = this.#random.below(this.#rowsLeft[category]!) < frauds;
      this.#rowsLeft[category]!--;
      if (this.fraud) this.#fraudsLeft[category]!--;
    }
    return Math.floor((this.fraud ? fraudFactor : 1) * amount + 0.5);
  }
}

const amountStream = 4;

function regulars(customers: number, gender: number, category: number): number {
  return category === 0 && gender <= 1 ? Math.ceil(customers / 200) : 0;
}

function rowsAtFull(c: number): number {
  let rows = 0;
  for (const n of Object.values(categories[c]!.merchants)) rows += n;
  return rows;
}

function baseOf(_: unknown, c: number): number {
  const { mean, frauds } = categories[c]!;
  return mean / (1 + ((fraudFactor - 1) * frauds) / rowsAtFull(c));
}

function fraudQuotas(rows: number, categoryRows: Float64Array): number[] {
  const present = categories.map(({ frauds }, c) => (categoryRows[c] === 0 ? 0 : frauds));
  const all = present.reduce((a, b) => a + b, 0);
  const most = present.map((frauds, c) => (frauds === 0 ? 0 : categoryRows[c]!));
  const possible = most.reduce((a, b) => a + b, 0);
  return apportion(Math.min(Math.round((rows * all) / full.rows), possible), present, undefined, most);
}
