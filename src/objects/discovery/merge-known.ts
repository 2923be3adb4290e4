/**
 * What there is to do: the chunks that were found against those that the ledger knows (PROTOCOL.md 6).
 *
 * Both streams come in byte order, a folder's key with a final `/`, and are merged like two sorted lists; only chunks that
 * are new, of another version, or waiting are held. Two things cross the merge, because a name may stand for an object and
 * for a folder, with any number of keys between them; a stack of names that begin the one in hand is enough for both:
 *   - an object and a folder of one name were found: the folder says so (ambiguous), the object is taken back;
 *   - a name changed its kind: what is known of the one holds for the other.
 */
import { assertLaw } from '../../core/error.ts';
import { compareNatural, compareUtf8 } from '../../core/natural-order.ts';

interface Named {
  readonly key: string;
  readonly folder: boolean;
  readonly version: string;
}

/** What is needed of the store's `KnownChunk`. */
export interface Known extends Named {
  readonly outcome: string;
}

export interface Work<C, K> {
  readonly chunk: C;
  /** What the ledger says of this key, or null where it is new. */
  readonly known: K | null;
}

/** A name that is no folder's, and may still meet a folder's. */
interface Open<C, K> {
  readonly key: string;
  readonly chunk: C | null;
  known: K | null;
}

/** The work in natural order. */
export async function mergeKnown<C extends Named, K extends Known>(
  chunks: AsyncIterable<readonly C[]>,
  known: AsyncIterable<readonly K[]>,
): Promise<Work<C, K>[]> {
  const work = new Map<C, K | null>();
  const open: Open<C, K>[] = [];
  const left = new Cursor(chunks, 'chunks are listed in byte order');
  const right = new Cursor(known, 'known chunks come in byte order');
  try {
    await Promise.all([left.advance(), right.advance()]);
    while (left.item !== null || right.item !== null) {
      const order = left.item === null ? 1 : right.item === null ? -1 : compareUtf8(left.place, right.place);
      const chunk = order <= 0 ? left.item : null;
      const line = order >= 0 ? right.item : null;
      const place = order <= 0 ? left.place : right.place;

      while (open.length > 0 && !place.startsWith(open.at(-1)!.key)) open.pop();
      const isFolder = (chunk ?? line)!.folder;
      if (!isFolder) {
        open.push({ key: place, chunk, known: line });
        if (chunk !== null && isWork(chunk, line)) work.set(chunk, line);
      } else {
        const twin = open.find(({ key }) => place.length === key.length + 1 && place.startsWith(key));
        const object = twin?.chunk ?? null;
        if (chunk !== null) {
          const knownOfName = line ?? twin?.known ?? null;
          if (object !== null) work.delete(object);
          if (isWork(chunk, knownOfName)) work.set(chunk, knownOfName);
        } else if (object !== null && twin?.known === null) work.set(object, line);
      }

      if (chunk !== null && left.step()) await left.advance();
      if (line !== null && right.step()) await right.advance();
    }
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
  return Array.from(work, ([chunk, known]) => ({ chunk, known })).sort((a, b) => compareNatural(a.chunk.key, b.chunk.key));
}

function isWork(chunk: Named, known: Known | null): boolean {
  return known === null || known.version !== chunk.version || known.folder !== chunk.folder || known.outcome === 'waiting';
}

/** One item of a stream of batches; only a new batch is waited for. */
class Cursor<T extends Named> {
  item: T | null = null;
  /** The item's place in byte order. */
  place = '';
  readonly #batches: AsyncIterator<readonly T[]>;
  readonly #law: string;
  #batch: readonly T[] = [];
  #next = 0;

  constructor(batches: AsyncIterable<readonly T[]>, law: string) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#law = law;
  }

  /** Moves on within the batch; true: it is used up, and `advance` has to follow. */
  step(): boolean {
    const item = this.#batch[this.#next];
    if (item === undefined) return true;
    const place = item.folder ? `${item.key}/` : item.key;
    assertLaw(this.item === null || compareUtf8(this.place, place) < 0, this.#law);
    this.item = item;
    this.place = place;
    this.#next++;
    return false;
  }

  async advance(): Promise<void> {
    while (this.step()) {
      const result = await this.#batches.next();
      if (result.done === true) {
        this.item = null;
        return;
      }
      this.#batch = result.value;
      this.#next = 0;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
