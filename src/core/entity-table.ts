/**
 * The entities of one grain: k value ids -> dense entity id 0, 1, ... in order of first appearance, never reused.
 *
 * State: k columns of Uint32 (the keys by entity) and, by k:
 *   0  nothing: there is at most one entity, 0
 *   1  a column value id -> entity id + 1
 *   2+ a HashIndex over the key; equality is decided by the columns
 * Cost: expected O(k) a key; 4k bytes an entity and 11 to 16 for the index. Columns grow in place once they are large (grow.ts),
 * the index by segments: no long pause.
 */
import { assertLaw } from './error.ts';
import { exactUint32, firstIds, growUint32 } from './grow.ts';
import { hashPair, hashRow } from './hash.ts';
import { HashIndex, NONE } from './hash-index.ts';

const BATCH = 512;
/** Entities that the index takes at a time while a table is loaded: the more, the less each costs. */
const STRIDE = 1 << 20;

/** Entities on their way into the index. */
interface Waiting {
  readonly hashes: Uint32Array;
  readonly ids: Uint32Array;
  count: number;
}

export class EntityTable {
  size = 0;
  /** One a dimension of the grain; only the first `size` of each are meaningful. */
  readonly columns: Uint32Array<ArrayBuffer>[] = [];
  private readonly index: HashIndex | null;
  private direct = new Uint32Array(0);
  /** Of a table that is loaded: placed, but not found yet. */
  private waiting: Waiting | null = null;
  /** Those that were waiting before. */
  private indexing: Generator<boolean, void, void> | null = null;

  constructor(width: number) {
    for (let i = 0; i < width; i++) this.columns.push(new Uint32Array(16));
    this.index = width > 1 ? new HashIndex() : null;
  }

  /** Writes to out[at + i] the entity of (keys[0][i], keys[1][i], ...), made if new, for i < count. */
  resolve(keys: readonly Uint32Array[], count: number, out: Uint32Array, at: number): void {
    assertLaw(keys.length === this.columns.length, 'a key has one value for each dimension of its grain');
    assertLaw(this.size + count < NONE, 'a grain has fewer than 2^32 - 1 entities');
    assertLaw(this.waiting === null, 'keys are looked up after loading');
    for (let k = 0; k < keys.length; k++) this.columns[k] = growUint32(this.columns[k] as Uint32Array<ArrayBuffer>, this.size + count);
    const [first, second] = keys;
    if (first === undefined) this.resolveNone(count, out, at);
    else if (second === undefined) this.resolveOne(first, count, out, at);
    else if (keys.length === 2) this.resolveTwo(first, second, count, out, at);
    else this.resolveMany(keys, count, out, at);
  }

  /** Room for so many entities. */
  reserve(size: number): void {
    assertLaw(size < NONE, 'a grain has fewer than 2^32 - 1 entities');
    for (let k = 0; k < this.columns.length; k++) this.columns[k] = exactUint32(this.columns[k] as Uint32Array<ArrayBuffer>, size);
    if (this.size === 0) this.index?.reserve(size);
  }

  /** Gives entities beyond `size`, for which there is room, their keys. They are found after `indexAll`. */
  place(entities: Uint32Array, keys: readonly Uint32Array[], count: number): void {
    for (let k = 0; k < keys.length; k++) scatter(keys[k] as Uint32Array, entities, count, this.columns[k] as Uint32Array);
    const [first] = keys;
    if (first === undefined) return;
    if (this.index === null) this.placeOne(first, entities, count);
    else for (let from = 0; from < count; from += STRIDE) this.wait(keys, entities, from, Math.min(count, from + STRIDE));
  }

  /** Entities up to `end`, which are placed, appear. */
  adopt(end: number): void {
    this.size = end;
    if (this.columns.length === 0) assertLaw(end <= 1, 'a grain without dimensions has one entity');
  }

  /** All placed entities are found from now on. */
  indexAll(): void {
    this.indexWaiting();
    while (this.indexSome());
    this.waiting = null;
  }

  private placeOne(values: Uint32Array, entities: Uint32Array, count: number): void {
    const most = values.subarray(0, count).reduce((most, value) => Math.max(most, value), 0);
    this.direct = growUint32(this.direct, most + 1);
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      assertLaw(this.direct[value] === 0, 'a loaded table has each key once');
      this.direct[value] = (entities[i] as number) + 1;
    }
  }

  /** At most `STRIDE` rows. A part of those that waited before is indexed meanwhile, so that there is no long pause. */
  private wait(keys: readonly Uint32Array[], entities: Uint32Array, from: number, to: number): void {
    this.waiting ??= { hashes: new Uint32Array(STRIDE), ids: new Uint32Array(STRIDE), count: 0 };
    const { waiting } = this;
    if (waiting.count + to - from > STRIDE) this.indexWaiting();
    hashAll(keys, from, to, waiting.hashes, waiting.count);
    waiting.ids.set(entities.subarray(from, to), waiting.count);
    waiting.count += to - from;
    this.indexSome();
  }

  /** Begins with those that wait, after those before them. */
  private indexWaiting(): void {
    while (this.indexSome());
    if (this.index === null || this.waiting === null) return;
    const { hashes, ids, count } = this.waiting;
    this.indexing = this.index.addAll(hashes.subarray(0, count), ids.subarray(0, count), (a, b) => this.same(a, this.columns, b));
    this.waiting.count = 0;
    this.indexSome();
  }

  /** Goes on with those that waited before; whether there were any. */
  private indexSome(): boolean {
    if (this.indexing === null) return false;
    const { done, value } = this.indexing.next();
    assertLaw(value !== false, 'a loaded table has each key once');
    if (done === true) this.indexing = null;
    return true;
  }

  /** NONE if there is no such entity. */
  find(key: readonly number[]): number {
    const [first] = key;
    if (first === undefined) return this.size > 0 ? 0 : NONE;
    if (this.index === null) return (this.direct[first] ?? 0) === 0 ? NONE : (this.direct[first] as number) - 1;
    const single = key.map((value) => Uint32Array.of(value));
    const hash = hashRow(single, 0);
    let id = this.index.first(hash);
    while (id !== NONE && !this.same(id, single, 0)) id = this.index.next(hash);
    return id;
  }

  private resolveNone(count: number, out: Uint32Array, at: number): void {
    if (count > 0) this.size = 1;
    out.fill(0, at, at + count);
  }

  private resolveOne(values: Uint32Array, count: number, out: Uint32Array, at: number): void {
    const column = this.columns[0] as Uint32Array;
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (value >= this.direct.length) this.direct = growUint32(this.direct, value + 1);
      let idPlus1 = this.direct[value] as number;
      if (idPlus1 === 0) {
        column[this.size] = value;
        idPlus1 = ++this.size;
        this.direct[value] = idPlus1;
      }
      out[at + i] = idPlus1 - 1;
    }
  }

  private resolveTwo(first: Uint32Array, second: Uint32Array, count: number, out: Uint32Array, at: number): void {
    const index = this.index as HashIndex;
    const [columnA, columnB] = this.columns as [Uint32Array, Uint32Array];
    if (this.size === 0) {
      this.addPairs(first, second, firstIds(count), count, out, at);
      return;
    }
    const missing = new Uint32Array(Math.min(count, BATCH));
    // Guesses first, in a loop that does nothing else: the processor overlaps its cache misses. Few at a time: what it has fetched
    // is still there when the guesses are looked at.
    for (let from = 0; from < count; from += BATCH) {
      const to = Math.min(count, from + BATCH);
      guessPairs(index, first, second, from, to, out, at);
      const missed = checkPairs(columnA, columnB, first, second, from, to, out, at, missing);
      this.addPairs(first, second, missing, missed, out, at);
    }
  }

  /** Finds or makes the entities of some rows. */
  private addPairs(first: Uint32Array, second: Uint32Array, rows: Uint32Array, count: number, out: Uint32Array, at: number): void {
    for (let k = 0; k < count; k++) {
      const i = rows[k] as number;
      out[at + i] = this.findOrAddPair(first[i] as number, second[i] as number);
    }
  }

  private findOrAddPair(a: number, b: number): number {
    const index = this.index as HashIndex;
    const columnA = this.columns[0] as Uint32Array;
    const columnB = this.columns[1] as Uint32Array;
    const hash = hashPair(a, b);
    let id = index.first(hash);
    while (id !== NONE && (columnA[id] !== a || columnB[id] !== b)) id = index.next(hash);
    if (id === NONE) {
      id = this.size++;
      columnA[id] = a;
      columnB[id] = b;
      index.insert(hash, id);
    }
    return id;
  }

  private resolveMany(keys: readonly Uint32Array[], count: number, out: Uint32Array, at: number): void {
    const index = this.index as HashIndex;
    for (let i = 0; i < count; i++) {
      const hash = hashRow(keys, i);
      let id = index.first(hash);
      while (id !== NONE && !this.same(id, keys, i)) id = index.next(hash);
      if (id === NONE) {
        id = this.size++;
        for (let k = 0; k < keys.length; k++) (this.columns[k] as Uint32Array)[id] = (keys[k] as Uint32Array)[i] as number;
        index.insert(hash, id);
      }
      out[at + i] = id;
    }
  }

  private same(id: number, keys: readonly Uint32Array[], row: number): boolean {
    for (let k = 0; k < keys.length; k++) if ((this.columns[k] as Uint32Array)[id] !== (keys[k] as Uint32Array)[row]) return false;
    return true;
  }
}

/** The first entities whose hash is that of the key, or NONE. */
function guessPairs(
  index: HashIndex,
  first: Uint32Array,
  second: Uint32Array,
  from: number,
  to: number,
  out: Uint32Array,
  at: number,
): void {
  for (let i = from; i < to; i++) out[at + i] = index.peek(hashPair(first[i] as number, second[i] as number));
}

/** Of rows [from, to), to out[at], out[at + 1], ... */
function hashAll(keys: readonly Uint32Array[], from: number, to: number, out: Uint32Array, at: number): void {
  const [first, second] = keys;
  const shift = at - from;
  if (keys.length !== 2 || first === undefined || second === undefined) for (let i = from; i < to; i++) out[i + shift] = hashRow(keys, i);
  else for (let i = from; i < to; i++) out[i + shift] = hashPair(first[i] as number, second[i] as number);
}

function scatter(column: Uint32Array, entities: Uint32Array, count: number, out: Uint32Array): void {
  for (let i = 0; i < count; i++) out[entities[i] as number] = column[i] as number;
}

/** Lists the rows whose guess is not their entity; how many there are. */
function checkPairs(
  columnA: Uint32Array,
  columnB: Uint32Array,
  first: Uint32Array,
  second: Uint32Array,
  from: number,
  to: number,
  guesses: Uint32Array,
  at: number,
  missing: Uint32Array,
): number {
  let missed = 0;
  for (let i = from; i < to; i++) {
    const guess = guesses[at + i] as number;
    missing[missed] = i;
    missed += guess === NONE || columnA[guess] !== first[i] || columnB[guess] !== second[i] ? 1 : 0;
  }
  return missed;
}
