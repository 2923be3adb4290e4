/**
 * The order of one measure within the cohorts of one link: which ranking answers for which cohort.
 *
 * Modes of a cohort: *read* (no state; the linear ranking reads it when asked) and *kept* (a block ranking), entered by
 * `keep` when it is asked for with more than LINEAR_LIMIT children, left by `sweep` when no condition needs it.
 * A group's measure (`via`) is always read: its value changes for members that no delta touches.
 * Between `before` and `after` of a step a kept cohort is moved along: old keys are taken from the columns before the delta
 * is applied, so no key is stored twice.
 * Cost: a touched member of a kept cohort O(log n); a read cohort O(n) once a version of the state.
 */
import { roomFloat64, IdList } from '../grow.ts';
import type { GrainState } from '../grain-state.ts';
import type { Children } from '../children.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import type { State } from '../state.ts';
import type { Work } from '../work.ts';
import { BlockRanking } from './block-ranking.ts';
import { LinearRanking } from './linear-ranking.ts';
import type { Ranking } from './ranking.ts';

/** Up to here a pass over a touched cohort is allowed, and cheaper (law 7). */
export const LINEAR_LIMIT = 16_384;

export class CohortOrder {
  readonly cohorts: Link;
  readonly measure: Measure;
  /** To the entities that have the measure; null if the members themselves have it. */
  readonly via: Link | null;
  private readonly state: State;
  private readonly grain: GrainState;
  private readonly children: Children;
  private readonly work: Work;
  private readonly limit: number;
  private readonly kept = new Map<number, BlockRanking>();
  private readonly linear = new LinearRanking();
  private readonly list = new IdList();
  private readCohort = -1;
  private readVersion = -1;
  private oldKeys = new Float64Array(0);

  constructor(state: State, cohorts: Link, measure: Measure, via: Link | null, work: Work, limit = LINEAR_LIMIT) {
    this.state = state;
    this.grain = cohorts.from;
    this.cohorts = cohorts;
    this.children = cohorts.withChildren();
    this.measure = measure;
    this.via = via;
    this.work = work;
    this.limit = limit;
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
    return this.kept.get(cohort) ?? this.read(cohort);
  }

  /** From now on a large cohort is kept in order. */
  keep(cohort: number): void {
    if (this.via !== null || this.children.count(cohort) <= this.limit || this.kept.has(cohort)) return;
    const linear = this.read(cohort);
    const { keys, ids } = linear.copy();
    this.kept.set(cohort, BlockRanking.from(keys, ids, linear.largest));
    this.work.moved += keys.length;
  }

  dropAll(): void {
    this.kept.clear();
  }

  /** Drops the kept cohorts that nothing needs. */
  sweep(isNeeded: (cohort: number) => boolean): void {
    for (const cohort of this.kept.keys()) if (!isNeeded(cohort)) this.kept.delete(cohort);
  }

  before(): void {
    if (this.kept.size === 0) return;
    const { ids, length } = this.grain.touched;
    this.oldKeys = roomFloat64(this.oldKeys, length);
    for (let i = 0; i < length; i++) {
      const entity = ids[i] as number;
      if (this.kept.has(this.cohorts.parent[entity] as number)) this.oldKeys[i] = this.key(entity);
    }
  }

  after(): void {
    if (this.kept.size === 0) return;
    const { ids, length } = this.grain.touched;
    for (let i = 0; i < length; i++) {
      const entity = ids[i] as number;
      const ranking = this.kept.get(this.cohorts.parent[entity] as number);
      if (ranking !== undefined) this.move(ranking, entity, this.oldKeys[i] as number);
    }
  }

  private move(ranking: BlockRanking, entity: number, old: number): void {
    const key = this.key(entity);
    const { denominator } = this.measure;
    if (denominator !== null) ranking.largest = Math.max(ranking.largest, denominator.float(entity));
    if (key === old || (Number.isNaN(key) && Number.isNaN(old))) return;
    if (!Number.isNaN(old)) ranking.remove(old, entity);
    if (!Number.isNaN(key)) ranking.insert(key, entity);
    this.work.moved++;
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
