/**
 * Byte strings <-> ids 0, 1, 2, ... in the order in which they were first seen.
 *
 * Open addressing (load at most 1/2) over a 32-bit hash; the hash only finds candidates, the bytes decide. The bytes
 * lie one after the other in an arena. No string is made per value or per look-up. `take` hands the values out as
 * arrays of their own and empties the dictionary; the slots are kept, so that the next chunk allocates nothing large.
 * Cost of a look-up: O(bytes), one cache line of slots and one of arena.
 */
import { assertLaw } from '../core/error.ts';
import type { Values } from '../core/delta.ts';

const smallest = 1024;

/** Four bytes at a step; multiplication and rotation as in MurmurHash3. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let p = start;
  for (; p + 4 <= end; p += 4) {
    hash = Math.imul(hash ^ (bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24)), 0x9e3779b1);
    hash = (hash << 13) | (hash >>> 19);
  }
  for (; p < end; p++) hash = Math.imul(hash ^ bytes[p]!, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 16);
}

function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i]! !== b[bStart + i]!) return false;
  return true;
}

export class Dictionary {
  count = 0;
  /** Slot -> id + 1; 0 is free. */
  #slots = new Int32Array(smallest);
  /** Id -> its hash: most slots of other values are told apart without their bytes, and growing rehashes nothing. */
  #hashes = new Int32Array(smallest / 2);
  #offsets = new Uint32Array(smallest / 2 + 1);
  #arena = new Uint8Array(smallest * 8);

  /** The id of bytes[start..end); a new one if they were not seen before. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.#equals(entry - 1, hash, bytes, start, end)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(slot, hash, bytes, start, end);
  }

  /** The id of bytes[start..end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.#equals(entry - 1, hash, bytes, start, end)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  #equals(id: number, hash: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#hashes[id]! !== hash) return false;
    const from = this.#offsets[id]!;
    const length = end - start;
    return this.#offsets[id + 1]! - from === length && sameBytes(this.#arena, from, bytes, start, length);
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
      this.#hashes = new Int32Array(smallest / 2);
      this.#offsets = new Uint32Array(smallest / 2 + 1);
      this.#arena = new Uint8Array(smallest * 8);
    } else this.#slots.fill(0);
    this.count = 0;
  }

  #insert(slot: number, hash: number, bytes: Uint8Array, start: number, end: number): number {
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
    this.#hashes[id] = hash;
    this.#slots[slot] = id + 1;
    if (this.count === this.#hashes.length) this.#grow();
    return id;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    const hashes = new Int32Array(slots.length / 2);
    hashes.set(this.#hashes);
    for (let id = 0; id < this.count; id++) {
      let slot = hashes[id]! & mask;
      while (slots[slot]! !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    const offsets = new Uint32Array(slots.length / 2 + 1);
    offsets.set(this.#offsets);
    this.#slots = slots;
    this.#hashes = hashes;
    this.#offsets = offsets;
  }
}
