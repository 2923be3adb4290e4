/**
 * The values of one dimension: UTF-8 bytes <-> dense ids 0, 1, ... in order of first appearance, never reused.
 *
 * State: an arena in blocks of 1 MiB that are never moved; a value is its length (4 bytes, little endian) and its bytes,
 * at a multiple of 4; `starts[id]` is that position divided by 4, so ids reach 16 GiB of text. A HashIndex over the
 * bytes. Correct since equality is decided by the bytes; the hash only finds candidates.
 * Cost: O(length) to intern; 12 to 20 bytes a value beside its text; text is made only where asked for.
 */
import { Buffer } from 'node:buffer';
import type { Values } from './delta.ts';
import { assertLaw } from './error.ts';
import { firstIds, growUint32 } from './grow.ts';
import { hashBytes } from './hash.ts';
import { HashIndex, NONE } from './hash-index.ts';

const BLOCK_BITS = 20;
const BLOCK = 1 << BLOCK_BITS;
/** Positions are counted in words of 4 bytes. */
const WORD_BITS = BLOCK_BITS - 2;
const WORD_MASK = (1 << WORD_BITS) - 1;

export class Dictionary {
  size = 0;
  private starts = new Uint32Array(64);
  private readonly blocks: DataView<ArrayBuffer>[] = [];
  /** Bytes used of the last block. */
  private used = BLOCK;
  private readonly index = new HashIndex();

  /** NONE if the dictionary has no such value. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const view = viewOf(bytes);
    return this.search(hashBytes(view, start, end), view, start, end);
  }

  findText(text: string): number {
    const bytes = Buffer.from(text);
    return this.find(bytes, 0, bytes.length);
  }

  intern(bytes: Uint8Array, start: number, end: number): number {
    const view = viewOf(bytes);
    return this.internHashed(hashBytes(view, start, end), view, start, end);
  }

  internText(text: string): number {
    const bytes = Buffer.from(text);
    return this.intern(bytes, 0, bytes.length);
  }

  /** For each value of the delta its id here. New values get the next ids in their order. */
  internAll(values: Values): Uint32Array {
    const { count, offsets } = values;
    const ids = new Uint32Array(count);
    const hashes = new Uint32Array(count);
    const bytes = viewOf(values.bytes);
    // Loops that do one thing overlap their cache misses. They are also compiled sooner, and only once if nothing comes in later
    // that the first chunk has not: where all values are new, nothing is guessed.
    hashAll(bytes, offsets, count, hashes);
    const missing = firstIds(count);
    const missed = this.size === 0 ? count : this.findAll(bytes, offsets, hashes, ids, missing);
    this.internRows(bytes, offsets, hashes, missing, missed, ids);
    return ids;
  }

  /** Finds the ids of all values; lists those that the first id with their hash is not, and tells how many. */
  private findAll(bytes: DataView, offsets: Uint32Array, hashes: Uint32Array, ids: Uint32Array, missing: Uint32Array): number {
    guessAll(this.index, hashes, ids);
    let missed = 0;
    for (let i = 0; i < ids.length; i++) {
      const guess = ids[i] as number;
      missing[missed] = i;
      missed += guess === NONE || !this.same(guess, bytes, offsets[i] as number, offsets[i + 1] as number) ? 1 : 0;
    }
    return missed;
  }

  private internRows(bytes: DataView, offsets: Uint32Array, hashes: Uint32Array, rows: Uint32Array, count: number, ids: Uint32Array): void {
    for (let k = 0; k < count; k++) {
      const i = rows[k] as number;
      ids[i] = this.internHashed(hashes[i] as number, bytes, offsets[i] as number, offsets[i + 1] as number);
    }
  }

  text(id: number): string {
    return this.bytes(id).toString('utf8');
  }

  /** A view of the value's bytes. */
  bytes(id: number): Buffer {
    const word = this.starts[id] as number;
    const block = this.blocks[word >>> WORD_BITS] as DataView<ArrayBuffer>;
    const at = (word & WORD_MASK) << 2;
    return Buffer.from(block.buffer, at + 4, block.getUint32(at, true));
  }

  /** Order by UTF-8 bytes, which is not the order of JS strings beyond U+FFFF. */
  compare(a: number, b: number): number {
    return a === b ? 0 : Buffer.compare(this.bytes(a), this.bytes(b));
  }

  private internHashed(hash: number, bytes: DataView, start: number, end: number): number {
    const found = this.search(hash, bytes, start, end);
    if (found !== NONE) return found;
    const id = this.append(bytes, start, end);
    this.index.insert(hash, id);
    return id;
  }

  private search(hash: number, bytes: DataView, start: number, end: number): number {
    let id = this.index.first(hash);
    while (id !== NONE && !this.same(id, bytes, start, end)) id = this.index.next(hash);
    return id;
  }

  private same(id: number, bytes: DataView, start: number, end: number): boolean {
    const word = this.starts[id] as number;
    const at = (word & WORD_MASK) << 2;
    return isStored(this.blocks[word >>> WORD_BITS] as DataView, at, bytes, start, end);
  }

  private append(bytes: DataView, start: number, end: number): number {
    const length = end - start;
    assertLaw(length >= 0 && length + 4 <= BLOCK, 'a value of a dimension is shorter than 1 MiB');
    if (this.used + 4 + length > BLOCK) {
      this.blocks.push(new DataView(new ArrayBuffer(BLOCK)));
      this.used = 0;
    }
    const block = this.blocks[this.blocks.length - 1] as DataView;
    const at = this.used;
    block.setUint32(at, length, true);
    copyBytes(bytes, start, end, block, at + 4);
    this.used = (at + 4 + length + 3) & ~3;
    const id = this.size++;
    assertLaw(
      id < NONE - 1 && this.blocks.length <= 2 ** (32 - WORD_BITS),
      'a dimension has fewer than 2^32 - 2 values and 16 GiB of text',
    );
    this.starts = growUint32(this.starts, this.size);
    this.starts[id] = (this.blocks.length - 1) * 2 ** WORD_BITS + (at >>> 2);
    return id;
  }
}

/** Reads words where they are, whatever class of byte array they lie in. */
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hashAll(bytes: DataView, offsets: Uint32Array, count: number, hashes: Uint32Array): void {
  for (let i = 0; i < count; i++) hashes[i] = hashBytes(bytes, offsets[i] as number, offsets[i + 1] as number);
}

/** The first ids whose hash is that of the value, or NONE. */
function guessAll(index: HashIndex, hashes: Uint32Array, ids: Uint32Array): void {
  for (let i = 0; i < ids.length; i++) ids[i] = index.peek(hashes[i] as number);
}

function copyBytes(from: DataView, start: number, end: number, to: DataView, at: number): void {
  let own = at;
  let other = start;
  for (; other + 4 <= end; other += 4, own += 4) to.setInt32(own, from.getInt32(other, true), true);
  for (; other < end; other++, own++) to.setUint8(own, from.getUint8(other));
}

function isStored(block: DataView, at: number, bytes: DataView, start: number, end: number): boolean {
  if (block.getUint32(at, true) !== end - start) return false;
  let own = at + 4;
  let other = start;
  for (; other + 4 <= end; other += 4, own += 4) if (block.getInt32(own, true) !== bytes.getInt32(other, true)) return false;
  for (; other < end; other++, own++) if (block.getUint8(own) !== bytes.getUint8(other)) return false;
  return true;
}
