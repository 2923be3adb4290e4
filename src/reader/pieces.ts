/**
 * Parts of an object that are read beside, with a state of their own, and put together with the rest as if one reader had
 * read it from its first byte to its last.
 *
 * A piece is a run of whole lines of a block, all of them regular records (or blank): that is known before it is given away, so
 * where the next record starts is too. Whoever reads the pieces reads them in order. Ids are numbers in the order in which
 * values were first seen, so what a run of rows brought in anew are the ids between two sizes of the state. Taken in the
 * order of the runs, those of all states get the ids that a single reader gives them; sums are added.
 *
 * Cost: that of the entities of all states, once.
 */
import type { Delta } from '../core/delta.ts';
import { assertLaw } from '../core/error.ts';
import { Integers } from '../core/integers.ts';
import type { Reading } from './reading.ts';
import type { RejectedRow } from './rejected.ts';
import { LoadedDelta, Tables } from './tables.ts';

/** What the pieces of an object came to. */
export interface PiecesRead {
  readonly rows: number;
  readonly rejectedRows: number;
  readonly rejected: readonly RejectedRow[];
  readonly delta: Delta;
  /** The sizes of the state (`Aggregator.sizes`) behind each piece. */
  readonly sizes: readonly Uint32Array[];
}

/** The same after a message from another thread has brought it, in which columns lose their methods. */
export function withColumns(read: PiecesRead): PiecesRead {
  const { values, grains } = read.delta;
  const columns = (all: readonly Integers[]): Integers[] => all.map((column) => Object.assign(new Integers(1), column));
  return { ...read, delta: { values, grains: grains.map((grain) => ({ ...grain, additive: columns(grain.additive) })) } };
}

/** Rows that we have read, up to a size of our state; then a piece that was read elsewhere, up to a size of the state there. */
interface Turn {
  readonly own: Uint32Array;
  readonly other: LoadedDelta;
  readonly sizes: Uint32Array;
}

/** What was read beside of the chunk in hand. */
export class Pieces {
  readonly #reading: Reading;
  #turns: Turn[] = [];

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  /** `own`: the sizes of our state before each piece. */
  add(own: readonly Uint32Array[], { delta, sizes }: PiecesRead): void {
    assertLaw(own.length === sizes.length, 'a piece that is given away is read');
    const other = new LoadedDelta(delta);
    own.forEach((before, i) => this.#turns.push({ own: before, other, sizes: sizes[i]! }));
  }

  /** The delta of all rows, of which `delta` has those that were read here; starts anew. */
  join(delta: Delta): Delta {
    const turns = this.#turns;
    if (turns.length === 0) return delta;
    this.#turns = [];
    const tables = new Tables(this.#reading);
    const here = new LoadedDelta(delta);
    for (const { own, other, sizes } of turns) {
      tables.loadUpTo(here, own);
      tables.loadUpTo(other, sizes);
    }
    tables.loadUpTo(here, here.all);
    return tables.take();
  }

  clear(): void {
    this.#turns = [];
  }
}
