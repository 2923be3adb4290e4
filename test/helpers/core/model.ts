/**
 * What a detector must find, from scratch and the plain way: maps, BigInt fractions, sorting. Shares no code with src/core;
 * of its contracts only the plan.
 *
 * A row has a value for each dimension and a bigint for each *feature* (1 for a count whose filter it passes, an amount, ...);
 * feature 0 is the plain count: 1 for a transaction, 0 for a row of the reference. A grain's additive measures are features.
 */
import type { Operand, Plan, PlannedPattern } from '../../../src/core/plan.ts';

export interface Row {
  readonly values: readonly string[];
  readonly features: readonly bigint[];
}

export interface Entity {
  readonly values: readonly string[];
  readonly additive: bigint[];
  readonly distinct: number[];
}

export interface Found {
  readonly pattern: number;
  readonly values: readonly string[];
  readonly conditions: readonly unknown[];
}

/** num / den * 10^-digits; null where undefined. */
interface Value {
  readonly num: bigint;
  readonly den: bigint;
  readonly average: boolean;
  readonly digits: number;
}

type Grains = Map<string, Entity>[];

export class Model {
  readonly plan: Plan;
  /** For each grain the feature of each additive measure. */
  private readonly features: readonly (readonly number[])[];
  private readonly sums = new Map<string, { values: readonly string[]; features: bigint[] }>();
  private readonly detected = new Set<string>();

  constructor(plan: Plan, features: readonly (readonly number[])[]) {
    this.plan = plan;
    this.features = features;
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      const key = JSON.stringify(row.values);
      const known = this.sums.get(key);
      if (known === undefined) this.sums.set(key, { values: row.values, features: [...row.features] });
      else row.features.forEach((x, i) => (known.features[i] = (known.features[i] ?? 0n) + x));
    }
  }

  /** Everything that is true now and was not found before. */
  find(): Found[] {
    const grains = this.aggregate();
    const found = this.plan.patterns.flatMap((pattern, index) => {
      const all = grains[pattern.grain] as Map<string, Entity>;
      const isTrue = [...all.values()].filter((entity) => {
        const values = this.declared(pattern, entity);
        if (this.detected.has(JSON.stringify([index, ...values]))) return false;
        return this.isTrue(pattern, entity, grains);
      });
      return isTrue
        .map(
          (entity): Found => ({
            pattern: index,
            values: this.declared(pattern, entity),
            conditions: this.evidence(pattern, entity, grains),
          }),
        )
        .sort((a, b) => compareBytes(a.values, b.values));
    });
    for (const { pattern, values } of found) this.detected.add(JSON.stringify([pattern, ...values]));
    return found;
  }

  remember(pattern: number, values: readonly string[]): void {
    this.detected.add(JSON.stringify([pattern, ...values]));
  }

  detections(): [pattern: number, values: string[]][] {
    return [...this.detected].map((key) => {
      const [pattern, ...values] = JSON.parse(key) as [number, ...string[]];
      return [pattern, values];
    });
  }

  /** Whether each condition of the pattern holds for the entity; null if there is no such entity. */
  truth(index: number, values: readonly string[]): boolean[] | null {
    const grains = this.aggregate();
    const pattern = this.plan.patterns[index] as PlannedPattern;
    for (const entity of (grains[pattern.grain] as Map<string, Entity>).values()) {
      if (JSON.stringify(this.declared(pattern, entity)) !== JSON.stringify(values)) continue;
      const member = (entity.additive[0] ?? 0n) > 0n;
      return pattern.conditions.map((_, c) => member && this.holds(pattern, c, entity, grains));
    }
    return null;
  }

  /** Entities by their values as JSON, those of which any row was ever seen. */
  aggregate(): Grains {
    const { layout } = this.plan;
    const grains = layout.grains.map((grain, g) => {
      const entities = new Map<string, Entity>();
      for (const { values, features } of this.sums.values()) {
        const own = grain.dimensions.map((d) => values[d] ?? '');
        const key = JSON.stringify(own);
        const measures = (this.features[g] as number[]).map((f) => features[f] ?? 0n);
        const known = entities.get(key);
        if (known === undefined) entities.set(key, { values: own, additive: measures, distinct: grain.distinct.map(() => 0) });
        else measures.forEach((x, i) => (known.additive[i] = (known.additive[i] ?? 0n) + x));
      }
      return entities;
    });
    layout.grains.forEach((grain, g) => {
      grain.distinct.forEach(({ of, counting }, i) => {
        for (const finer of (grains[of] as Map<string, Entity>).values()) {
          if ((finer.additive[counting] ?? 0n) <= 0n) continue;
          const entity = this.project(of, finer, g, grains);
          entity.distinct[i] = (entity.distinct[i] ?? 0) + 1;
        }
      });
    });
    return grains;
  }

  private declared(pattern: PlannedPattern, entity: Entity): string[] {
    const { dimensions } = this.plan.layout.grains[pattern.grain] as { dimensions: readonly number[] };
    return pattern.entityDimensions.map((d) => entity.values[dimensions.indexOf(d)] ?? '');
  }

  private project(from: number, entity: Entity, to: number, grains: Grains): Entity {
    const { layout } = this.plan;
    const own = layout.grains[from]?.dimensions ?? [];
    const key = JSON.stringify((layout.grains[to]?.dimensions ?? []).map((d) => entity.values[own.indexOf(d)]));
    const found = grains[to]?.get(key);
    if (found === undefined) throw new Error(`no ${key}`);
    return found;
  }

  private isTrue(pattern: PlannedPattern, entity: Entity, grains: Grains): boolean {
    return (entity.additive[0] ?? 0n) > 0n && pattern.conditions.every((_, c) => this.holds(pattern, c, entity, grains));
  }

  private value(pattern: PlannedPattern, operand: Operand, entity: Entity, grains: Grains): Value | null {
    const at = this.project(pattern.grain, entity, operand.grain, grains);
    if (operand.kind === 'distinct') return { num: BigInt(at.distinct[operand.index] ?? 0), den: 1n, average: false, digits: 0 };
    if (operand.kind === 'additive') return { num: at.additive[operand.index] ?? 0n, den: 1n, average: false, digits: operand.digits };
    const den = at.additive[operand.number] ?? 0n;
    return den > 0n ? { num: at.additive[operand.sum] ?? 0n, den, average: true, digits: operand.digits } : null;
  }

  private holds(pattern: PlannedPattern, c: number, entity: Entity, grains: Grains): boolean {
    const condition = pattern.conditions[c];
    if (condition === undefined) throw new Error('no condition');
    if (condition.kind === 'rank') {
      const rank = this.rank(pattern, c, entity, grains);
      if (rank === null) return false;
      const { units, digits } = condition.percent;
      return 10n ** BigInt(digits + 2) * BigInt(rank.b) <= units * BigInt(rank.n - 1);
    }
    const left = this.value(pattern, condition.left, entity, grains);
    const { right } = condition;
    const other =
      right.kind === 'number'
        ? { num: right.value.units, den: 10n ** BigInt(right.value.digits), average: false, digits: 0 }
        : this.value(pattern, right.operand, entity, grains);
    if (left === null || other === null) return false;
    const share =
      right.kind === 'percent' ? { num: right.percent.units, den: 10n ** BigInt(right.percent.digits + 2) } : { num: 1n, den: 1n };
    const difference =
      left.num * other.den * share.den * 10n ** BigInt(other.digits) - other.num * share.num * left.den * 10n ** BigInt(left.digits);
    const tests = {
      '<': difference < 0n,
      '<=': difference <= 0n,
      '>': difference > 0n,
      '>=': difference >= 0n,
      '=': difference === 0n,
      '!=': difference !== 0n,
    };
    return tests[condition.op];
  }

  private rank(
    pattern: PlannedPattern,
    c: number,
    entity: Entity,
    grains: Grains,
  ): { own: Value; b: number; n: number; cutoff: Value } | null {
    const condition = pattern.conditions[c];
    if (condition?.kind !== 'rank') throw new Error('no rank');
    const own = this.value(pattern, condition.measure, entity, grains);
    if (own === null) return null;
    const cohort = this.project(pattern.grain, entity, condition.cohort, grains);
    const values: Value[] = [];
    for (const other of (grains[pattern.grain] as Map<string, Entity>).values()) {
      if ((other.additive[0] ?? 0n) <= 0n || this.project(pattern.grain, other, condition.cohort, grains) !== cohort) continue;
      const value = this.value(pattern, condition.measure, other, grains);
      if (value !== null) values.push(value);
    }
    const sign = condition.direction === 'top' ? -1 : 1;
    values.sort((x, y) => sign * order(x, y) || Number(x.den - y.den));
    const b = values.filter((value) => sign * order(value, own) < 0).length;
    const last = (condition.percent.units * BigInt(values.length - 1)) / 10n ** BigInt(condition.percent.digits + 2);
    // Of equal values the one of the fewest rows stands for all.
    const cut = values[Number(last)] as Value;
    const cutoff = values.find((value) => order(value, cut) === 0) as Value;
    return { own, b, n: values.length, cutoff };
  }

  private evidence(pattern: PlannedPattern, entity: Entity, grains: Grains): unknown[] {
    return pattern.conditions.map((condition, c) => {
      if (condition.kind === 'rank') {
        const rank = this.rank(pattern, c, entity, grains);
        if (rank === null) throw new Error('undefined');
        return { when: condition.text, ...spread(rank.own), b: rank.b, n: rank.n, cutoff: text(rank.cutoff) };
      }
      const left = this.value(pattern, condition.left, entity, grains);
      if (left === null) throw new Error('undefined');
      const { right } = condition;
      if (right.kind === 'number') return { when: condition.text, ...spread(left), bound: right.text };
      const other = this.value(pattern, right.operand, entity, grains);
      if (other === null) throw new Error('undefined');
      return {
        when: condition.text,
        ...spread(left),
        bound: right.kind === 'measure' ? text(other) : { percent: right.text, ...spread(other) },
      };
    });
  }
}

function order(a: Value, b: Value): number {
  const left = a.num * b.den;
  const right = b.num * a.den;
  return left < right ? -1 : left > right ? 1 : 0;
}

function decimal(units: bigint, digits: number): string {
  if (digits === 0) return `${units}`;
  const ten = 10n ** BigInt(digits);
  const magnitude = units < 0n ? -units : units;
  return `${units < 0n ? '-' : ''}${magnitude / ten}.${`${magnitude % ten}`.padStart(digits, '0')}`;
}

function text(value: Value): unknown {
  return value.average ? { sum: decimal(value.num, value.digits), number: `${value.den}` } : decimal(value.num, value.digits);
}

function spread(value: Value): object {
  const shown = text(value);
  return typeof shown === 'string' ? { value: shown } : (shown as object);
}

export function compareBytes(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = Buffer.compare(Buffer.from(a[i] ?? ''), Buffer.from(b[i] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}
