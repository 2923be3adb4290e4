/**
 * Open addressing from 32-bit hashes to ids, in 256 segments that grow one by one.
 *
 * State: for each segment an Uint32Array of slots (hash, id + 1), 0 for an empty one; linear probing. The top 8 bits of
 * the hash choose the segment, the low bits the slot. Whoever owns the keys verifies: `first` and `next` give the ids
 * whose hash is equal, in probing order, until NONE.
 *
 * Cost: expected O(1); 8 bytes a slot, load 1/4 to 3/4. Growth doubles one segment and reads no keys, since the hash is
 * in the slot. Segments reach their limits at loads spread evenly over 1/2 .. 3/4, so that of N entries only some N/256
 * move within one insertion, and doublings are spread over half of the inserts instead of coming all at once.
 * Ids end at 2^32 - 2.
 */
export const NONE = 0xffffffff;

const SEGMENTS = 256;
const FIRST_CAPACITY = 16;
/** A segment that is no longer tiny will hardly stay small: it skips some doublings. */
const SECOND_CAPACITY = 128;

export class HashIndex {
  private readonly segments: Uint32Array[] = [];
  private readonly used = new Uint32Array(SEGMENTS);
  private readonly limit = new Uint32Array(SEGMENTS);
  // Where the last `first` or `next` stopped.
  private slots: Uint32Array;
  private cursor = 0;

  constructor() {
    for (let i = 0; i < SEGMENTS; i++) {
      this.segments.push(new Uint32Array(2 * FIRST_CAPACITY));
      this.limit[i] = limitOf(i, FIRST_CAPACITY);
    }
    this.slots = this.segments[0] as Uint32Array;
  }

  /** The id at the first slot of the hash, if the hash there is equal and the slot not empty; else NONE, which says nothing. */
  peek(hash: number): number {
    const slots = this.segments[hash >>> 24] as Uint32Array;
    const at = (hash << 1) & (slots.length - 1);
    return slots[at] === hash ? (slots[at + 1] as number) - 1 : NONE;
  }

  first(hash: number): number {
    this.slots = this.segments[hash >>> 24] as Uint32Array;
    return this.probe(hash, (hash << 1) & (this.slots.length - 1));
  }

  next(hash: number): number {
    return this.probe(hash, (this.cursor + 2) & (this.slots.length - 1));
  }

  private probe(hash: number, from: number): number {
    const slots = this.slots;
    const mask = slots.length - 1;
    let at = from;
    for (;;) {
      const idPlus1 = slots[at + 1] as number;
      if (idPlus1 === 0) {
        this.cursor = at;
        return NONE;
      }
      if (slots[at] === hash) {
        this.cursor = at;
        return idPlus1 - 1;
      }
      at = (at + 2) & mask;
    }
  }

  /** Inserts where the last `first` or `next` for this hash returned NONE. */
  insert(hash: number, id: number): void {
    this.slots[this.cursor] = hash;
    this.slots[this.cursor + 1] = id + 1;
    const segment = hash >>> 24;
    const used = (this.used[segment] as number) + 1;
    this.used[segment] = used;
    if (used > (this.limit[segment] as number)) this.double(segment);
  }

  private double(segment: number): void {
    const old = this.segments[segment] as Uint32Array;
    const grown = new Uint32Array(Math.max(old.length * 2, SECOND_CAPACITY * 2));
    const mask = grown.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      const idPlus1 = old[i + 1] as number;
      if (idPlus1 === 0) continue;
      const hash = old[i] as number;
      let at = (hash << 1) & mask;
      while (grown[at + 1] !== 0) at = (at + 2) & mask;
      grown[at] = hash;
      grown[at + 1] = idPlus1;
    }
    this.segments[segment] = grown;
    this.limit[segment] = limitOf(segment, grown.length / 2);
  }
}

function limitOf(segment: number, capacity: number): number {
  return Math.floor(capacity * (0.5 + (0.25 * segment) / SEGMENTS));
}
