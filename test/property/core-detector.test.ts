/**
 * Laws 1, 2 and 5: after every step the detector equals a from-scratch evaluation by the model (test/helpers/core/model.ts).
 * Replay a failure with the seed and path that fast-check prints: CORE_SEED=... CORE_PATH=... npx vitest run test/property/core
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeDelta, encodeDelta } from '../../src/core/delta-codec.ts';
import type { Detection } from '../../src/core/detection.ts';
import type { CorrectionResult, Detector, FoldRows, NewValues, StateDelta, StepResult } from '../../src/core/detector.ts';
import { Integers } from '../../src/core/integers.ts';
import { growth } from '../../src/core/grow.ts';
import { makeDetector } from '../../src/core/make-detector.ts';
import { makeDelta } from '../helpers/core/deltas.ts';
import { type Found, Model, type Row } from '../helpers/core/model.ts';
import { rankedWorldArbitrary, rowArbitrary, type World, worldArbitrary } from '../helpers/core/world.ts';

const parameters = {
  numRuns: Number(process.env['CORE_RUNS'] ?? 300),
  ...(process.env['CORE_SEED'] === undefined ? {} : { seed: Number(process.env['CORE_SEED']) }),
  ...(process.env['CORE_PATH'] === undefined ? {} : { path: process.env['CORE_PATH'] }),
};

type Operation =
  | { readonly kind: 'step' | 'weights'; readonly rows: readonly Row[]; readonly remove: readonly number[] }
  /** Other rows for one of the chunks that came this way, or a further one. */
  | { readonly kind: 'correct'; readonly rows: readonly Row[]; readonly at: number }
  | { readonly kind: 'reload' | 'fold' | 'foldBack' | 'reevaluate' | 'replay' };

function operations(world: World, size: number): fc.Arbitrary<Operation[]> {
  const rows = fc.array(rowArbitrary(world), { maxLength: size });
  const step = fc.record({ kind: fc.constant('step' as const), rows, remove: fc.array(fc.nat(40), { maxLength: 4 }) });
  const weights = fc.record({
    kind: fc.constant('weights' as const),
    rows: fc.array(rowArbitrary(world, true), { maxLength: 4 }),
    remove: fc.constant([]),
  });
  const correct = fc.record({ kind: fc.constant('correct' as const), rows, at: fc.nat(5) });
  const other = fc.record({
    kind: fc.constantFrom('reload' as const, 'fold' as const, 'foldBack' as const, 'reevaluate' as const, 'replay' as const),
  });
  const one = fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 4, arbitrary: correct },
    { weight: 1, arbitrary: weights },
    { weight: 2, arbitrary: other },
  );
  return fc.array(one, { minLength: 1, maxLength: 12 });
}

/** A database in memory: what the store would keep. */
class Kept {
  readonly dictionaries: string[][];
  readonly tables = new Map<number, { keys: number[]; sums: bigint[] }[]>();
  ledger: Uint8Array[] = [];
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
    this.dictionaries = world.plan.layout.dimensions.map(() => []);
  }

  commit({ newValues, delta }: { readonly newValues: readonly NewValues[]; readonly delta: StateDelta }): void {
    for (const { dimension, first, values } of newValues) {
      expect(first).toBe(this.dictionaries[dimension]?.length);
      this.dictionaries[dimension]?.push(...values);
    }
    const bytes = encodeDelta(delta);
    expect(plain(decodeDelta(bytes))).toEqual(plain(delta));
    this.ledger.push(bytes);
  }

  fold(parts: readonly FoldRows[]): void {
    for (const part of parts) {
      const table = this.tables.get(part.grain) ?? [];
      this.tables.set(part.grain, table);
      expect(part.firstNew).toBe(table.length);
      part.entities.forEach((entity, i) => {
        if (entity >= part.firstNew) expect(entity).toBe(table.length);
        const row = (table[entity] ??= { keys: part.keys.map((column) => column[i] as number), sums: part.additive.map(() => 0n) });
        expect(row.keys).toEqual(part.keys.map((column) => column[i]));
        row.sums = row.sums.map((sum, m) => sum + (part.additive[m] as Integers).big(i));
      });
    }
    this.ledger = [];
  }

  load(model: Model): Detector {
    const detector = makeDetector(this.world.plan, { rankLimits: this.world.limits, rehearseFrom: 1 });
    this.dictionaries.forEach((values, dimension) => detector.loadValues(dimension, values));
    for (const [grain, table] of this.tables) {
      const columns = (from: number, to: number): [Uint32Array[], Integers[]] => {
        const rows = table.slice(from, to);
        const { dimensions, additive } = this.world.plan.layout.grains[grain] as {
          dimensions: readonly number[];
          additive: readonly unknown[];
        };
        return [
          dimensions.map((_, k) => Uint32Array.from(rows, (row) => row.keys[k] as number)),
          additive.map((_, m) => Integers.from(rows.map((row) => row.sums[m] as bigint))),
        ];
      };
      const half = table.length >> 1;
      detector.loadRows(grain, ...columns(0, half), half);
      detector.loadRows(grain, ...columns(half, table.length), table.length - half);
    }
    for (const bytes of this.ledger) detector.apply(decodeDelta(bytes));
    for (const [pattern, values] of model.detections().reverse()) detector.loadDetected(pattern, values);
    return detector;
  }
}

function plain(delta: StateDelta): unknown {
  return delta.grains.map(({ size, keys, additive }) => ({
    size,
    keys: keys.map((column) => [...column.subarray(0, size)]),
    additive: additive.map((column) => Array.from({ length: size }, (_, i) => column.big(i))),
  }));
}

function found(detections: readonly Detection[]): Found[] {
  return detections.map(({ pattern, values, conditions }) => ({ pattern, values, conditions }));
}

function statistics(detector: Detector): unknown {
  return detector.plan.layout.grains.map((_, g) => new Map([...detector.rows(g)].map((row) => [JSON.stringify(row.values), row])));
}

function negated(row: Row): Row {
  return { values: row.values, features: row.features.map((x) => -x) };
}

/** Detections of entities that no row has named yet: of a pattern whose statistics were built anew. */
function detectedBefore(world: World): [pattern: number, values: string[]][] {
  return world.plan.patterns.flatMap((pattern, p): [number, string[]][] =>
    world.foreign
      ? [
          [p, pattern.entityDimensions.map((d) => world.values[d]?.[0] ?? '')],
          [p, pattern.entityDimensions.map(() => 'nobody')],
        ]
      : [],
  );
}

function run(world: World, steps: readonly Operation[]): void {
  const { plan, features, limits } = world;
  const model = new Model(plan, features);
  const kept = new Kept(world);
  let detector = makeDetector(plan, { rankLimits: limits });
  for (const [pattern, values] of detectedBefore(world)) {
    model.remember(pattern, values);
    detector.loadDetected(pattern, values);
  }
  const present: Row[] = [];
  const history: Row[] = [];
  /** Those that may be corrected: their rows, and what the ledger keeps of these. */
  const chunks: { rows: readonly Row[]; contents: Uint8Array }[] = [];
  let unevaluated = false;
  const check = (result: StepResult, rows: readonly Row[]): void => {
    model.add(rows);
    history.push(...rows);
    kept.commit(result);
    expect(statistics(detector)).toEqual(model.aggregate());
  };
  for (const operation of steps) {
    if (operation.kind === 'step') {
      const removed = operation.remove.flatMap((at) => (at < present.length ? present.splice(at, 1) : []));
      present.push(...operation.rows);
      const rows = [...removed.map(negated), ...operation.rows];
      const result = detector.step(makeDelta(plan.layout, features, rows));
      check(result, rows);
      // JSON, since the order of fields is part of the evidence.
      expect(JSON.stringify(found(result.detections), null, 1)).toBe(JSON.stringify(model.find(), null, 1));
      unevaluated = false;
    } else if (operation.kind === 'correct') {
      const { rows, at } = operation;
      const delta = makeDelta(plan.layout, features, rows);
      const old = chunks[at];
      const result = old === undefined ? detector.step(delta) : detector.correct(decodeDelta(old.contents), delta);
      const contents = encodeDelta('contents' in result ? (result as CorrectionResult).contents : result.delta);
      chunks[old === undefined ? chunks.length : at] = { rows, contents };
      check(result, [...(old?.rows ?? []).map(negated), ...rows]);
      expect(JSON.stringify(found(result.detections), null, 1)).toBe(JSON.stringify(model.find(), null, 1));
      unevaluated = false;
    } else if (operation.kind === 'weights') {
      check(detector.addWeights(makeDelta(plan.layout, features, operation.rows)), operation.rows);
      unevaluated = true;
    } else if (operation.kind === 'reevaluate') {
      expect(JSON.stringify(found(detector.reevaluate()), null, 1)).toBe(JSON.stringify(model.find(), null, 1));
      unevaluated = false;
    } else if (operation.kind === 'fold') kept.fold(detector.takeFold());
    else if (operation.kind === 'foldBack') detector.returnFold(detector.takeFold());
    else if (operation.kind === 'replay') {
      const other = makeDetector(plan, { rankLimits: limits });
      for (let i = 0; i < history.length; i += 3) other.step(makeDelta(plan.layout, features, history.slice(i, i + 3).reverse()));
      expect(statistics(other)).toEqual(model.aggregate());
    } else {
      detector = kept.load(model);
      if (history.length % 2 === 0) detector.prepare();
      // Loading presumes that what is loaded was evaluated.
      if (unevaluated) expect(found(detector.reevaluate())).toEqual(model.find());
      unevaluated = false;
      expect(statistics(detector)).toEqual(model.aggregate());
    }
    explainSome(world, detector, model);
  }
}

function explainSome(world: World, detector: Detector, model: Model): void {
  const detections = new Set(model.detections().map((one) => JSON.stringify(one)));
  world.plan.patterns.forEach((pattern, p) => {
    for (const pick of [0, 1]) {
      const values = pattern.entityDimensions.map((d) => (world.values[d] as string[])[pick % (world.values[d]?.length ?? 1)] as string);
      const explained = detector.explain(p, values);
      const truth = model.truth(p, values);
      expect(explained.known).toBe(truth !== null);
      expect(explained.detected).toBe(detections.has(JSON.stringify([p, values])));
      if (truth !== null) {
        expect(explained.conditions.map(({ holds }) => holds)).toEqual(truth);
        expect(explained.holds).toBe(truth.every(Boolean));
      }
    }
  });
}

test('every step finds exactly what a from-scratch evaluation finds, with its evidence, through removals, corrections, folds and restarts', () => {
  const both = worldArbitrary.chain((world) => fc.tuple(fc.constant(world), operations(world, 8)));
  fc.assert(
    fc.property(both, ([world, steps]) => run(world, steps)),
    parameters,
  );
});

test('the same where every array grows in place, as large ones do', () => {
  const usual = growth.inPlaceFrom;
  growth.inPlaceFrom = 0;
  const both = worldArbitrary.chain((world) => fc.tuple(fc.constant(world), operations(world, 8)));
  try {
    fc.assert(
      fc.property(both, ([world, steps]) => run(world, steps)),
      { ...parameters, numRuns: Math.ceil(parameters.numRuns / 10) },
    );
  } finally {
    growth.inPlaceFrom = usual;
  }
});

test('ranks in larger cohorts, with ties that floats cannot tell apart', () => {
  const both = rankedWorldArbitrary.chain((world) => fc.tuple(fc.constant(world), operations(world, 16)));
  fc.assert(
    fc.property(both, ([world, steps]) => run(world, steps)),
    parameters,
  );
});
