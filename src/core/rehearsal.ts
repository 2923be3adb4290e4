/**
 * Deltas for a detector that is thrown away: so that V8 has compiled what a step runs through before the first one that counts.
 * Compiled code belongs to functions, whoever's state they work on.
 *
 * The first delta brings entities in a few groups; each other one some more, and moves some of them: by turns so many of a group that
 * they are moved together, and few, as in a large state. Counts are large, so that the gates of most patterns are open, and sums differ.
 */
import { Buffer } from 'node:buffer';
import type { Delta, GrainDelta, Values } from './delta.ts';
import { Integers } from './integers.ts';
import { type Additive, baseGrains, type Layout } from './layout.ts';

const FIRST = 24_000;
/** Entities of a later delta, and those of them that are new. */
const ENTITIES = 1_500;
const ADDED = 100;
/** Of one that moves few, of all groups. */
const FEW = 400;
const FEW_STRIDE = 59;
/** A multiple of the groups: those that a delta moves are of one of them. */
const STRIDE = 15;
const GROUPS = 5;
/** Of an entity in a delta. */
const COUNT = 1_000;

/** The n-th of them. */
export function rehearsalDelta(layout: Layout, n: number): Delta {
  const entities = entitiesOf(n);
  const texts = [...Array.from({ length: GROUPS }, (_, i) => `group ${i}`), ...Array.from(entities, (entity) => `value ${entity}`)];
  return {
    values: layout.dimensions.map(({ key }) => valuesOf(key ? texts : [])),
    grains: baseGrains(layout).map((grain) => grainOf(layout, grain, entities)),
  };
}

/** Each once. */
function entitiesOf(n: number): Uint32Array {
  if (n === 0) return new Uint32Array(FIRST).map((_, i) => i);
  // The first ones are alike: what is compiled at first is what most entities run through.
  const [size, stride] = n > 2 && n % 2 === 1 ? [FEW, FEW_STRIDE] : [ENTITIES, STRIDE];
  return new Uint32Array(size).map((_, i) => (i < ADDED ? FIRST + n * ADDED + i : (i * stride + n) % FIRST));
}

/** Row i is of entities[i], always in the same group. */
function grainOf(layout: Layout, index: number, entities: Uint32Array): GrainDelta {
  const { dimensions, additive } = layout.grains[index] as (typeof layout.grains)[number];
  const groups = groupOf(layout, index);
  const rows = dimensions.length === 0 ? entities.subarray(0, 1) : entities;
  return {
    size: rows.length,
    keys: dimensions.map((dimension) => rows.map((entity, i) => (groups.includes(dimension) ? entity % GROUPS : GROUPS + i))),
    additive: additive.map((measure) => Integers.from(Array.from(rows, (entity) => sumOf(measure, entity)))),
  };
}

/** The dimensions of the coarsest grain that sums this one: those of most cohorts. */
function groupOf({ grains }: Layout, index: number): readonly number[] {
  const own = grains[index]?.dimensions.length ?? 0;
  const coarser = grains.flatMap(({ base, dimensions }) =>
    base === index && dimensions.length > 0 && dimensions.length < own ? [dimensions] : [],
  );
  return coarser.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

function sumOf({ kind, filter }: Additive, entity: number): number {
  if (filter !== null && entity % 2 === 0) return 0;
  return kind === 'sum' ? COUNT * (1 + ((entity * 7919) % 997)) : COUNT + (entity % 3);
}

function valuesOf(texts: readonly string[]): Values {
  const bytes = texts.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  bytes.forEach((value, i) => {
    offsets[i + 1] = (offsets[i] as number) + value.length;
  });
  return { count: texts.length, bytes: Buffer.concat(bytes), offsets };
}
