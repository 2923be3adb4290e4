/**
 * One pattern, evaluated incrementally: which entities does a step make true?
 *
 * Formula: an entity is true iff it is a member (plain count > 0) and all conditions hold. By what a condition depends on:
 *   own    measures of the entity itself
 *   gate   measures of one coarser group only: the same for all its members
 *   cross  measures of two different grains (`count < 1% of merchant.count`)
 *   rank   the entity's place in its cohort
 *
 * Candidates of a step; all others keep their truth, by the kind of the one condition that would have to turn:
 *   - touched entities (own conditions change for them only)
 *   - all members of a group whose gate turned from false to true
 *   - cross: the members of the touched groups that it names (a pass; a range over an index of own values could replace it)
 *   - rank: members that the moved cut of a touched cohort let in (RankCondition.refresh)
 * A cohort is only followed while the gates that hold for it as a whole do: else its cut is forgotten, and the gate that
 * opens makes candidates of all its members.
 *
 * Candidates pass through the conditions one condition at a time, cheap ones first: a loop over a list of ids that does one
 * thing is several times faster than a look at one entity after the other, and a rank is only asked for where all else holds.
 *
 * State: the detected bits, and what the rank conditions keep; gates are read from the records before and after.
 * Cost: law 7, but for passes over touched cohorts up to `rankLimits.linear`, over touched groups for cross, and over the cohorts of
 * a ranked group measure.
 */
import { bindOperand, isPart } from './bind.ts';
import { Comparison } from './comparison.ts';
import { Detected } from './detected.ts';
import { CANDIDATE, DIRTY, type GrainState } from './grain-state.ts';
import { growUint8, IdList, roomUint8 } from './grow.ts';
import type { Link } from './link.ts';
import type { Condition, PlannedPattern } from './plan.ts';
import type { CohortOrder } from './rank/cohort-order.ts';
import type { Orders } from './rank/orders.ts';
import { RankCondition } from './rank/rank-condition.ts';
import type { State } from './state.ts';
import type { Work } from './work.ts';

/** A comparison with the ways from the pattern's entity to the entities that have the measures (null: itself). */
export interface BoundComparison {
  readonly comparison: Comparison;
  readonly leftVia: Link | null;
  readonly rightVia: Link | null;
}

export type BoundCondition = ({ readonly kind: 'compare' } & BoundComparison) | { readonly kind: 'rank'; readonly rank: RankCondition };

/** The conditions that depend on one group only. */
interface Gate {
  readonly group: Link;
  readonly comparisons: Comparison[];
  /** For each touched group whether it was open before the delta. */
  was: Uint8Array<ArrayBuffer>;
  /** By group, while candidates are evaluated: OPEN, SHUT, or 0 where it was not asked yet. */
  answers: Uint8Array<ArrayBuffer>;
  readonly asked: IdList;
}

const OPEN = 1;
const SHUT = 2;
/** Entities that `evaluateAll` takes at a time: scratch stays small. */
const PIECE = 65_536;

/** A gate as seen from a coarser or equal cohort or group: whether it is open for all of that entity's members. */
interface GateAbove {
  readonly gate: Gate;
  /** Null: the gate's own group. */
  readonly via: Link | null;
}

interface RankPart {
  readonly rank: RankCondition;
  readonly gates: readonly GateAbove[];
  /** For a group's measure: from the pattern's grain to that group. */
  readonly via: Link | null;
  readonly dirty: IdList;
}

interface CrossWalk {
  readonly group: Link;
  readonly gates: readonly GateAbove[];
}

export class Evaluator {
  readonly pattern: PlannedPattern;
  readonly grain: GrainState;
  readonly detected = new Detected();
  /** In the pattern's order. */
  readonly conditions: readonly BoundCondition[];
  private readonly state: State;
  private readonly work: Work;
  private readonly own: Comparison[] = [];
  private readonly gates: Gate[] = [];
  private readonly crosses: BoundComparison[] = [];
  private readonly walks: CrossWalk[] = [];
  private readonly ranks: RankPart[] = [];
  /** Candidates that are not touched themselves, and then all. */
  private readonly candidates = new IdList();
  private readonly left = new IdList();
  private readonly list = new IdList();

  constructor(state: State, pattern: PlannedPattern, orders: Orders, work: Work) {
    this.state = state;
    this.pattern = pattern;
    this.work = work;
    this.grain = state.grain(pattern.grain);
    this.conditions = pattern.conditions.map((condition) => this.bind(condition, orders));
    for (const condition of this.conditions) if (condition.kind === 'compare') this.sort(condition);
    this.own.sort((a, b) => Number(b.isRange) - Number(a.isRange));
    for (const condition of this.conditions) if (condition.kind === 'rank') this.addRank(condition.rank);
    const groups = new Set(this.crosses.flatMap(({ leftVia, rightVia }) => [leftVia, rightVia]));
    for (const group of groups) {
      if (group === null) continue;
      group.withChildren();
      this.walks.push({ group, gates: this.gatesAbove(group.to) });
    }
  }

  /** Looks at the state before the delta in hand is applied. */
  before(): void {
    for (const gate of this.gates) {
      const { ids, length } = gate.group.to.touched;
      gate.was = roomUint8(gate.was, length);
      for (let i = 0; i < length; i++) gate.was[i] = isOpen(gate, ids[i] as number) ? 1 : 0;
    }
  }

  /** The entities that the delta in hand, now applied, made true; they count as detected. */
  after(found: IdList): void {
    for (const gate of this.gates) this.addOpened(gate);
    for (const walk of this.walks) this.addGroups(walk);
    for (const part of this.ranks) this.addLetIn(part);
    this.siftAll();
    this.takeLeft(found);
  }

  /** As `after`, but nothing counts as detected. */
  rehearse(): void {
    for (const part of this.ranks) this.addLetIn(part);
    this.siftAll();
  }

  /** All entities that are true and not detected; they count as detected. */
  evaluateAll(found: IdList): void {
    const { size } = this.grain.table;
    for (let first = 0; first < size; first += PIECE) {
      this.candidates.clear();
      for (let entity = first; entity < Math.min(first + PIECE, size); entity++) this.candidates.push(entity);
      this.sift(this.candidates);
      this.takeLeft(found);
    }
    this.candidates.clear();
  }

  /** The cuts of all cohorts that are followed, as they are: all that is true is taken to be detected. */
  findCuts(): void {
    for (const { rank, gates, via } of this.ranks) {
      if (via !== null) continue;
      const followed = Array.from({ length: rank.order.cohorts.to.table.size }, (_, cohort) => cohort).filter((cohort) =>
        areOpen(gates, cohort),
      );
      rank.order.keepAll(followed);
      for (const cohort of followed) rank.findCut(cohort);
    }
  }

  forgetCuts(): void {
    for (const { rank } of this.ranks) rank.forgetAll();
  }

  /** Whether a rank condition of this pattern follows the cohort of that order. */
  needs(order: CohortOrder, cohort: number): boolean {
    return this.ranks.some((part) => part.rank.order === order && areOpen(part.gates, cohort));
  }

  /** Leaves those candidates and touched entities that are true and not detected. */
  private siftAll(): void {
    const { touched } = this.grain;
    // Only where there are others can an entity be named twice.
    if (this.candidates.length === 0) {
      this.sift(touched);
      return;
    }
    this.addAll(touched.ids, touched.length);
    this.sift(this.candidates);
    this.clearCandidates();
  }

  private sift(candidates: IdList): void {
    const { left } = this;
    this.detected.others(candidates, this.grain.table.size, left);
    this.work.evaluated += left.length;
    for (const comparison of this.own) comparison.keep(left);
    for (const gate of this.gates) keepOpen(gate, left);
    keepMembers(this.grain, left);
    for (const cross of this.crosses) left.keep((entity) => holdsFor(cross, entity));
    for (const { rank } of this.ranks) rank.keep(left);
  }

  private takeLeft(found: IdList): void {
    const { left } = this;
    for (let i = 0; i < left.length; i++) {
      const entity = left.ids[i] as number;
      this.detected.add(entity);
      found.push(entity);
    }
  }

  private addOpened(gate: Gate): void {
    const { ids, length } = gate.group.to.touched;
    for (let i = 0; i < length; i++) {
      const group = ids[i] as number;
      if (gate.was[i] === 0 && isOpen(gate, group)) this.addChildren(gate.group, group);
    }
  }

  private addGroups(walk: CrossWalk): void {
    const { ids, length } = walk.group.to.touched;
    for (let i = 0; i < length; i++) {
      const group = ids[i] as number;
      if (areOpen(walk.gates, group)) this.addChildren(walk.group, group);
    }
  }

  private addLetIn(part: RankPart): void {
    const { rank, gates } = part;
    const cohorts = part.via === null ? rank.order.cohorts.to.touched : this.dirtyCohorts(part, part.via);
    for (let i = 0; i < cohorts.length; i++) {
      const cohort = cohorts.ids[i] as number;
      this.list.clear();
      if (areOpen(gates, cohort)) rank.refresh(cohort, this.list);
      else rank.forget(cohort);
      this.addAll(this.list.ids, this.list.length);
    }
  }

  /** A ranked measure of a group changes for all its members: their cohorts are as good as touched. */
  private dirtyCohorts(part: RankPart, via: Link): IdList {
    const { cohorts } = part.rank.order;
    const { dirty } = part;
    dirty.clear();
    for (let i = 0; i < cohorts.to.touched.length; i++) mark(cohorts.to, cohorts.to.touched.ids[i] as number, dirty);
    for (let i = 0; i < via.to.touched.length; i++) {
      via.withChildren().collect(via.to.touched.ids[i] as number, this.list);
      for (let j = 0; j < this.list.length; j++) mark(cohorts.to, cohorts.parent[this.list.ids[j] as number] as number, dirty);
    }
    for (let i = 0; i < dirty.length; i++) unmark(cohorts.to, dirty.ids[i] as number, DIRTY);
    return dirty;
  }

  private addChildren(group: Link, parent: number): void {
    group.withChildren().collect(parent, this.list);
    this.addAll(this.list.ids, this.list.length);
  }

  private addAll(ids: Uint32Array, count: number): void {
    const { marks } = this.grain;
    for (let i = 0; i < count; i++) {
      const entity = ids[i] as number;
      const bits = marks[entity] as number;
      if ((bits & CANDIDATE) !== 0) continue;
      marks[entity] = bits | CANDIDATE;
      this.candidates.push(entity);
    }
  }

  private clearCandidates(): void {
    const { ids, length } = this.candidates;
    this.candidates.clear();
    for (let i = 0; i < length; i++) unmark(this.grain, ids[i] as number, CANDIDATE);
  }

  private bind(condition: Condition, orders: Orders): BoundCondition {
    const { state } = this;
    if (condition.kind === 'rank') {
      const { measure, via } = bindOperand(state, this.grain.index, condition.measure);
      const order = orders.order(state.link(this.grain.index, condition.cohort), measure, via);
      return { kind: 'rank', rank: new RankCondition(order, condition.direction, condition.percent, this.work) };
    }
    const left = bindOperand(state, this.grain.index, condition.left);
    const bound = condition.right;
    if (bound.kind === 'number') {
      const comparison = new Comparison(left.measure, condition.op, null, bound.value);
      return { kind: 'compare', comparison, leftVia: left.via, rightVia: left.via };
    }
    const right = bindOperand(state, this.grain.index, bound.operand);
    const factor = bound.kind === 'measure' ? { units: 1n, digits: 0 } : { units: bound.percent.units, digits: bound.percent.digits + 2 };
    const comparison = new Comparison(left.measure, condition.op, right.measure, factor);
    return { kind: 'compare', comparison, leftVia: left.via, rightVia: right.via };
  }

  private sort(condition: BoundComparison): void {
    const { comparison, leftVia, rightVia } = condition;
    if (leftVia !== rightVia) this.crosses.push(condition);
    else if (leftVia === null) this.own.push(comparison);
    else {
      const gate = this.gates.find((other) => other.group === leftVia);
      if (gate !== undefined) gate.comparisons.push(comparison);
      else {
        leftVia.withChildren();
        this.gates.push({
          group: leftVia,
          comparisons: [comparison],
          was: new Uint8Array(0),
          answers: new Uint8Array(0),
          asked: new IdList(),
        });
      }
    }
  }

  private addRank(rank: RankCondition): void {
    const { via } = rank.order;
    via?.withChildren();
    this.ranks.push({ rank, gates: this.gatesAbove(rank.order.cohorts.to), via, dirty: new IdList() });
  }

  /** The gates that are the same for all members of an entity of `grain`. */
  private gatesAbove(grain: GrainState): GateAbove[] {
    return this.gates
      .filter((gate) => isPart(gate.group.to.grain.dimensions, grain.grain.dimensions))
      .map((gate) => ({ gate, via: gate.group.to === grain ? null : this.state.link(grain.index, gate.group.to.index) }));
  }
}

export function holdsFor({ comparison, leftVia, rightVia }: BoundComparison, entity: number): boolean {
  const left = leftVia === null ? entity : (leftVia.parent[entity] as number);
  const right = rightVia === null ? entity : (rightVia.parent[entity] as number);
  return comparison.holds(left, right);
}

function isOpen(gate: Gate, group: number): boolean {
  for (const comparison of gate.comparisons) if (!comparison.holds(group, group)) return false;
  return true;
}

function areOpen(gates: readonly GateAbove[], entity: number): boolean {
  for (const { gate, via } of gates) if (!isOpen(gate, via === null ? entity : (via.parent[entity] as number))) return false;
  return true;
}

function keepMembers(grain: GrainState, list: IdList): void {
  list.keep((entity) => grain.isMember(entity));
}

/** Each group is asked once. */
function keepOpen(gate: Gate, list: IdList): void {
  const { parent, to } = gate.group;
  gate.answers = growUint8(gate.answers, to.table.size);
  askGroups(gate, list, parent, gate.answers);
  list.length = keepAnswered(list.ids, list.length, parent, gate.answers);
  forget(gate.asked, gate.answers);
}

function askGroups(gate: Gate, { ids, length }: IdList, parent: Uint32Array, answers: Uint8Array): void {
  for (let i = 0; i < length; i++) {
    const group = parent[ids[i] as number] as number;
    if (answers[group] === 0) {
      answers[group] = isOpen(gate, group) ? OPEN : SHUT;
      gate.asked.push(group);
    }
  }
}

function keepAnswered(ids: Uint32Array, length: number, parent: Uint32Array, answers: Uint8Array): number {
  let kept = 0;
  for (let i = 0; i < length; i++) {
    const entity = ids[i] as number;
    ids[kept] = entity;
    kept += answers[parent[entity] as number] === OPEN ? 1 : 0;
  }
  return kept;
}

function forget(asked: IdList, answers: Uint8Array): void {
  const { ids, length } = asked;
  asked.clear();
  for (let i = 0; i < length; i++) answers[ids[i] as number] = 0;
}

function mark(grain: GrainState, entity: number, list: IdList): void {
  const bits = grain.marks[entity] as number;
  if ((bits & DIRTY) !== 0) return;
  grain.marks[entity] = bits | DIRTY;
  list.push(entity);
}

function unmark(grain: GrainState, entity: number, bit: number): void {
  grain.marks[entity] = (grain.marks[entity] as number) & ~bit;
}
