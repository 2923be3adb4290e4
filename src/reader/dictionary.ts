/**
 * Byte strings <-> ids 0, 1, 2, ... in the order in which they were first seen.
 *
 * Open addressing (load at most 1/2) over a 32-bit hash; the hash only finds candidates. A value has a head of four words.
 * Of a value of at most 12 bytes, as most keys are, it is [first 4 bytes, 4 bytes more, last 4 bytes, length] (words may
 * overlap; below 4 bytes the first word has them all), and given the length these are all of its bytes: equal heads are
 * equal values. Of a longer value it is [hash, 0, 0, length], and the bytes decide. All bytes lie one after the other in an
 * arena. No string is made per value or per look-up. `take` hands the values out as arrays of their own and empties the
 * dictionary; tables are kept, so that the next chunk allocates nothing large. Cost of a look-up: O(bytes), one cache line
 * of slots and one of heads, for long values one more of the arena.
 */
import type { Values } from '../core/delta.ts';
import { assertLaw } from '../core/error.ts';

const smallest = 1024;
const shortBytes = 12;

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** At most 3 bytes. */
function fewBytes(bytes: Uint8Array, start: number, length: number): number {
  if (length === 0) return 0;
  if (length === 1) return bytes[start]!;
  return length === 2 ? bytes[start]! | (bytes[start + 1]! << 8) : bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16);
}

function mix(hash: number, next: number): number {
  const mixed = Math.imul(hash ^ next, 0x9e3779b1);
  return (mixed << 13) | (mixed >>> 19);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 16);
}

function hashLong(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let p = start; p + 4 <= end; p += 4) hash = mix(hash, word(bytes, p));
  return finish(mix(hash, word(bytes, end - 4)));
}

function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

export class Dictionary {
  count = 0;
  /** Slot -> id + 1; 0 is free. */
  #slots = new Int32Array(smallest);
  #heads = new Int32Array(2 * smallest);
  #offsets = new Uint32Array(smallest / 2 + 1);
  #arena = new Uint8Array(smallest * 8);
  /** Where the last `find` ended, and what it looked for. */
  #slot = 0;
  #first = 0;
  #second = 0;
  #third = 0;

  /** The id of bytes[start..end); a new one if they were not seen before. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const id = this.find(bytes, start, end);
    return id >= 0 ? id : this.#insert(bytes, start, end);
  }

  /** The id of bytes[start..end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > shortBytes) return this.#findLong(bytes, start, end);
    const first = length < 4 ? fewBytes(bytes, start, length) : word(bytes, start);
    const second = length <= 8 ? 0 : word(bytes, start + 4);
    const third = length < 4 ? 0 : word(bytes, end - 4);
    this.#first = first;
    this.#second = second;
    this.#third = third;
    return this.#probe(first, second, third, length);
  }

  #probe(first: number, second: number, third: number, length: number): number {
    const slots = this.#slots;
    const heads = this.#heads;
    const mask = slots.length - 1;
    let slot = finish(mix(mix(mix(length, first), second), third)) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      const at = 4 * (entry - 1);
      if (heads[at] === first && heads[at + 1] === second && heads[at + 2] === third && heads[at + 3] === length) return entry - 1;
      slot = (slot + 1) & mask;
    }
    this.#slot = slot;
    return -1;
  }

  #findLong(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashLong(bytes, start, end);
    const length = end - start;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      const at = 4 * (entry - 1);
      const candidate = this.#heads[at] === hash && this.#heads[at + 3] === length;
      if (candidate && sameBytes(this.#arena, this.#offsets[entry - 1]!, bytes, start, length)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    this.#slot = slot;
    this.#first = hash;
    this.#second = 0;
    this.#third = 0;
    return -1;
  }

  /** All values, in the order of their ids; the dictionary is empty afterwards. */
  take(): Values {
    const count = this.count;
    const offsets = this.#offsets.slice(0, count + 1);
    const values = { count, bytes: this.#arena.slice(0, offsets[count]), offsets };
    this.clear();
    return values;
  }

  clear(): void {
    // A table that one huge chunk blew up is not swept for every small one after it.
    if (this.#slots.length > 16 * Math.max(smallest, this.count)) {
      this.#slots = new Int32Array(smallest);
      this.#heads = new Int32Array(2 * smallest);
      this.#offsets = new Uint32Array(smallest / 2 + 1);
      this.#arena = new Uint8Array(smallest * 8);
    } else this.#slots.fill(0);
    this.count = 0;
  }

  /** Adds what `find` has just not found, in the slot where it ended. */
  #insert(bytes: Uint8Array, start: number, end: number): number {
    const id = this.count++;
    const from = this.#offsets[id]!;
    const to = from + (end - start);
    assertLaw(to < 2 ** 32, 'the distinct values of a dimension in one chunk take less than 4 GiB');
    if (to > this.#arena.length) {
      const arena = new Uint8Array(Math.max(to, Math.min(2 ** 32, this.#arena.length * 2)));
      arena.set(this.#arena);
      this.#arena = arena;
    }
    for (let i = start, at = from; i < end; i++, at++) this.#arena[at] = bytes[i]!;
    this.#offsets[id + 1] = to;
    this.#heads.set([this.#first, this.#second, this.#third, end - start], 4 * id);
    this.#slots[this.#slot] = id + 1;
    if (2 * this.count === this.#slots.length) this.#grow();
    return id;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    const heads = new Int32Array(slots.length * 2);
    heads.set(this.#heads);
    for (let id = 0; id < this.count; id++) {
      let slot = hashOfHead(heads, 4 * id) & mask;
      while (slots[slot]! !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    const offsets = new Uint32Array(slots.length / 2 + 1);
    offsets.set(this.#offsets);
    this.#slots = slots;
    this.#heads = heads;
    this.#offsets = offsets;
  }
}

function hashOfHead(heads: Int32Array, at: number): number {
  const length = heads[at + 3]!;
  if (length > shortBytes) return heads[at]!;
  return finish(mix(mix(mix(length, heads[at]!), heads[at + 1]!), heads[at + 2]!));
}
