/**
 * A delta by one layout -> the same rows by another, where the first keeps all that the other needs.
 *
 * Every measure of a base grain is a sum over rows, so it is also the sum over the finer keys of any base grain that has its
 * dimensions and the measure: exact, without a look at a row. Layouts are compared by names and tests, never by places. Value ids
 * are those of a dimension's name, so they stay what they are.
 * Cost: O(rows of the delta * measures).
 */
import type { GrainDelta } from './delta.ts';
import type { StateDelta } from './detector.ts';
import { EntityTable } from './entity-table.ts';
import { assertLaw } from './error.ts';
import { Integers } from './integers.ts';
import { type Additive, baseGrains, type Grain, type Layout, type Test } from './layout.ts';

/** Where a measure comes from: a base grain's place among the deltas, and the measure's there. */
interface Source {
  readonly base: number;
  readonly measure: number;
  /** For each dimension of the grain, its place in the key of that base grain. */
  readonly keys: readonly number[];
}

export type Project = (delta: StateDelta) => StateDelta;

/** null if `from` lacks something that `to` needs. */
export function projection(from: Layout, to: Layout): Project | null {
  const grains = baseGrains(to).map((index) => sourcesOf(from, to, to.grains[index] as Grain));
  if (!grains.every((sources) => sources !== null)) return null;
  const width = baseGrains(from).length;
  return (delta) => {
    assertLaw(delta.grains.length === width, 'a delta has a part for each base grain of its layout');
    return { grains: grains.map((sources) => project(delta, sources)) };
  };
}

/** One for each measure. Each grain counts its rows, so there is one at least. */
function sourcesOf(from: Layout, to: Layout, grain: Grain): readonly Source[] | null {
  const dimensions = grain.dimensions.map((id) => from.dimensions.findIndex(({ name }) => name === to.dimensions[id]?.name));
  const bases = baseGrains(from).map((index) => from.grains[index] as Grain);
  const sources = grain.additive.map((additive): Source | null => {
    const wanted = nameOf(to, additive);
    for (const [base, { dimensions: have, additive: measures }] of bases.entries()) {
      const keys = dimensions.map((id) => have.indexOf(id));
      const measure = measures.findIndex((candidate) => nameOf(from, candidate) === wanted);
      if (measure >= 0 && !keys.includes(-1)) return { base, measure, keys };
    }
    return null;
  });
  return sources.every((source) => source !== null) ? sources : null;
}

function project(delta: StateDelta, sources: readonly Source[]): GrainDelta {
  const table = new EntityTable(sources[0]?.keys.length ?? 0);
  const entitiesOf = new Map<number, Uint32Array>();
  for (const { base, keys } of sources) {
    if (entitiesOf.has(base)) continue;
    const part = delta.grains[base] as GrainDelta;
    const entities = new Uint32Array(part.size);
    table.resolve(
      keys.map((at) => part.keys[at] as Uint32Array),
      part.size,
      entities,
      0,
    );
    entitiesOf.set(base, entities);
  }
  const { size } = table;
  const additive = sources.map(({ base, measure }) => {
    const entities = entitiesOf.get(base) as Uint32Array;
    const sums = new Integers(size);
    sums.resize(size);
    const column = (delta.grains[base] as GrainDelta).additive[measure] as Integers;
    entities.forEach((entity, i) => sums.addFrom(entity, column, i));
    return sums;
  });
  return { size, keys: table.columns.map((column) => column.slice(0, size)), additive };
}

/** Of a measure: equal in two layouts if it is the same sum. */
function nameOf(layout: Layout, { filter, ...measure }: Additive): string {
  const tests = filter === null ? [] : (layout.filters[filter]?.tests ?? []).map((test) => testName(layout, test)).sort();
  return JSON.stringify([measure.kind, 'of' in measure ? measure.of : null, tests]);
}

function testName(layout: Layout, test: Test): string {
  if (test.kind === 'number') return JSON.stringify([test.field, test.op, test.value.units, test.value.digits]);
  return JSON.stringify([layout.dimensions[test.dimension]?.name, test.op, test.values.toSorted()]);
}
