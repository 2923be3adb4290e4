/**
 * The generator's source of randomness: xoshiro128** 1.1 (Blackman and Vigna), seeded by splitmix32.
 *
 * A specified algorithm and not Math.random, because the bytes of a seed are a promise: the same file on
 * every machine and in every release. For the same reason nothing in this folder calls Math.pow, exp, log
 * or a trigonometric function: their last bit is the engine's choice; `+ - * /` and floor are exact by IEEE 754.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(a: number, b: number, c: number, d: number) {
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** 32 random bits as an integer from 0. */
  next(): number {
    const b = this.#b;
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b = b ^ this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** An integer from 0 to n - 1 (0 < n <= 2^32). Uneven by at most n / 2^32, which no use here can notice. */
  below(n: number): number {
    return Math.floor(this.next() * (n / 4294967296));
  }

  /** Fisher-Yates over array[from .. to - 1]. */
  shuffle(array: Uint32Array, from: number, to: number): void {
    for (let i = to - 1; i > from; i--) {
      const j = from + this.below(i - from + 1);
      const value = array[i]!;
      array[i] = array[j]!;
      array[j] = value;
    }
  }
}

/** Streams of one seed are independent, so a change in what one of them draws leaves the others as they are. */
export function makeRandom(seed: number, stream: number): Random {
  let state = (seed >>> 0) ^ Math.imul(Math.floor(seed / 4294967296) + 1, 0x85ebca6b) ^ Math.imul(stream, 0xc2b2ae35);
  const split = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  // At most one of four consecutive values of a bijection is 0, so the state is never the forbidden all-zero.
  return new Random(split(), split(), split(), split());
}
