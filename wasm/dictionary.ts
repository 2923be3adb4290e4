/**
 * Byte strings <-> ids 0, 1, 2, ... in the order in which they were first seen.
 *
 * A value has a head of 16 bytes. Of a value below 16 bytes, as most are, it is its bytes, zeros, and the length in the last
 * byte: equal heads are equal values, and one comparison of a vector tells. Of a longer value it is [64-bit hash, length,
 * 0xff in the last byte], and the bytes in the arena decide. Slots (open addressing, load at most 1/2) hold id + 1.
 *
 * A batch of values is looked up in two loops: first all heads and first slots, then what they lead to, so that the
 * processor overlaps the cache misses. `reserve` makes room for a batch beforehand; nothing else can fail.
 */
import { allocate, grown, release } from './memory';
import { batchRows } from './sizes';

const smallestSlots: u32 = 2048;
/** A value has at most 256 bytes, or it is the text of a test, of which there are few. */
const batchBytes: usize = <usize>batchRows * 256;

/** [length] -> a vector that is all ones in its first `length` bytes. */
const masks: usize = memory.data(16 * 16, 16);

const K1: u64 = 0x9e3779b97f4a7c15;
const K2: u64 = 0xc2b2ae3d27d4eb4f;

export function makeMasks(): void {
  for (let length: usize = 0; length < 16; length++) {
    memory.fill(masks + (length << 4), 0, 16);
    memory.fill(masks + (length << 4), 0xff, length);
  }
}

function hashLong(at: usize, length: usize): u64 {
  let hash: u64 = u64(length) * K1;
  const last = at + length - 8;
  for (let p = at; p < last; p += 8) hash = rotl((hash ^ load<u64>(p)) * K2, 29);
  hash = (hash ^ load<u64>(last)) * K2;
  return hash ^ (hash >> 32);
}

function hashOf(low: u64, high: u64): u64 {
  const hash = (low ^ rotl(high * K2, 31)) * K1;
  return (hash ^ (hash >> 32)) * K2;
}

/** The head of the value of `length` bytes at `at`; up to 15 bytes behind it are read, and do not count. */
function headOf(at: usize, length: usize): v128 {
  if (length < 16) {
    const bytes = v128.and(v128.load(at), v128.load(masks + (length << 4)));
    return i8x16.replace_lane(bytes, 15, i8(length));
  }
  const head = i64x2.splat(hashLong(at, length));
  return i64x2.replace_lane(head, 1, u64(length) | 0xff00000000000000);
}

function hashOfHead(head: v128): u64 {
  return hashOf(i64x2.extract_lane(head, 0), i64x2.extract_lane(head, 1));
}

function isLong(head: v128): bool {
  return i8x16.extract_lane_u(head, 15) === 0xff;
}

function same(a: v128, b: v128): bool {
  return !v128.any_true(v128.xor(a, b));
}

function sameBytes(a: usize, b: usize, length: usize): bool {
  return memory.compare(a, b, length) === 0;
}

@unmanaged
export class Dictionary {
  count: u32;
  slotBits: u32;
  slots: usize;
  slotsBytes: usize;
  heads: usize;
  headsBytes: usize;
  /** Value i is arena[offsets[i] .. offsets[i + 1]). */
  offsets: usize;
  offsetsBytes: usize;
  arena: usize;
  arenaBytes: usize;

  /** Makes room for a batch of new values; false if there is none. */
  reserve(): bool {
    const count = this.count + batchRows;
    while (this.headsBytes < (<usize>count) << 4) {
      const heads = grown(this.heads, this.headsBytes, (<usize>this.count) << 4);
      if (heads === 0) return false;
      this.heads = heads;
      this.headsBytes <<= 1;
    }
    while (this.offsetsBytes < (<usize>count + 1) << 2) {
      const offsets = grown(this.offsets, this.offsetsBytes, (<usize>this.count + 1) << 2);
      if (offsets === 0) return false;
      this.offsets = offsets;
      this.offsetsBytes <<= 1;
    }
    return this.reserveArena(batchBytes) && (count <= ((<u32>1) << this.slotBits) >> 1 || this.growSlots());
  }

  reserveArena(bytes: usize): bool {
    const used = load<u32>(this.offsets + ((<usize>this.count) << 2));
    while (this.arenaBytes - used < bytes) {
      const arena = grown(this.arena, this.arenaBytes, used);
      if (arena === 0) return false;
      this.arena = arena;
      this.arenaBytes <<= 1;
    }
    return true;
  }

  private growSlots(): bool {
    const bytes: usize = (<usize>8) << this.slotBits;
    if (bytes > this.slotsBytes) {
      const slots = allocate(bytes);
      if (slots === 0) return false;
      release(this.slots, this.slotsBytes);
      this.slots = slots;
      this.slotsBytes = bytes;
    }
    this.slotBits++;
    memory.fill(this.slots, 0, bytes);
    const mask = ((<u32>1) << this.slotBits) - 1;
    for (let id: u32 = 0; id < this.count; id++) {
      let slot = this.firstSlot(v128.load(this.heads + ((<usize>id) << 4)));
      while (load<u32>(this.slots + ((<usize>slot) << 2)) !== 0) slot = (slot + 1) & mask;
      store<u32>(this.slots + ((<usize>slot) << 2), id + 1);
    }
    return true;
  }

  private firstSlot(head: v128): u32 {
    return u32(hashOfHead(head) >> (64 - this.slotBits));
  }

  /** The id + 1 of the value with this head, or 0; `bytes` is where the value is. */
  private probe(head: v128, bytes: usize, slot: u32): u32 {
    const mask = ((<u32>1) << this.slotBits) - 1;
    while (true) {
      const entry = load<u32>(this.slots + ((<usize>slot) << 2));
      if (entry === 0) {
        this.freeSlot = slot;
        return 0;
      }
      if (same(v128.load(this.heads + ((<usize>(entry - 1)) << 4)), head)) {
        if (!isLong(head)) return entry;
        const known = this.arena + load<u32>(this.offsets + ((<usize>(entry - 1)) << 2));
        if (sameBytes(known, bytes, u32(i64x2.extract_lane(head, 1)))) return entry;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Where the last `probe` ended that found nothing. */
  freeSlot: u32;

  private insert(head: v128, bytes: usize, length: u32): u32 {
    const id = this.count++;
    v128.store(this.heads + ((<usize>id) << 4), head);
    const offset = this.offsets + ((<usize>id) << 2);
    const at = load<u32>(offset);
    memory.copy(this.arena + at, bytes, length);
    store<u32>(offset, at + length, 4);
    store<u32>(this.slots + ((<usize>this.freeSlot) << 2), id + 1);
    return id;
  }

  /** The id + 1 of a value, or 0. */
  find(bytes: usize, length: u32): u32 {
    const head = headOf(bytes, length);
    return this.probe(head, bytes, this.firstSlot(head));
  }

  /** Adds a value that is not there; there must be room for it. */
  add(bytes: usize, length: u32): void {
    if (this.find(bytes, length) === 0) this.insert(headOf(bytes, length), bytes, length);
  }

  /**
   * Interns a batch: value i is at fields[i] = [start, length]; ids[i] becomes its id. `heads` and `entries` are room for a
   * batch of heads and of words.
   */
  internAll(size: u32, fields: usize, ids: usize, heads: usize, entries: usize): void {
    const slots = this.slots;
    for (let i: usize = 0; i < size; i++) {
      const head = headOf(load<u32>(fields + (i << 3)), load<u32>(fields + (i << 3), 4));
      const slot = this.firstSlot(head);
      v128.store(heads + (i << 4), head);
      store<u32>(ids + (i << 2), slot);
      store<u32>(entries + (i << 2), load<u32>(slots + ((<usize>slot) << 2)));
    }
    for (let i: usize = 0; i < size; i++) {
      const head = v128.load(heads + (i << 4));
      const entry = load<u32>(entries + (i << 2));
      if (entry !== 0 && same(v128.load(this.heads + ((<usize>(entry - 1)) << 4)), head) && !isLong(head)) {
        store<u32>(ids + (i << 2), entry - 1);
        continue;
      }
      const bytes = load<u32>(fields + (i << 3));
      const found = this.probe(head, bytes, load<u32>(ids + (i << 2)));
      store<u32>(ids + (i << 2), found !== 0 ? found - 1 : this.insert(head, bytes, load<u32>(fields + (i << 3), 4)));
    }
  }

  /** Forgets all values. A table that many values blew up is not swept for few after them. */
  clear(): void {
    while (this.slotBits > 11 && (<u32>1) << this.slotBits > 16 * this.count) this.slotBits--;
    memory.fill(this.slots, 0, (<usize>4) << this.slotBits);
    this.count = 0;
  }
}

/** An empty dictionary, or null if there is no room. */
export function makeDictionary(): Dictionary | null {
  const at = allocate(offsetof<Dictionary>());
  const slots = allocate(smallestSlots << 2);
  const heads = allocate((<usize>batchRows) << 5);
  const offsets = allocate((<usize>batchRows) << 3);
  const arena = allocate(2 * batchBytes);
  if (at === 0 || slots === 0 || heads === 0 || offsets === 0 || arena === 0) return null;
  const dictionary = changetype<Dictionary>(at);
  dictionary.count = 0;
  dictionary.slotBits = 11;
  dictionary.slots = slots;
  dictionary.slotsBytes = smallestSlots << 2;
  dictionary.heads = heads;
  dictionary.headsBytes = (<usize>batchRows) << 5;
  dictionary.offsets = offsets;
  dictionary.offsetsBytes = (<usize>batchRows) << 3;
  dictionary.arena = arena;
  dictionary.arenaBytes = 2 * batchBytes;
  memory.fill(slots, 0, smallestSlots << 2);
  store<u32>(offsets, 0);
  return dictionary;
}
