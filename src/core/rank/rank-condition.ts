/**
 * `measure in top | bottom p% of cohort` for one pattern.
 *
 * Formula: with n members that have the measure, ordered best first, and K = floor(P (n - 1) / 10^(k+2)) for p = P / 10^k, the
 * cut is the value at index K, and a member is in iff its value is not worse than the cut. (b counts the strictly better
 * ones. Value not worse than that at index K: the first of its ties stands at index b <= K. Worse: b >= K + 1. And b is an
 * integer, so b <= K iff 10^(k+2) b <= P (n - 1).)
 *
 * State, by cohort: float key of the cut, a member that has the value of the cut, n (UNKNOWN: no cut is known).
 * Contract of a known cut: it is that of the state as of the last step that touched the cohort, so that of the members that
 * no delta touched since, exactly those between it and the cut of now come in. `refresh` names them; where no cut was known,
 * it names all members that are in.
 *
 * Exact: float keys that differ decide. Equal ones may hide different values only where the measure `isDoubtful`; then the
 * cut's member is chosen among its ties by exact order, and ties are compared exactly.
 */
import type { SumAndNumber } from '../detection.ts';
import { growUint32, IdList } from '../grow.ts';
import type { BoundDecimal } from '../plan.ts';
import type { Work } from '../work.ts';
import type { CohortOrder } from './cohort-order.ts';
import { nextAbove, nextBelow, type Ranking } from './ranking.ts';

const UNKNOWN = 0xffffffff;

export interface Standing {
  /** Members strictly better. */
  readonly b: number;
  /** Members that have the measure. */
  readonly n: number;
  /** The largest b that is in. */
  readonly allowed: number;
  /** The last value that is in. */
  readonly cutoff: string | SumAndNumber;
}

export class RankCondition {
  readonly order: CohortOrder;
  readonly top: boolean;
  private readonly percent: bigint;
  private readonly divisor: bigint;
  private readonly work: Work;
  private readonly ties = new IdList();
  private cutKey = new Float64Array(0);
  private cutMember = new Uint32Array(0);
  private cutCount = new Uint32Array(0);
  /** Whether any cut was ever doubtful: then members with the float key of the old cut may have been out. */
  private doubted = false;
  /** The last cutoff told, and of which cohort in which version of the state: detections of a step share theirs. */
  private told: { readonly cohort: number; readonly version: number; readonly cutoff: string | SumAndNumber } | null = null;

  constructor(order: CohortOrder, direction: 'top' | 'bottom', percent: BoundDecimal, work: Work) {
    this.order = order;
    this.top = direction === 'top';
    this.percent = percent.units;
    this.divisor = 10n ** BigInt(percent.digits + 2);
    this.work = work;
  }

  cohortOf(entity: number): number {
    return this.order.cohorts.parent[entity] as number;
  }

  /** Whether a member is in. */
  holds(entity: number): boolean {
    const key = this.order.key(entity);
    if (Number.isNaN(key)) return false;
    const cohort = this.cohortOf(entity);
    if (this.known(cohort) === UNKNOWN) this.compute(cohort);
    const cut = this.cutKey[cohort] as number;
    if (key !== cut) return this.top ? key > cut : key < cut;
    const order = this.order.compare(entity, this.cutMember[cohort] as number);
    return this.top ? order >= 0 : order <= 0;
  }

  /** Keeps the members of the list that are in. */
  keep(list: IdList): void {
    list.keep((entity) => this.holds(entity));
  }

  /** The cut of now; appends to `list` the members that may have come in without being touched (and maybe others that are in). */
  refresh(cohort: number, list: IdList): void {
    const oldCount = this.known(cohort);
    const old = this.cutKey[cohort] ?? 0;
    const ranking = this.compute(cohort);
    if (ranking.size === 0) return;
    const cut = this.cutKey[cohort] as number;
    // A group's measure moves members that nobody touched: all that are in have to be looked at.
    const from = oldCount === UNKNOWN || oldCount === 0 || this.order.via !== null ? null : old;
    const length = list.length;
    if (this.top) {
      const high = from === null ? Number.POSITIVE_INFINITY : this.doubted ? from : nextBelow(from);
      if (cut <= high) ranking.collect(cut, high, list);
    } else {
      const low = from === null ? Number.NEGATIVE_INFINITY : this.doubted ? from : nextAbove(from);
      if (low <= cut) ranking.collect(low, cut, list);
    }
    this.work.moved += list.length - length;
  }

  /** The cut of now, if none is known. */
  findCut(cohort: number): void {
    if (this.known(cohort) === UNKNOWN) this.compute(cohort);
  }

  /** Nothing is known about the cohort's cut from now on. */
  forget(cohort: number): void {
    if (cohort < this.cutCount.length) this.cutCount[cohort] = UNKNOWN;
  }

  forgetAll(): void {
    this.cutCount.fill(UNKNOWN);
    this.order.dropAll();
  }

  /** Where a member that has the measure stands now. Changes nothing. */
  standing(entity: number): Standing {
    const cohort = this.cohortOf(entity);
    const ranking = this.order.ranking(cohort);
    const key = this.order.key(entity);
    const n = ranking.size;
    let b = this.top ? n - ranking.countAtMost(key) : ranking.countBelow(key);
    if (this.order.measure.isDoubtful(key, ranking.largest)) {
      for (const tie of this.tiesOf(ranking, key)) if (this.isBetter(tie, entity)) b++;
    }
    return { b, n, allowed: this.allowed(n), cutoff: this.cutoff(cohort, ranking) };
  }

  private isBetter(a: number, b: number): boolean {
    const order = this.order.compare(a, b);
    return this.top ? order > 0 : order < 0;
  }

  private known(cohort: number): number {
    return cohort < this.cutCount.length ? (this.cutCount[cohort] as number) : UNKNOWN;
  }

  /** Where the cut was, if that is known. */
  private nearOf(cohort: number): number {
    return this.known(cohort) === UNKNOWN ? Number.NaN : (this.cutKey[cohort] as number);
  }

  private compute(cohort: number): Ranking {
    this.work.rankQueries++;
    this.fit(cohort);
    this.order.keep(cohort);
    const ranking = this.order.ranking(cohort);
    const near = this.nearOf(cohort);
    this.cutCount[cohort] = ranking.size;
    if (ranking.size > 0) {
      const key = this.keyOfCut(ranking, near);
      this.cutKey[cohort] = key;
      this.cutMember[cohort] = this.memberOfCut(ranking, key);
      if (this.order.measure.isDoubtful(key, ranking.largest)) this.doubted = true;
    }
    return ranking;
  }

  /** K: the largest number of strictly better members that a member which is in may have. */
  private allowed(n: number): number {
    return Number((this.percent * BigInt(n - 1)) / this.divisor);
  }

  private keyOfCut(ranking: Ranking, near: number): number {
    const index = this.allowed(ranking.size);
    return ranking.keyAt(this.top ? ranking.size - 1 - index : index, near);
  }

  private memberOfCut(ranking: Ranking, key: number): number {
    if (!this.order.measure.isDoubtful(key, ranking.largest)) return ranking.memberWith(key);
    const better = this.top ? ranking.size - ranking.countAtMost(key) : ranking.countBelow(key);
    const tied = this.tiesOf(ranking, key);
    // Sorting a million equals to find that they are equal would take its time.
    if (tied.every((tie) => this.order.compare(tie, tied[0] as number) === 0)) return tied[0] as number;
    const ties = tied.toSorted((a, b) => (this.top ? this.order.compare(b, a) : this.order.compare(a, b)));
    return ties[this.allowed(ranking.size) - better] as number;
  }

  private tiesOf(ranking: Ranking, key: number): Uint32Array {
    this.ties.clear();
    ranking.collect(key, key, this.ties);
    return this.ties.view();
  }

  /** The value of the cut as text; among equal averages the one of the fewest rows, which does not depend on any order of arrival. */
  private cutoff(cohort: number, ranking: Ranking): string | SumAndNumber {
    const { version } = this.order;
    if (this.told?.cohort === cohort && this.told.version === version) return this.told.cutoff;
    const { measure, via } = this.order;
    const key = this.keyOfCut(ranking, this.nearOf(cohort));
    const member = measure.isDoubtful(key, ranking.largest)
      ? this.fewestOfEqual(ranking, key)
      : (this.order.fewest(cohort, key) ?? this.memberOfCut(ranking, key));
    const cutoff = measure.text(via === null ? member : (via.parent[member] as number));
    this.told = { cohort, version, cutoff };
    return cutoff;
  }

  /** Of the members whose exact value is that of the cut. */
  private fewestOfEqual(ranking: Ranking, key: number): number {
    const { measure, via } = this.order;
    const place = (entity: number): number => (via === null ? entity : (via.parent[entity] as number));
    let member = this.memberOfCut(ranking, key);
    const { denominator } = measure;
    if (denominator === null) return member;
    for (const tie of this.tiesOf(ranking, key)) {
      if (this.order.compare(tie, member) === 0 && denominator.big(place(tie)) < denominator.big(place(member))) member = tie;
    }
    return member;
  }

  private fit(cohort: number): void {
    const length = this.cutCount.length;
    if (cohort < length) return;
    const size = Math.max(cohort + 1, this.order.cohorts.to.table.size);
    this.cutCount = growUint32(this.cutCount, size);
    this.cutCount.fill(UNKNOWN, length);
    this.cutMember = growUint32(this.cutMember, this.cutCount.length);
    const keys = new Float64Array(this.cutCount.length);
    keys.set(this.cutKey);
    this.cutKey = keys;
  }
}
