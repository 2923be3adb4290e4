/**
 * The sums of one base grain over the rows of a chunk: key ids -> a row of exact 64-bit sums.
 *
 * A row is [ids of the key (32 bits each, padded to 8 bytes), sums], in one piece, so that adding to it touches one or two
 * cache lines however many measures there are. Rows lie in segments of one size, in the order in which they were first
 * seen: growing copies no row. Slots hold addresses of rows (0 is free). A key of one dimension is looked up by its id
 * directly (ids are dense); of two or more by open addressing (load at most 1/2), where the ids in the row decide. Once a large
 * part of all pairs has occurred, those of two have a grid instead, [first id * gridWidth + second id]: what is found there
 * is the row, so that nothing is compared, and the row is not looked at before it is added to. It is checked where the slots
 * grow, and where the grid would have to.
 *
 * Sums cannot overflow: batch.ts stops before the total of all magnitudes leaves 63 bits. `reserve` makes room for a batch.
 */
import { allocate, blockBytes, release } from './memory';
import { batchRows } from './sizes';

const smallestBits: u32 = 11;
const segmentHead: usize = 8;
const K1: u64 = 0x9e3779b97f4a7c15;
const K2: u64 = 0xc2b2ae3d27d4eb4f;

/** What a measure adds, and where: to the sum at `place` of the row the term, of rows that pass the filter (or -1). */
@unmanaged
class Measure {
  place: u32;
  term: u32;
  filter: i32;
}

function mix(hash: u64): u64 {
  const mixed = hash * K1;
  return (mixed ^ (mixed >> 32)) * K2;
}

@unmanaged
export class Table {
  size: u32;
  keys: u32;
  /** The layout's dimensions that make the key: words. */
  dimensions: usize;
  stride: u32;
  fed: u32;
  measures: usize;
  slotBits: u32;
  slots: usize;
  slotsBytes: usize;
  /** Of two dimensions, 0: pairs are in the slots. */
  grid: usize;
  gridBytes: usize;
  gridWidth: u32;
  /** Rows of the grid that there is room for, and those that are used: only these were set to 0. */
  gridHeight: u32;
  gridUsed: u32;
  /** A segment starts with the address of the next, or 0. */
  firstSegment: usize;
  segment: usize;
  segmentBytes: usize;
  /** Of the segment in hand: the next free row, and how many there are. */
  next: usize;
  left: u32;
  /** Of the column that is read out: segment, row in it. */
  cursorSegment: usize;
  cursorRow: u32;
  cursorLeft: u32;

  /** Makes room for a batch of new keys; `first`, `second`: how many values there may be then of the first two dimensions. */
  reserve(first: u32, second: u32): bool {
    if (load<usize>(this.segment) === 0) {
      const segment = allocate(this.segmentBytes);
      if (segment === 0) return false;
      store<usize>(segment, 0);
      store<usize>(this.segment, segment);
    }
    if (this.keys === 0) return true;
    if (this.keys === 1) {
      while (first > (<u32>1) << this.slotBits) if (!this.growDirect()) return false;
      return true;
    }
    if (this.grid !== 0) {
      if (first <= this.gridHeight && second <= this.gridWidth) return true;
      return this.makeGrid(first, second) || this.leaveGrid();
    }
    if (this.size + batchRows <= ((<u32>1) << this.slotBits) >> 1) return true;
    return (this.keys === 2 && this.makeGrid(first, second)) || this.growSlots();
  }

  /** Puts all pairs into a new grid, unless most of it would be empty, or there is no room. */
  private makeGrid(first: u32, second: u32): bool {
    const width = second + (second >> 2);
    const height = first + (first >> 2);
    // Of the rows that `first` allows a batch may bring in, most are never used.
    if (u64(first - batchRows) * width > u64(this.size) << 3) return false;
    const bytes: u64 = (u64(width) * height) << 2;
    if (bytes > 1 << 30) return false;
    const grid = allocate(usize(bytes));
    if (grid === 0) return false;
    release(this.grid, this.gridBytes);
    this.grid = grid;
    this.gridBytes = usize(bytes);
    this.gridWidth = width;
    this.gridHeight = height;
    this.gridUsed = 0;
    this.rewind();
    for (let row = this.nextRow(); row !== 0; row = this.nextRow()) store<u32>(this.gridSlot(load<u32>(row), load<u32>(row, 4)), u32(row));
    return true;
  }

  /** Where the address of the row of a pair is, or is to be. */
  private gridSlot(first: u32, second: u32): usize {
    while (first >= this.gridUsed) {
      memory.fill(this.grid + ((<usize>this.gridUsed * this.gridWidth) << 2), 0, (<usize>this.gridWidth) << 2);
      this.gridUsed++;
    }
    return this.grid + ((<usize>first * this.gridWidth + second) << 2);
  }

  /** Puts all pairs into the slots again. */
  private leaveGrid(): bool {
    while (this.size + batchRows > ((<u32>1) << this.slotBits) >> 1) if (!this.widenSlots(0)) return false;
    this.dropGrid();
    this.fillSlots();
    return true;
  }

  private dropGrid(): void {
    release(this.grid, this.gridBytes);
    this.grid = 0;
  }

  private growDirect(): bool {
    const used: usize = (<usize>4) << this.slotBits;
    if (!this.widenSlots(used)) return false;
    memory.fill(this.slots + used, 0, used);
    return true;
  }

  /** Room for twice as many slots; the first `used` bytes are kept. */
  private widenSlots(used: usize): bool {
    const bytes: usize = (<usize>8) << this.slotBits;
    if (bytes > this.slotsBytes || bytes === 0) {
      const slots = allocate(bytes);
      if (slots === 0) return false;
      memory.copy(slots, this.slots, used);
      release(this.slots, this.slotsBytes);
      this.slots = slots;
      this.slotsBytes = bytes;
    }
    this.slotBits++;
    return true;
  }

  private growSlots(): bool {
    if (!this.widenSlots(0)) return false;
    this.fillSlots();
    return true;
  }

  private fillSlots(): void {
    memory.fill(this.slots, 0, (<usize>4) << this.slotBits);
    const mask = ((<u32>1) << this.slotBits) - 1;
    this.rewind();
    for (let row = this.nextRow(); row !== 0; row = this.nextRow()) {
      let slot = u32((this.keys === 2 ? mix(load<u64>(row)) : this.hashOfRow(row)) >> (64 - this.slotBits));
      while (load<u32>(this.slots + ((<usize>slot) << 2)) !== 0) slot = (slot + 1) & mask;
      store<u32>(this.slots + ((<usize>slot) << 2), u32(row));
    }
  }

  private hashOfRow(row: usize): u64 {
    let hash: u64 = 0;
    for (let i: usize = 0; i < this.keys; i++) hash = mix(hash ^ load<u32>(row + (i << 2)));
    return hash;
  }

  /** A new row of zeros. */
  private insert(): usize {
    if (this.left === 0) this.useSegment(load<usize>(this.segment));
    const row = this.next;
    this.next += this.stride;
    this.left--;
    this.size++;
    for (let at: usize = 0; at < this.stride; at += 8) store<u64>(row + at, 0);
    return row;
  }

  useSegment(segment: usize): void {
    this.segment = segment;
    this.next = segment + segmentHead;
    this.left = this.rowsOfSegment();
  }

  private rowsOfSegment(): u32 {
    return u32((this.segmentBytes - segmentHead) / this.stride);
  }

  /** The rows of a batch: rows[i] becomes the address of that of ids[dimension * batchRows + i]. `keys`: room for a batch. */
  findAll(size: u32, ids: usize, rows: usize, keys: usize): void {
    if (this.keys === 0) {
      const row = this.size === 0 ? this.insert() : this.firstSegment + segmentHead;
      for (let i: usize = 0; i < size; i++) store<u32>(rows + (i << 2), u32(row));
    } else if (this.keys === 1) this.findDirect(size, this.idsOf(ids, 0), rows);
    else if (this.grid !== 0) this.findInGrid(size, this.idsOf(ids, 0), this.idsOf(ids, 1), rows);
    else if (this.keys === 2) this.findPairs(size, this.idsOf(ids, 0), this.idsOf(ids, 1), rows, keys);
    else for (let i: usize = 0; i < size; i++) store<u32>(rows + (i << 2), u32(this.findMany(ids + (i << 2))));
  }

  private idsOf(ids: usize, i: usize): usize {
    return ids + <usize>load<u32>(this.dimensions + (i << 2)) * ((<usize>batchRows) << 2);
  }

  private findDirect(size: u32, ids: usize, rows: usize): void {
    for (let i: usize = 0; i < size; i++) {
      const id = load<u32>(ids + (i << 2));
      const slot = this.slots + ((<usize>id) << 2);
      let row = load<u32>(slot);
      if (row === 0) {
        row = u32(this.insert());
        store<u32>(row, id);
        store<u32>(slot, row);
      }
      store<u32>(rows + (i << 2), row);
    }
  }

  private findInGrid(size: u32, first: usize, second: usize, rows: usize): void {
    for (let i: usize = 0; i < size; i++) {
      const a = load<u32>(first + (i << 2));
      const b = load<u32>(second + (i << 2));
      const slot = this.gridSlot(a, b);
      let row = load<u32>(slot);
      if (row === 0) {
        row = u32(this.insert());
        store<u32>(row, a);
        store<u32>(row, b, 4);
        store<u32>(slot, row);
      }
      store<u32>(rows + (i << 2), row);
    }
  }

  private findPairs(size: u32, first: usize, second: usize, rows: usize, keys: usize): void {
    const slots = this.slots;
    const shift = 64 - this.slotBits;
    for (let i: usize = 0; i < size; i++) {
      const key = u64(load<u32>(first + (i << 2))) | (u64(load<u32>(second + (i << 2))) << 32);
      store<u64>(keys + (i << 3), key);
      store<u32>(rows + (i << 2), load<u32>(slots + (usize(mix(key) >> shift) << 2)));
    }
    for (let i: usize = 0; i < size; i++) {
      const row = load<u32>(rows + (i << 2));
      const key = load<u64>(keys + (i << 3));
      if (row === 0 || load<u64>(row) !== key) store<u32>(rows + (i << 2), u32(this.findPair(key)));
    }
  }

  private findPair(key: u64): usize {
    const mask = ((<u32>1) << this.slotBits) - 1;
    let slot = u32(mix(key) >> (64 - this.slotBits));
    while (true) {
      const at = this.slots + ((<usize>slot) << 2);
      const known: usize = load<u32>(at);
      if (known === 0) {
        const row = this.insert();
        store<u64>(row, key);
        store<u32>(at, u32(row));
        return row;
      }
      if (load<u64>(known) === key) return known;
      slot = (slot + 1) & mask;
    }
  }

  /** `ids`: of the row, [dimension * batchRows]. */
  private findMany(ids: usize): usize {
    const mask = ((<u32>1) << this.slotBits) - 1;
    let hash: u64 = 0;
    for (let i: usize = 0; i < this.keys; i++) hash = mix(hash ^ load<u32>(this.idsOf(ids, i)));
    let slot = u32(hash >> (64 - this.slotBits));
    while (true) {
      const at = this.slots + ((<usize>slot) << 2);
      const known: usize = load<u32>(at);
      if (known === 0) {
        const row = this.insert();
        for (let i: usize = 0; i < this.keys; i++) store<u32>(row + (i << 2), load<u32>(this.idsOf(ids, i)));
        store<u32>(at, u32(row));
        return row;
      }
      let same = true;
      for (let i: usize = 0; i < this.keys; i++) same = same && load<u32>(known + (i << 2)) === load<u32>(this.idsOf(ids, i));
      if (same) return known;
      slot = (slot + 1) & mask;
    }
  }

  /** Adds terms[term * batchRows + i] to each measure of rows[i]; bits[i * words ..] are the filters that hold. */
  addAll(size: u32, rows: usize, terms: usize, bits: usize, words: u32): void {
    for (let i: usize = 0; i < this.fed; i++) {
      const measure = changetype<Measure>(this.measures + i * offsetof<Measure>());
      const term = terms + measure.term * (batchRows << 3);
      if (measure.filter < 0) addUnfiltered(size, rows, measure.place, term);
      else {
        const word = bits + ((measure.filter >> 5) << 2);
        addFiltered(size, rows, measure.place, term, word, words << 2, measure.filter & 31);
      }
    }
  }

  /** Starts reading the rows from the first. */
  rewind(): void {
    this.cursorSegment = this.firstSegment;
    this.cursorRow = 0;
    this.cursorLeft = this.size;
  }

  /** The address of the next row, or 0. */
  nextRow(): usize {
    if (this.cursorLeft === 0) return 0;
    this.cursorLeft--;
    if (this.cursorRow === this.rowsOfSegment()) {
      this.cursorSegment = load<usize>(this.cursorSegment);
      this.cursorRow = 0;
    }
    const row = this.cursorSegment + segmentHead + <usize>this.cursorRow * this.stride;
    this.cursorRow++;
    return row;
  }

  /** Forgets all rows. Slots that many keys blew up are not swept for few after them. */
  clear(): void {
    if (this.keys === 1) {
      this.rewind();
      for (let row = this.nextRow(); row !== 0; row = this.nextRow()) store<u32>(this.slots + ((<usize>load<u32>(row)) << 2), 0);
    } else {
      while (this.slotBits > smallestBits && (<u32>1) << this.slotBits > 16 * this.size) this.slotBits--;
      memory.fill(this.slots, 0, (<usize>4) << this.slotBits);
    }
    this.dropGrid();
    this.size = 0;
    this.useSegment(this.firstSegment);
  }
}

function addUnfiltered(size: u32, rows: usize, place: usize, term: usize): void {
  for (let i: usize = 0; i < size; i++) {
    const at = load<usize>(rows + (i << 2)) + place;
    store<i64>(at, load<i64>(at) + load<i64>(term + (i << 3)));
  }
}

function addFiltered(size: u32, rows: usize, place: usize, term: usize, word: usize, stride: usize, bit: u32): void {
  for (let i: usize = 0; i < size; i++) {
    const holds = i64((load<u32>(word) >> bit) & 1);
    const at = load<usize>(rows + (i << 2)) + place;
    store<i64>(at, load<i64>(at) + (load<i64>(term + (i << 3)) & -holds));
    word += stride;
  }
}

/** An empty table of keys of `keys` dimensions (words at `dimensions`) with `measures` sums, or null if there is no room. */
export function makeTable(keys: u32, dimensions: usize, measures: u32): Table | null {
  const at = allocate(offsetof<Table>());
  const ownDimensions = allocate((keys << 2) + 4);
  const ownMeasures = allocate(<usize>measures * offsetof<Measure>() + 4);
  const slots = allocate((<usize>4) << smallestBits);
  if (at === 0 || ownDimensions === 0 || ownMeasures === 0 || slots === 0) return null;
  const table = changetype<Table>(at);
  memory.fill(at, 0, offsetof<Table>());
  memory.fill(slots, 0, (<usize>4) << smallestBits);
  memory.copy(ownDimensions, dimensions, keys << 2);
  table.keys = keys;
  table.dimensions = ownDimensions;
  table.measures = ownMeasures;
  table.stride = keyBytes(keys) + (measures << 3);
  table.slotBits = smallestBits;
  table.slots = slots;
  table.slotsBytes = (<usize>4) << smallestBits;
  // A batch never needs more than the rest of one segment and the whole of the next.
  table.segmentBytes = blockBytes(max((<usize>1) << 16, segmentHead + <usize>batchRows * table.stride));
  const segment = allocate(table.segmentBytes);
  if (segment === 0) return null;
  store<usize>(segment, 0);
  table.firstSegment = segment;
  table.useSegment(segment);
  return table;
}

/** Bytes of a row before its sums. */
export function keyBytes(keys: u32): u32 {
  return ((keys + 1) & ~1) << 2;
}

export function addMeasure(table: Table, index: u32, term: u32, filter: i32): void {
  const measure = changetype<Measure>(table.measures + <usize>table.fed * offsetof<Measure>());
  table.fed++;
  measure.place = keyBytes(table.keys) + (index << 3);
  measure.term = term;
  measure.filter = filter;
}
