/**
 * The statistics of all grains in memory: the aggregate of everything applied (law 1).
 *
 * Formula: additive measures of a base grain are sums over deltas; those of a derived grain are the same sums by parent;
 * a distinct count is the number of finer entities whose counting measure is positive.
 * State: dictionaries, a GrainState a grain, links from finer to coarser grains.
 * A change has four phases, so that whoever watches sees both sides of it:
 *   resolve   ids of the entities touched; new ones appear with zeros (no members); parents and their touched lists
 *   (watchers look at the state before)
 *   apply     sums; distinct counts move where a counting measure crossed zero
 *   (watchers look at the state after)
 *   release   marks and touched lists are emptied
 * Cost: O(touched entities * (grains + measures)), expected.
 */
import type { StateDelta } from './detector.ts';
import { Dictionary } from './dictionary.ts';
import { assertLaw } from './error.ts';
import { GrainState } from './grain-state.ts';
import { roomUint32 } from './grow.ts';
import type { Integers } from './integers.ts';
import { baseGrains, type Layout } from './layout.ts';
import { DistinctCount } from './distinct-count.ts';
import type { GrainDelta } from './delta.ts';
import { Link } from './link.ts';

export class State {
  readonly layout: Layout;
  readonly dictionaries: readonly Dictionary[];
  readonly grains: readonly GrainState[];
  /** Indices of the base grains, in the order of a delta's grains. */
  readonly bases: readonly number[];
  /** Changes with every `apply`: what was derived from the measures before is stale. */
  version = 0;
  /** Finest first: every link leads to a grain that comes later, or to itself. */
  private readonly finestFirst: readonly GrainState[];
  private readonly distinctCounts: readonly DistinctCount[];
  /** For each base the derived grains that sum it. */
  private readonly derived: readonly (readonly Link[])[];
  /** For each base the entities of the delta in hand, by row. */
  private readonly rows: Uint32Array<ArrayBuffer>[];
  private parents = new Uint32Array(0);

  constructor(layout: Layout) {
    this.layout = layout;
    this.dictionaries = layout.dimensions.map(() => new Dictionary());
    this.grains = layout.grains.map((_, index) => new GrainState(index, layout));
    this.bases = baseGrains(layout);
    this.finestFirst = this.grains.toSorted((a, b) => b.grain.dimensions.length - a.grain.dimensions.length);
    this.derived = this.bases.map((base) =>
      this.grains.filter((state) => state.grain.base === base && state.index !== base).map((state) => this.link(base, state.index)),
    );
    this.distinctCounts = this.grains.flatMap((state) =>
      state.grain.distinct.map((distinct, i) => new DistinctCount(this.link(distinct.of, state.index), distinct.counting, i)),
    );
    this.rows = this.bases.map(() => new Uint32Array(0));
  }

  grain(index: number): GrainState {
    const state = this.grains[index];
    assertLaw(state !== undefined, `the layout has a grain ${index}`);
    return state;
  }

  /** The link from a grain to a coarser one, made if it is new: before the first entity appears. */
  link(from: number, to: number): Link {
    const source = this.grain(from);
    const found = source.links.find((link) => link.to.index === to);
    if (found !== undefined) return found;
    const link = new Link(source, this.grain(to));
    source.links.push(link);
    return link;
  }

  /** Entities of the row `i` of the delta's grain `b` after `resolve`; only the first `size` are meaningful. */
  rowsOf(b: number): Uint32Array<ArrayBuffer> {
    return this.rows[b] as Uint32Array<ArrayBuffer>;
  }

  resolve(delta: StateDelta): void {
    this.check(delta);
    for (let b = 0; b < this.bases.length; b++) this.resolveBase(b, delta.grains[b] as GrainDelta);
    for (const grain of this.finestFirst) for (const link of grain.links) link.extend();
    for (const grain of this.grains) grain.fit();
    for (let b = 0; b < this.bases.length; b++) {
      this.grain(this.bases[b] as number).touch(this.rowsOf(b), (delta.grains[b] as GrainDelta).size);
    }
    for (const grain of this.finestFirst) for (const link of grain.links) if (link.to !== grain) this.touchParents(link);
  }

  apply(delta: StateDelta): void {
    for (let b = 0; b < this.bases.length; b++) this.applyBase(b, delta.grains[b] as GrainDelta);
    this.updateDistincts();
    this.version++;
  }

  /**
   * Entities of base `b` up to `end`, whose keys and sums are in place (table-load.ts), appear: with all that `resolve` and `apply`
   * would have made of them.
   */
  adopt(b: number, end: number): void {
    const base = this.grain(this.bases[b] as number);
    const first = base.table.size;
    base.table.adopt(end);
    for (const grain of this.finestFirst) for (const link of grain.links) link.extend();
    for (const grain of this.grains) grain.fit();
    const sums = base.records.slices(base.additive.length, first, end);
    for (const link of this.derived[b] as readonly Link[]) {
      const sources = link.to.grain.fromBase.map((m) => sums[m] as Integers);
      link.to.records.add(link.parent.subarray(first, end), sources, end - first);
    }
    base.records.noteNew(sums, first);
    this.updateDistincts();
    this.version++;
  }

  release(): void {
    for (const grain of this.grains) grain.release();
  }

  private resolveBase(b: number, delta: GrainDelta): void {
    const rows = roomUint32(this.rowsOf(b), delta.size);
    this.rows[b] = rows;
    this.grain(this.bases[b] as number).table.resolve(delta.keys, delta.size, rows, 0);
  }

  private applyBase(b: number, delta: GrainDelta): void {
    const base = this.grain(this.bases[b] as number);
    const rows = this.rowsOf(b);
    base.records.add(rows, delta.additive, delta.size);
    for (const link of this.derived[b] as readonly Link[]) {
      const sources = link.to.grain.fromBase.map((m) => delta.additive[m] as Integers);
      link.to.records.add(this.parentsOf(link, rows, delta.size), sources, delta.size);
    }
  }

  private updateDistincts(): void {
    for (const distinct of this.distinctCounts) distinct.update();
    if (this.distinctCounts.length > 0) for (const grain of this.grains) grain.records.clearCrossings();
  }

  /** Touches the parents of what `link.from` touches. */
  private touchParents(link: Link): void {
    const { ids, length } = link.from.touched;
    link.to.touch(this.parentsOf(link, ids, length), length);
  }

  /** Valid until the next call. */
  private parentsOf(link: Link, entities: Uint32Array, count: number): Uint32Array {
    this.parents = roomUint32(this.parents, count);
    gather(link.parent, entities, this.parents, count);
    return this.parents;
  }

  /** Refuses what is no delta of this layout before anything changes. */
  private check(delta: StateDelta): void {
    assertLaw(delta.grains.length === this.bases.length, 'a delta has one part for each base grain');
    for (let b = 0; b < this.bases.length; b++) this.checkPart(b, delta.grains[b] as GrainDelta);
  }

  /** Of base `b`. */
  checkPart(b: number, part: GrainDelta): void {
    const { grain } = this.grain(this.bases[b] as number);
    assertLaw(part.keys.length === grain.dimensions.length, `a delta of ${grain.name} has ${grain.dimensions.length} key columns`);
    assertLaw(part.additive.length === grain.additive.length, `a delta of ${grain.name} has ${grain.additive.length} measures`);
    for (const column of part.additive) assertLaw(column.length >= part.size, `a measure of a delta of ${grain.name} has all its rows`);
    part.keys.forEach((column, k) => {
      assertLaw(column.length >= part.size, `a key of a delta of ${grain.name} has all its rows`);
      const known = this.dictionaries[grain.dimensions[k] as number] as Dictionary;
      assertLaw(areBelow(column, part.size, known.size), `a delta of ${grain.name} names known values only`);
    });
  }
}

function areBelow(column: Uint32Array, count: number, limit: number): boolean {
  for (let i = 0; i < count; i++) if ((column[i] as number) >= limit) return false;
  return true;
}

function gather(from: Uint32Array, at: Uint32Array, out: Uint32Array, count: number): void {
  for (let i = 0; i < count; i++) out[i] = from[at[i] as number] as number;
}
