/**
 * The order of one measure within the cohorts of one link: which ranking answers for which cohort.
 *
 * Modes of a cohort:
 *   read    no state; its floats are read from the records when it is asked for (linear-ranking.ts)
 *   kept    in order (block-ranking.ts)
 * Up to `read` children it is always read, above `linear` always kept once a condition asks for it. In between that is a matter
 * of price: reading all children costs about what moving an eighth of them does. So it is read where a step touches many of them,
 * and kept again from one on that touches few; `before` and `sweep` (when no condition needs it) lead back to *read*.
 * A group's measure (`via`) is always read: its value changes for members that no delta touches.
 * Between `before` and `after` of a step a kept cohort is moved along. A member is found by its old key, which is taken from
 * the records before the delta is applied, so that no key is stored twice.
 * Cost: a touched member of a kept cohort O(log n), and O(128) to find it, in order of blocks where many are touched, or, where
 * most are, by a pass over the cohort for all of them; a read cohort O(n) once a version of the state.
 */
import type { Children } from '../children.ts';
import { assertLaw } from '../error.ts';
import { growUint32, IdList, roomFloat64, roomUint32 } from '../grow.ts';
import { type GrainState, MOVING } from '../grain-state.ts';
import { NONE } from '../hash-index.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import type { State } from '../state.ts';
import type { Work } from '../work.ts';
import { BlockRanking } from './block-ranking.ts';
import { buildRankings } from './build-rankings.ts';
import { LinearRanking } from './linear-ranking.ts';
import type { Ranking } from './ranking.ts';
import { largestDenominator, readKeys } from './read-keys.ts';

export interface RankLimits {
  /** Up to here an object a cohort would cost more than reading it. */
  readonly read: number;
  /** Up to here a pass over a touched cohort is allowed (law 7). */
  readonly linear: number;
}

export const rankLimits: RankLimits = { read: 64, linear: 16_384 };

/** A step that touches more than 1 / MANY of the children makes reading them all the cheaper way. */
const MANY = 8;
/** And one that touches less than 1 / FEW is worth the making of a structure. */
const FEW = 32;

/** Finding one member costs what a pass over this many does. */
const SCATTERED = 32;
/** Members that are worth putting in order of their blocks: by number, and as a part, 1 / TOGETHER, of all. */
const FEWEST_TOGETHER = 32;
const TOGETHER = 1024;

interface Kept {
  readonly cohort: number;
  readonly ranking: BlockRanking;
  /** A member of the fewest rows among those with the key `fewestKey`; NONE: not known. */
  fewest: number;
  fewestKey: number;
  fewestRows: number;
}

export class CohortOrder {
  readonly cohorts: Link;
  readonly measure: Measure;
  /** To the entities that have the measure; null if the members themselves have it. */
  readonly via: Link | null;
  private readonly state: State;
  private readonly grain: GrainState;
  private readonly children: Children;
  private readonly work: Work;
  private readonly limits: RankLimits;
  private kept: Kept[] = [];
  /** By cohort its place in `kept` + 1, or 0. */
  private slots = new Uint32Array(0);
  private readonly linear = new LinearRanking();
  private readonly list = new IdList();
  private readCohort = -1;
  private readVersion = -1;
  /** Cohorts that are read because steps move most of them. */
  private readonly crowded = new Set<number>();
  /** By cohort, for the version of the state that `touchedOf` was last asked about. */
  private touchedCounts = new Uint32Array(0);
  private countedVersion = -1;
  /** Touched entities of kept cohorts, cohort by cohort (by place in `kept` where each ends), their keys before the delta and after it. */
  private readonly moving = new IdList();
  private ends = new Uint32Array(0);
  private oldKeys = new Float64Array(0);
  private keys = new Float64Array(0);

  constructor(state: State, cohorts: Link, measure: Measure, via: Link | null, work: Work, limits: RankLimits) {
    this.state = state;
    this.grain = cohorts.from;
    this.cohorts = cohorts;
    this.children = cohorts.withChildren();
    this.measure = measure;
    this.via = via;
    this.work = work;
    this.limits = limits;
  }

  /** NaN for no member of its cohort, or one for which the measure is undefined. */
  key(entity: number): number {
    if (!this.grain.isMember(entity)) return Number.NaN;
    return this.measure.key(this.via === null ? entity : (this.via.parent[entity] as number));
  }

  /** Exact order of two members that have the measure. */
  compare(a: number, b: number): number {
    const { via } = this;
    return via === null ? this.measure.compare(a, b) : this.measure.compare(via.parent[a] as number, via.parent[b] as number);
  }

  /** The ranking of a cohort as it is now: valid until the next call for another cohort, or the next change. */
  ranking(cohort: number): Ranking {
    return this.keptOf(cohort)?.ranking ?? this.read(cohort);
  }

  /** From now on the cohort's ranking is kept, unless it is small or crowded. */
  keep(cohort: number): void {
    const count = this.children.count(cohort);
    if (this.via !== null || count <= this.limits.read || this.keptOf(cohort) !== undefined) return;
    if (count <= this.limits.linear && this.isCrowded(cohort, count)) return;
    this.children.collect(cohort, this.list);
    this.put(cohort, makeBlocks(this.list, this.grain, this.measure));
  }

  /** Whether reading is the cheaper way, by what the delta in hand touches. One that touches all tells nothing: it may have brought them. */
  private isCrowded(cohort: number, count: number): boolean {
    const touched = this.touchedOf(cohort);
    const isCrowded = this.crowded.has(cohort) ? touched * FEW >= count : touched * MANY > count && touched < count;
    if (isCrowded) this.crowded.add(cohort);
    else this.crowded.delete(cohort);
    return isCrowded;
  }

  /** `keep` for all of them, made together. */
  keepAll(cohorts: readonly number[]): void {
    if (this.via !== null) return;
    const large = cohorts.filter((cohort) => this.children.count(cohort) > this.limits.read && this.keptOf(cohort) === undefined);
    if (large.length === 0) return;
    const rankings = buildRankings(large, this.cohorts, this.measure);
    rankings.forEach((ranking, i) => this.put(large[i] as number, ranking));
  }

  private put(cohort: number, ranking: BlockRanking): void {
    this.work.moved += ranking.size;
    this.slots = growUint32(this.slots, cohort + 1);
    this.slots[cohort] = this.kept.push({ cohort, ranking, fewest: NONE, fewestKey: Number.NaN, fewestRows: 0 });
  }

  /** Changes with the state. */
  get version(): number {
    return this.state.version;
  }

  /**
   * Of the members with this key one that has the fewest rows, or null for an integer measure. A kept cohort remembers the last
   * one found, so that a cut between a million ties is not looked through at each step.
   */
  fewest(cohort: number, key: number): number | null {
    if (this.measure.denominator === null) return null;
    const kept = this.keptOf(cohort);
    if (kept !== undefined && kept.fewest !== NONE && kept.fewestKey === key) return kept.fewest;
    this.list.clear();
    this.ranking(cohort).collect(key, key, this.list);
    let fewest = this.list.ids[0] as number;
    for (let i = 1; i < this.list.length; i++) {
      const member = this.list.ids[i] as number;
      if (this.rows(member) < this.rows(fewest)) fewest = member;
    }
    if (kept !== undefined) Object.assign(kept, { fewest, fewestKey: key, fewestRows: this.rows(fewest) });
    return fewest;
  }

  dropAll(): void {
    for (const { cohort } of this.kept) this.slots[cohort] = 0;
    this.kept = [];
  }

  /** Drops what is kept of touched cohorts that nothing needs any more. */
  sweep(isNeeded: (cohort: number) => boolean): void {
    if (this.kept.length === 0) return;
    const { ids, length } = this.cohorts.to.touched;
    for (let i = 0; i < length; i++) {
      const cohort = ids[i] as number;
      if (this.keptOf(cohort) !== undefined && !isNeeded(cohort)) this.drop(cohort);
    }
  }

  before(): void {
    this.moving.clear();
    if (this.kept.length === 0) return;
    const { ids, length } = this.grain.touched;
    this.slots = growUint32(this.slots, this.cohorts.to.table.size);
    this.list.reserve(length);
    this.list.length = copyKept(ids, length, this.cohorts.parent, this.slots, this.list.ids);
    this.group();
    if (this.dropCrowded()) {
      this.list.length = copyKept(ids, length, this.cohorts.parent, this.slots, this.list.ids);
      this.group();
    }
    this.oldKeys = this.keysOfMoving(this.oldKeys);
  }

  after(): void {
    const { length } = this.moving;
    this.keys = this.keysOfMoving(this.keys);
    for (let slot = 0, start = 0; start < length; slot++) {
      const end = this.ends[slot] as number;
      this.moveAlong(this.kept[slot] as Kept, start, end);
      start = end;
    }
  }

  /** Moves the touched members [start, end) of `moving`, which are those of one cohort. */
  private moveAlong(kept: Kept, start: number, end: number): void {
    const { keys, oldKeys } = this;
    const { ids } = this.moving;
    const { ranking } = kept;
    const { denominator } = this.measure;
    const { marks } = this.grain;
    const isMarked = (end - start) * SCATTERED > ranking.size;
    if (!isMarked && end - start >= FEWEST_TOGETHER && (end - start) * TOGETHER > ranking.size) {
      if (denominator !== null)
        for (let i = start; i < end; i++) this.noteRows(kept, ids[i] as number, keys[i] as number, denominator.float(ids[i] as number));
      this.work.moved += ranking.moveAll(ids, oldKeys, keys, start, end);
      return;
    }
    let marked = 0;
    for (let i = start; i < end; i++) {
      const entity = ids[i] as number;
      const key = keys[i] as number;
      const old = oldKeys[i] as number;
      if (denominator !== null) this.noteRows(kept, entity, key, denominator.float(entity));
      if (isMarked && key !== old && !Number.isNaN(old)) {
        marks[entity] = (marks[entity] as number) | MOVING;
        marked++;
      } else this.move(ranking, entity, old, key);
    }
    if (marked === 0) return;
    const moved = ranking.moveMarked(marks, MOVING, (entity) => this.key(entity));
    assertLaw(moved === marked, 'members that are moved were in their ranking');
    this.work.moved += moved;
  }

  /** Whether a kept cohort was dropped because most of it is about to move. */
  private dropCrowded(): boolean {
    const crowded = this.kept.filter(({ cohort }, slot) => {
      const moving = (this.ends[slot] as number) - (slot === 0 ? 0 : (this.ends[slot - 1] as number));
      const count = this.children.count(cohort);
      return count <= this.limits.linear && moving * MANY > count;
    });
    for (const { cohort } of crowded) {
      this.drop(cohort);
      this.crowded.add(cohort);
    }
    return crowded.length > 0;
  }

  /** Number of its children that the delta in hand touches. */
  private touchedOf(cohort: number): number {
    if (this.countedVersion !== this.state.version) {
      const { ids, length } = this.grain.touched;
      this.touchedCounts = roomUint32(this.touchedCounts, this.cohorts.to.table.size);
      this.touchedCounts.fill(0, 0, this.cohorts.to.table.size);
      countParents(ids, length, this.cohorts.parent, this.touchedCounts);
      this.countedVersion = this.state.version;
    }
    return this.touchedCounts[cohort] as number;
  }

  /** Sorts `list` into `moving` by cohort: what is moved within one ranking is moved in a row, while the cache has it. */
  private group(): void {
    const { ids, length } = this.list;
    const { parent } = this.cohorts;
    const slots = this.kept.length;
    this.ends = roomUint32(this.ends, slots + 1);
    this.ends.fill(0, 0, slots + 1);
    this.moving.reserve(length);
    this.moving.length = length;
    for (let i = 0; i < length; i++) (this.ends[this.slots[parent[ids[i] as number] as number] as number] as number)++;
    for (let slot = 1; slot <= slots; slot++) this.ends[slot] = (this.ends[slot] as number) + (this.ends[slot - 1] as number);
    // ends[slot] is where the next of the kept cohort `slot` goes (slots count from 1), and its end afterwards.
    for (let i = 0; i < length; i++) {
      const slot = (this.slots[parent[ids[i] as number] as number] as number) - 1;
      const at = this.ends[slot] as number;
      this.moving.ids[at] = ids[i] as number;
      this.ends[slot] = at + 1;
    }
  }

  private noteRows(kept: Kept, entity: number, key: number, rows: number): void {
    if (rows > kept.ranking.largest) kept.ranking.largest = rows;
    if (entity === kept.fewest) kept.fewest = NONE;
    else if (key === kept.fewestKey && rows < kept.fewestRows && kept.fewest !== NONE) {
      kept.fewest = entity;
      kept.fewestRows = rows;
    }
  }

  /** The denominator of a member's average. */
  private rows(member: number): number {
    return this.measure.denominator?.float(this.via === null ? member : (this.via.parent[member] as number)) ?? 1;
  }

  private move(ranking: BlockRanking, entity: number, old: number, key: number): void {
    if (key === old) return;
    if (Number.isNaN(old)) {
      if (Number.isNaN(key)) return;
      ranking.insert(key, entity);
    } else if (Number.isNaN(key)) ranking.remove(old, entity);
    else ranking.move(old, key, entity);
    this.work.moved++;
  }

  private keysOfMoving(keys: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
    const room = roomFloat64(keys, this.moving.length);
    readKeys(this.moving.ids, this.moving.length, this.grain, this.measure, null, room);
    return room;
  }

  private keptOf(cohort: number): Kept | undefined {
    const slot = this.slots[cohort];
    return slot === undefined || slot === 0 ? undefined : this.kept[slot - 1];
  }

  /** The last one takes the place. */
  private drop(cohort: number): void {
    const slot = this.slots[cohort] as number;
    const last = this.kept.pop();
    this.slots[cohort] = 0;
    if (last === undefined || last.cohort === cohort) return;
    this.kept[slot - 1] = last;
    this.slots[last.cohort] = slot;
  }

  private read(cohort: number): LinearRanking {
    if (this.readCohort !== cohort || this.readVersion !== this.state.version) {
      this.children.collect(cohort, this.list);
      this.linear.read(this.list, this.grain, this.measure, this.via);
      this.readCohort = cohort;
      this.readVersion = this.state.version;
    }
    return this.linear;
  }
}

/** Of the children that are members and have the measure. */
function makeBlocks({ ids, length }: IdList, grain: GrainState, measure: Measure): BlockRanking {
  const keys = new Float64Array(length);
  const members = ids.slice(0, length);
  readKeys(members, length, grain, measure, null, keys);
  const largest = largestDenominator(members, keys, length, measure.denominator, null);
  let size = 0;
  for (let i = 0; i < length; i++) {
    const key = keys[i] as number;
    keys[size] = key;
    members[size] = members[i] as number;
    if (!Number.isNaN(key)) size++;
  }
  return BlockRanking.from(keys.subarray(0, size), members.subarray(0, size), largest);
}

function copyKept(ids: Uint32Array, length: number, parent: Uint32Array, slots: Uint32Array, out: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < length; i++) {
    const entity = ids[i] as number;
    out[count] = entity;
    if (slots[parent[entity] as number] !== 0) count++;
  }
  return count;
}

function countParents(ids: Uint32Array, length: number, parent: Uint32Array, counts: Uint32Array): void {
  for (let i = 0; i < length; i++) {
    const cohort = parent[ids[i] as number] as number;
    counts[cohort] = (counts[cohort] as number) + 1;
  }
}
