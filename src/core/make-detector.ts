/**
 * The detector: statistics in memory and the patterns that they make true (contract: detector.ts).
 *
 * Modes:
 *   settled    every entity that is true is detected; a step looks at its candidates only (evaluator.ts)
 *   unsettled  something was applied without evaluation after the first evaluation (or weights after the first rows): the
 *              next step evaluates every entity
 * Loading leaves the mode settled: what is loaded was evaluated when it was committed, and its detections are loaded too.
 *
 * An entity is true only while it has a transaction (plain count > 0), whatever its conditions are.
 */
import { Aside } from './aside.ts';
import type { Delta } from './delta.ts';
import { encodeDelta } from './delta-codec.ts';
import type { Detection } from './detection.ts';
import type { CorrectionResult, Detector, Explanation, FoldRows, StateDelta, StepResult, TableLoader } from './detector.ts';
import { detectionsOf } from './detections.ts';
import type { Dictionary } from './dictionary.ts';
import { difference } from './difference.ts';
import { assertLaw } from './error.ts';
import { Evaluator } from './evaluator.ts';
import { explainEntity } from './explain.ts';
import { FoldBuffer } from './fold-buffer.ts';
import type { GrainState } from './grain-state.ts';
import { IdList } from './grow.ts';
import { NONE } from './hash-index.ts';
import type { Integers } from './integers.ts';
import { localize } from './localize.ts';
import type { Plan } from './plan.ts';
import type { RankLimits } from './rank/cohort-order.ts';
import { Orders } from './rank/orders.ts';
import { rehearsalDelta } from './rehearsal.ts';
import { State } from './state.ts';
import { TableLoad } from './table-load.ts';
import { zeroDelta } from './zero-delta.ts';
import type { Work } from './work.ts';

/** Entities from which on a state takes so long to load that a few steps more do not matter, and a slow first chunk does. */
const WORTH_REHEARSING = 500_000;
const REHEARSALS = 30;
/** Entities of a rehearsed step. */
const REHEARSED = 2_000;

/** Rows of a fold that are made at a time. */
const FOLD_PIECE = 65_536;

/** For tests: small cohorts in the modes of large ones, rehearsals on small states, folds in small pieces. */
export interface DetectorOptions {
  readonly rankLimits?: RankLimits;
  readonly rehearseFrom?: number;
  readonly foldPiece?: number;
}

export function makeDetector(plan: Plan, options: DetectorOptions = {}): Detector {
  return new MemoryDetector(plan, options);
}

/** What is compiled stays compiled: once a process. */
let areStepsRehearsed = false;

/** Whole steps, of a detector of their own, which keeps every cohort in order as large ones are. */
function rehearseSteps(plan: Plan): void {
  if (areStepsRehearsed) return;
  areStepsRehearsed = true;
  const detector = new MemoryDetector(plan, { rankLimits: { read: 0, linear: 0 }, rehearseFrom: Number.POSITIVE_INFINITY });
  for (let r = 0; r < REHEARSALS; r++) {
    // Written as it is for a commit, which a first chunk waits for too.
    encodeDelta(detector.step(rehearsalDelta(plan.layout, r)).delta);
    // From the first one on there is a table to fold into.
    detector.takeFold();
  }
}

function* makeEach(parts: readonly Generator<void, FoldRows | null>[]): Generator<void, readonly FoldRows[]> {
  const rows: FoldRows[] = [];
  for (const part of parts) {
    const made = yield* part;
    if (made !== null) rows.push(made);
  }
  return rows;
}

class MemoryDetector implements Detector {
  readonly plan: Plan;
  readonly work: Work = { entities: 0, moved: 0, rankQueries: 0, evaluated: 0 };
  private readonly state: State;
  private readonly orders: Orders;
  private readonly evaluators: readonly Evaluator[];
  private readonly folds: readonly FoldBuffer[];
  /** By grain: detected entities that the state does not have. */
  private readonly asides: readonly Aside[];
  /** By pattern: for each dimension of the grain its position in the pattern's declared order. */
  private readonly positions: readonly (readonly number[])[];
  private evaluatedOnce = false;
  private settled = true;
  private prepared = false;
  private readonly rehearseFrom: number;
  private readonly foldPiece: number;

  constructor(plan: Plan, options: DetectorOptions) {
    this.plan = plan;
    this.rehearseFrom = options.rehearseFrom ?? WORTH_REHEARSING;
    this.foldPiece = options.foldPiece ?? FOLD_PIECE;
    this.state = new State(plan.layout);
    this.orders = new Orders(this.state, this.work, options.rankLimits);
    this.evaluators = plan.patterns.map((pattern) => new Evaluator(this.state, pattern, this.orders, this.work));
    this.folds = this.state.bases.map((base) => new FoldBuffer(this.state.grain(base), plan.layout));
    this.asides = this.state.grains.map(({ grain }) => new Aside(grain.dimensions.length));
    this.positions = plan.patterns.map((pattern) =>
      this.state.grain(pattern.grain).grain.dimensions.map((dimension) => pattern.entityDimensions.indexOf(dimension)),
    );
  }

  loadValues(dimension: number, values: readonly string[]): void {
    const dictionary = this.dictionary(dimension);
    for (const value of values) {
      const next = dictionary.size;
      assertLaw(dictionary.internText(value) === next, 'a loaded dictionary has each value once');
    }
  }

  loadTable(grain: number, size: number): TableLoader {
    if (this.prepared) for (const evaluator of this.evaluators) evaluator.forgetCuts();
    this.prepared = false;
    const b = this.state.bases.indexOf(grain);
    assertLaw(b >= 0, 'statistics are loaded for base grains');
    const before = this.state.grains.map((state) => state.table.size);
    const load = new TableLoad(this.state, b, size);
    return {
      add: (rows) => load.add(rows),
      end: () => {
        assertLaw(load.isComplete, 'a loaded table has all its rows');
        this.state.grains.forEach((state, g) => this.settleAside(state, before[g] as number));
        (this.folds[b] as FoldBuffer).persist();
        this.touchUnevaluated();
      },
    };
  }

  loadRows(grain: number, keys: readonly Uint32Array[], additive: readonly Integers[], size: number): void {
    const first = this.state.grain(grain).table.size;
    const load = this.loadTable(grain, size);
    load.add({ entities: new Uint32Array(size).map((_, i) => first + i), keys, additive, size });
    load.end();
  }

  apply(delta: StateDelta): void {
    this.change(delta, true);
    this.touchUnevaluated();
  }

  loadDetected(pattern: number, values: readonly string[]): void {
    const evaluator = this.evaluator(pattern);
    const entity = this.find(pattern, values);
    if (entity !== NONE) evaluator.detected.add(entity);
    else (this.asides[evaluator.grain.index] as Aside).add(pattern, this.inGrainOrder(pattern, values));
  }

  prepare(): void {
    if (!this.settled) return;
    for (const evaluator of this.evaluators) evaluator.findCuts();
    this.prepared = true;
    const work = { ...this.work };
    const large = this.state.bases.filter((base) => this.state.grain(base).table.size >= this.rehearseFrom);
    if (large.length > 0) rehearseSteps(this.plan);
    for (const base of large) this.rehearse(base);
    Object.assign(this.work, work);
  }

  /**
   * Steps that add nothing to some of the entities there are: no sum changes, so nothing becomes true. V8 compiles what a step
   * runs through after some calls, and a first chunk on a large state would pay for that.
   */
  private rehearse(base: number): void {
    const { table } = this.state.grain(base);
    const stride = Math.max(1, Math.floor(table.size / (REHEARSALS * REHEARSED)));
    for (let r = 0; r < REHEARSALS; r++) {
      const delta = zeroDelta(this.state, base, r * REHEARSED * stride, stride, REHEARSED);
      this.begin(delta);
      for (const evaluator of this.evaluators) evaluator.before();
      for (const order of this.orders.all) order.before();
      this.finish(delta, false);
      for (const order of this.orders.all) order.after();
      for (const evaluator of this.evaluators) evaluator.rehearse();
      this.state.release();
    }
  }

  step(delta: Delta): StepResult {
    const { newValues, stateDelta } = localize(this.state, delta);
    return { newValues, delta: stateDelta, detections: this.evaluate(stateDelta) };
  }

  correct(old: StateDelta, next: Delta, mended: Delta | null = null): CorrectionResult {
    const { newValues, stateDelta: contents } = localize(this.state, next);
    const changed = difference(contents, old);
    const out = mended === null ? null : localize(this.state, mended);
    const delta = out === null ? changed : difference(changed, out.stateDelta);
    return { newValues: [...newValues, ...(out?.newValues ?? [])], delta, contents, detections: this.evaluate(delta) };
  }

  private evaluate(stateDelta: StateDelta): readonly Detection[] {
    const found = this.evaluators.map(() => new IdList());
    const wasSettled = this.settled;
    this.begin(stateDelta);
    if (wasSettled) {
      for (const evaluator of this.evaluators) evaluator.before();
      for (const order of this.orders.all) order.before();
    }
    this.finish(stateDelta, true);
    if (wasSettled) {
      for (const order of this.orders.all) order.after();
      this.evaluators.forEach((evaluator, p) => evaluator.after(found[p] as IdList));
      this.sweep();
    } else this.evaluateAll(found);
    this.state.release();
    this.evaluatedOnce = true;
    return detectionsOf(this.state, this.evaluators, found, this.work);
  }

  addWeights(delta: Delta): StepResult {
    const { newValues, stateDelta } = localize(this.state, delta);
    this.change(stateDelta, true);
    if (this.hasMembers()) this.unsettle();
    return { newValues, delta: stateDelta, detections: [] };
  }

  reevaluate(): readonly Detection[] {
    const found = this.evaluators.map(() => new IdList());
    this.evaluateAll(found);
    this.evaluatedOnce = true;
    return detectionsOf(this.state, this.evaluators, found, this.work);
  }

  explain(pattern: number, values: readonly string[]): Explanation {
    const evaluator = this.evaluator(pattern);
    const entity = this.find(pattern, values);
    if (entity !== NONE) return explainEntity(evaluator, pattern, entity, evaluator.detected.has(entity));
    const bytes = this.inGrainOrder(pattern, values).map((value) => Buffer.from(value));
    const detected = (this.asides[evaluator.grain.index] as Aside).patternsOf(bytes).includes(pattern);
    return explainEntity(evaluator, pattern, null, detected);
  }

  takeFold(): readonly FoldRows[] {
    const making = this.beginFold();
    let next = making.next();
    while (next.done !== true) next = making.next();
    return next.value;
  }

  beginFold(): Generator<void, readonly FoldRows[]> {
    // All of them now, before the first is made.
    return makeEach(this.folds.map((fold) => fold.take(this.foldPiece)));
  }

  returnFold(rows: readonly FoldRows[]): void {
    for (const part of rows) {
      const b = this.state.bases.indexOf(part.grain);
      assertLaw(b >= 0, 'folded rows are of base grains');
      (this.folds[b] as FoldBuffer).giveBack(part);
    }
  }

  *rows(grain: number): Generator<{ readonly values: string[]; readonly additive: bigint[]; readonly distinct: number[] }> {
    const state = this.state.grain(grain);
    for (let entity = 0; entity < state.table.size; entity++) {
      yield {
        values: this.valuesOf(state, entity),
        additive: state.additive.map((column) => column.big(entity)),
        distinct: state.distinct.map((column) => column.float(entity)),
      };
    }
  }

  size(grain: number): number {
    return this.state.grain(grain).table.size;
  }

  /** Ids of the delta's entities; the state still has its old measures. */
  private begin(delta: StateDelta): void {
    const before = this.state.grains.map((grain) => grain.table.size);
    this.state.resolve(delta);
    this.state.grains.forEach((grain, g) => this.settleAside(grain, before[g] as number));
    for (const grain of this.state.grains) this.work.entities += grain.touched.length;
  }

  private finish(delta: StateDelta, fold: boolean): void {
    this.state.apply(delta);
    if (!fold) return;
    this.folds.forEach((buffer, b) => {
      const part = delta.grains[b];
      if (part !== undefined) buffer.add(this.state.rowsOf(b), part.additive, part.size);
    });
  }

  /** Applies without evaluating. */
  private change(delta: StateDelta, fold: boolean): void {
    if (this.prepared) for (const evaluator of this.evaluators) evaluator.forgetCuts();
    this.prepared = false;
    this.begin(delta);
    this.finish(delta, fold);
    this.state.release();
  }

  private evaluateAll(found: readonly IdList[]): void {
    for (const evaluator of this.evaluators) evaluator.forgetCuts();
    this.evaluators.forEach((evaluator, p) => evaluator.evaluateAll(found[p] as IdList));
    this.settled = true;
  }

  private touchUnevaluated(): void {
    if (this.evaluatedOnce) this.unsettle();
  }

  private unsettle(): void {
    this.settled = false;
    for (const evaluator of this.evaluators) evaluator.forgetCuts();
  }

  private sweep(): void {
    for (const order of this.orders.all) order.sweep((cohort) => this.evaluators.some((evaluator) => evaluator.needs(order, cohort)));
  }

  private hasMembers(): boolean {
    return this.state.bases.some((base) => {
      const grain = this.state.grain(base);
      for (let entity = 0; entity < grain.table.size; entity++) if (grain.isMember(entity)) return true;
      return false;
    });
  }

  /** Bits of detected entities that were aside go over to the entities that the grain gained. */
  private settleAside(grain: GrainState, first: number): void {
    const aside = this.asides[grain.index] as Aside;
    if (aside.isEmpty) return;
    for (let entity = first; entity < grain.table.size; entity++) {
      const values = grain.grain.dimensions.map((dimension, k) =>
        this.dictionary(dimension).bytes((grain.table.columns[k] as Uint32Array)[entity] as number),
      );
      for (const pattern of aside.patternsOf(values)) this.evaluator(pattern).detected.add(entity);
    }
  }

  private find(pattern: number, values: readonly string[]): number {
    const { grain, table } = this.evaluator(pattern).grain;
    const key: number[] = [];
    for (const [k, value] of this.inGrainOrder(pattern, values).entries()) {
      const id = this.dictionary(grain.dimensions[k] as number).findText(value);
      if (id === NONE) return NONE;
      key.push(id);
    }
    return table.find(key);
  }

  private inGrainOrder(pattern: number, values: readonly string[]): string[] {
    const positions = this.positions[pattern] as readonly number[];
    assertLaw(values.length === positions.length, 'an entity has one value for each dimension of its pattern');
    return positions.map((position) => values[position] as string);
  }

  private valuesOf({ grain, table }: GrainState, entity: number): string[] {
    return grain.dimensions.map((dimension, k) => this.dictionary(dimension).text((table.columns[k] as Uint32Array)[entity] as number));
  }

  private evaluator(pattern: number): Evaluator {
    const evaluator = this.evaluators[pattern];
    assertLaw(evaluator !== undefined, `the plan has a pattern ${pattern}`);
    return evaluator;
  }

  private dictionary(dimension: number): Dictionary {
    const dictionary = this.state.dictionaries[dimension];
    assertLaw(dictionary !== undefined, `the layout has a dimension ${dimension}`);
    return dictionary;
  }
}
