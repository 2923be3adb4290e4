/**
 * The order of one measure within the cohorts of one link: which ranking answers for which cohort.
 *
 * Modes of a cohort, by its number of children when `keep` is called:
 *   read    up to `read`: no state; its floats are read from the columns when it is asked for
 *   floats  up to `linear`: its floats are kept (linear-ranking.ts)
 *   blocks  above: it is kept in order (block-ranking.ts)
 * `keep` leads on to the next mode as a cohort grows; `sweep` leads back to *read* when no condition needs it.
 * A group's measure (`via`) is always read: its value changes for members that no delta touches.
 * Between `before` and `after` of a step a kept cohort is moved along. Blocks find a member by its old key, which is taken
 * from the columns before the delta is applied, so that no key is stored twice.
 * Cost: a touched member of a kept cohort O(1) as floats, O(log n) in blocks; a read cohort O(n) once a version of the state.
 */
import { growUint32, IdList, roomFloat64 } from '../grow.ts';
import type { GrainState } from '../grain-state.ts';
import type { Children } from '../children.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import type { State } from '../state.ts';
import type { Work } from '../work.ts';
import { BlockRanking } from './block-ranking.ts';
import { LinearRanking, Scratch } from './linear-ranking.ts';
import type { Ranking } from './ranking.ts';
import { readKeys } from './read-keys.ts';

export interface RankLimits {
  /** Up to here an object a cohort would cost more than reading it. */
  readonly read: number;
  /** Up to here a pass over a touched cohort is allowed, and cheaper than an order (law 7). */
  readonly linear: number;
}

export const rankLimits: RankLimits = { read: 64, linear: 16_384 };

/** Exactly one of the two rankings. */
interface Kept {
  readonly cohort: number;
  readonly floats: LinearRanking | null;
  readonly blocks: BlockRanking | null;
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
  private readonly scratch = new Scratch();
  private readonly linear = new LinearRanking(this.scratch);
  private readonly list = new IdList();
  private readCohort = -1;
  private readVersion = -1;
  /** Touched entities of kept cohorts, their keys before the delta and after it. */
  private readonly moving = new IdList();
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
    const kept = this.keptOf(cohort);
    return kept === undefined ? this.read(cohort) : (kept.blocks ?? kept.floats ?? this.read(cohort));
  }

  /** From now on the cohort's ranking is kept, unless it is small. */
  keep(cohort: number): void {
    const count = this.children.count(cohort);
    if (this.via !== null || count <= this.limits.read) return;
    const kept = this.keptOf(cohort);
    if (kept !== undefined && (kept.blocks !== null || count <= this.limits.linear)) return;
    const floats = new LinearRanking(this.scratch);
    this.children.collect(cohort, this.list);
    floats.read(this.list, this.grain, this.measure, null);
    this.work.moved += floats.size;
    this.put(count <= this.limits.linear ? { cohort, floats, blocks: null } : { cohort, floats: null, blocks: makeBlocks(floats) });
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
    if (!this.kept.some((kept) => kept.blocks !== null)) return;
    this.findMoving();
    this.oldKeys = this.keysOfMoving(this.oldKeys);
  }

  after(): void {
    if (this.kept.length === 0) return;
    for (const { cohort, floats } of this.kept) floats?.extend(this.children.count(cohort));
    this.findMoving();
    this.keys = this.keysOfMoving(this.keys);
    this.noteDenominators();
    const { ids, length } = this.moving;
    const { keys, oldKeys } = this;
    for (let i = 0; i < length; i++) {
      const entity = ids[i] as number;
      const { floats, blocks } = this.kept[(this.slots[this.cohorts.parent[entity] as number] as number) - 1] as Kept;
      if (floats !== null) {
        if (floats.put(this.children.position(entity), entity, keys[i] as number)) this.work.moved++;
      } else if (blocks !== null) this.move(blocks, entity, oldKeys[i] as number, keys[i] as number);
    }
  }

  /** The touched entities of kept cohorts. */
  private findMoving(): void {
    const { ids, length } = this.grain.touched;
    this.slots = growUint32(this.slots, this.cohorts.to.table.size);
    this.moving.reserve(length);
    this.moving.length = copyKept(ids, length, this.cohorts.parent, this.slots, this.moving.ids);
  }

  private keysOfMoving(keys: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
    const room = roomFloat64(keys, this.moving.length);
    readKeys(this.moving.ids, this.moving.length, this.grain, this.measure, null, room);
    return room;
  }

  private noteDenominators(): void {
    const { denominator } = this.measure;
    if (denominator === null) return;
    const { ids, length } = this.moving;
    for (let i = 0; i < length; i++) {
      const entity = ids[i] as number;
      const { floats, blocks } = this.kept[(this.slots[this.cohorts.parent[entity] as number] as number) - 1] as Kept;
      const ranking = floats ?? blocks;
      const own = denominator.float(entity);
      if (ranking !== null && own > ranking.largest) ranking.largest = own;
    }
  }

  private move(ranking: BlockRanking, entity: number, old: number, key: number): void {
    if (key === old || (Number.isNaN(key) && Number.isNaN(old))) return;
    if (!Number.isNaN(old)) ranking.remove(old, entity);
    if (!Number.isNaN(key)) ranking.insert(key, entity);
    this.work.moved++;
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

  private put(kept: Kept): void {
    this.slots = growUint32(this.slots, kept.cohort + 1);
    const slot = this.slots[kept.cohort] as number;
    if (slot > 0) this.kept[slot - 1] = kept;
    else this.slots[kept.cohort] = this.kept.push(kept);
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

function makeBlocks(floats: LinearRanking): BlockRanking {
  const { keys, ids } = floats.copy();
  return BlockRanking.from(keys, ids, floats.largest);
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
