import type { Random } from './random.ts';

/**
 * Gives cells their customers: each cell a random set of distinct ones, and over all cells everybody at least once.
 *
 * State: the customers of one gender in an array, those already dealt in front. A cell of d takes as many new
 * ones as chance would give it, and never so few that those still new would not fit into the places of later
 * cells; the others are a partial Fisher-Yates of the front, which is uniform whatever was dealt before. No
 * sets, no table of who was where: O(d) a cell and 4 bytes a customer.
 */
export class Dealer {
  readonly #customers: Uint32Array;
  readonly #random: Random;
  #dealt = 0;
  /** Places in this cell and later ones. */
  #places: number;

  constructor(first: number, count: number, places: number, random: Random) {
    this.#customers = Uint32Array.from({ length: count }, (_, i) => first + i);
    this.#random = random;
    this.#places = places;
    random.shuffle(this.#customers, 0, count);
  }

  /** Fills into[from .. from + d - 1], in random order. */
  deal(into: Uint32Array, from: number, d: number): void {
    const customers = this.#customers;
    const unseen = customers.length - this.#dealt;
    this.#places -= d;
    const expected = Math.round((d * unseen) / customers.length);
    const fresh = Math.min(Math.max(expected, unseen - this.#places, d - this.#dealt), d, unseen);
    const again = d - fresh;
    for (let i = 0; i < again; i++) {
      const j = i + this.#random.below(this.#dealt - i);
      const customer = customers[j]!;
      customers[j] = customers[i]!;
      customers[i] = customer;
      into[from + i] = customer;
    }
    for (let i = 0; i < fresh; i++) into[from + again + i] = customers[this.#dealt + i]!;
    this.#dealt += fresh;
    this.#random.shuffle(into, from, from + d);
  }
}
