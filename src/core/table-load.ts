/**
 * One statistics table on its way into the state: rows in any order, each of its entities once.
 *
 * A row is put where its entity is, in columns of the final size and in the index. What has to be in order of entities (links,
 * sums of coarser grains, distinct counts) follows piece by piece, as soon as all rows of a piece are there. So a table may be
 * read as it lies, which after many folds is no longer the order of its ids, and one that lies in order costs no second pass at the end.
 * Cost: O(rows * (grains + measures)), with a few large arrays and none a row.
 */
import type { TableRows } from './detector.ts';
import { assertLaw } from './error.ts';
import type { GrainState } from './grain-state.ts';
import type { State } from './state.ts';

/** Entities of a piece: scratch stays small, and whoever sends the rows is read from again before it has to wait. */
const PIECE_BITS = 12;
const PIECE = 1 << PIECE_BITS;
/** In `marks` of the grain, until the entity's piece is taken over. */
const PLACED = 1;

export class TableLoad {
  private readonly state: State;
  private readonly b: number;
  private readonly base: GrainState;
  private readonly first: number;
  private readonly end: number;
  /** By piece of the rows from `first` on. */
  private readonly placed: Uint32Array;
  private pieces = 0;

  /** `size` rows of base `b`, behind those that are there. */
  constructor(state: State, b: number, size: number) {
    this.state = state;
    this.b = b;
    this.base = state.grain(state.bases[b] as number);
    this.first = this.base.table.size;
    this.end = this.first + size;
    this.placed = new Uint32Array(Math.ceil(size / PIECE));
    this.base.reserve(this.end);
  }

  get isComplete(): boolean {
    return this.pieces === this.placed.length;
  }

  add({ entities, keys, additive, size }: TableRows): void {
    const { base, first, end } = this;
    this.state.checkPart(this.b, { keys, additive, size });
    assertLaw(entities.length >= size && areWithin(entities, size, first, end), 'ids of a loaded table are dense');
    assertLaw(claim(base.marks, entities, size), 'a loaded table has each entity once');
    base.table.place(entities, keys, size);
    base.records.add(entities, additive, size);
    base.records.clearCrossings();
    count(this.placed, entities, size, first);
    while (!this.isComplete && this.placed[this.pieces] === this.sizeOf(this.pieces)) this.takeOver();
  }

  private sizeOf(piece: number): number {
    return Math.min(PIECE, this.end - this.first - piece * PIECE);
  }

  private takeOver(): void {
    const from = this.first + this.pieces * PIECE;
    const to = from + this.sizeOf(this.pieces);
    this.base.marks.fill(0, from, to);
    this.state.adopt(this.b, to);
    this.pieces++;
    if (this.isComplete) this.base.table.indexAll();
  }
}

function areWithin(ids: Uint32Array, count: number, first: number, end: number): boolean {
  for (let i = 0; i < count; i++) if ((ids[i] as number) < first || (ids[i] as number) >= end) return false;
  return true;
}

/** False if one is there already. */
function claim(marks: Uint8Array, entities: Uint32Array, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const entity = entities[i] as number;
    if (marks[entity] !== 0) return false;
    marks[entity] = PLACED;
  }
  return true;
}

function count(placed: Uint32Array, entities: Uint32Array, size: number, first: number): void {
  for (let i = 0; i < size; i++) {
    const piece = ((entities[i] as number) - first) >>> PIECE_BITS;
    placed[piece] = (placed[piece] as number) + 1;
  }
}
