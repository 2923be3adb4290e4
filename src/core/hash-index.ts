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
    // In one piece: made one by one they take five times as long.
    const slots = new Uint32Array(SEGMENTS * 2 * FIRST_CAPACITY);
    for (let i = 0; i < SEGMENTS; i++) {
      this.segments.push(slots.subarray(i * 2 * FIRST_CAPACITY, (i + 1) * 2 * FIRST_CAPACITY));
      this.limit[i] = limitOf(i, FIRST_CAPACITY);
    }
    this.slots = this.segments[0] as Uint32Array;
  }

  /** Room for so many entries in all. Only of an empty index. A segment that gets more than its share doubles as ever. */
  reserve(entries: number): void {
    const mean = entries / SEGMENTS;
    for (let i = 0; i < SEGMENTS; i++) {
      let capacity = FIRST_CAPACITY;
      while (limitOf(i, capacity) < mean) capacity = Math.max(2 * capacity, SECOND_CAPACITY);
      if (capacity === FIRST_CAPACITY) continue;
      this.segments[i] = new Uint32Array(2 * capacity);
      this.limit[i] = limitOf(i, capacity);
    }
    this.slots = this.segments[0] as Uint32Array;
  }

  /** As `first`, but it leaves no place to insert at or to go on from; as the element of an Uint32Array it is NONE where there is none. */
  peek(hash: number): number {
    const slots = this.segments[hash >>> 24] as Uint32Array;
    const mask = slots.length - 1;
    let at = (hash << 1) & mask;
    while (slots[at] !== hash && slots[at + 1] !== 0) at = (at + 2) & mask;
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

  /**
   * Inserts ids[i] for hashes[i], none of which may be that of a key that is there: yields false if one is, and `isSame` says of
   * two ids with the same hash whether their keys are the same. Many at a time cost a fraction of one by one: those of a segment
   * come together, while the cache has it. Segment by segment: whoever has to answer others does so in between. The arrays are
   * not needed after the first.
   */
  *addAll(hashes: Uint32Array, ids: Uint32Array, isSame: (a: number, b: number) => boolean): Generator<boolean, void, void> {
    const sorted = bySegment(hashes, ids);
    for (let segment = 0, start = 0; segment < SEGMENTS; segment++) {
      const end = sorted.ends[segment] as number;
      const used = (this.used[segment] as number) + end - start;
      this.used[segment] = used;
      while (used > (this.limit[segment] as number)) this.double(segment);
      yield addToSlots(this.segments[segment] as Uint32Array, sorted.hashes, sorted.ids, start, end, isSame);
      start = end;
    }
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

interface Sorted {
  readonly hashes: Uint32Array;
  readonly ids: Uint32Array;
  /** Of each segment where it ends. */
  readonly ends: Uint32Array;
}

function bySegment(hashes: Uint32Array, ids: Uint32Array): Sorted {
  const ends = new Uint32Array(SEGMENTS);
  for (let i = 0; i < hashes.length; i++) {
    const segment = (hashes[i] as number) >>> 24;
    ends[segment] = (ends[segment] as number) + 1;
  }
  for (let segment = 0, start = 0; segment < SEGMENTS; segment++) {
    const size = ends[segment] as number;
    ends[segment] = start;
    start += size;
  }
  const sorted = { hashes: new Uint32Array(hashes.length), ids: new Uint32Array(hashes.length), ends };
  // ends[segment] is where its next one goes, and its end afterwards.
  for (let i = 0; i < hashes.length; i++) {
    const hash = hashes[i] as number;
    const at = ends[hash >>> 24] as number;
    sorted.hashes[at] = hash;
    sorted.ids[at] = ids[i] as number;
    ends[hash >>> 24] = at + 1;
  }
  return sorted;
}

/** Of start <= n < end. False if `isSame` says that one is there. */
function addToSlots(
  slots: Uint32Array,
  hashes: Uint32Array,
  ids: Uint32Array,
  start: number,
  end: number,
  isSame: (a: number, b: number) => boolean,
): boolean {
  const mask = slots.length - 1;
  for (let n = start; n < end; n++) {
    const hash = hashes[n] as number;
    const id = ids[n] as number;
    let at = (hash << 1) & mask;
    for (let idPlus1 = slots[at + 1] as number; idPlus1 !== 0; idPlus1 = slots[at + 1] as number) {
      if (slots[at] === hash && isSame(idPlus1 - 1, id)) return false;
      at = (at + 2) & mask;
    }
    slots[at] = hash;
    slots[at + 1] = id + 1;
  }
  return true;
}
