/**
 * What is left to add where one delta takes the place of another: `next` - `old`, key by key.
 *
 * One delta instead of two, so that whoever applies it sees the state before and the state after, and never the one in between
 * in which the old is out and the new not yet in. Keys whose measures all come to zero are left out: nothing changes for them.
 * Cost: O(rows of both * measures), of a correction only.
 */
import type { GrainDelta } from './delta.ts';
import type { StateDelta } from './detector.ts';
import { EntityTable } from './entity-table.ts';
import { assertLaw } from './error.ts';
import { Integers } from './integers.ts';

/** Both of the same layout, with the same state's value ids. */
export function difference(next: StateDelta, old: StateDelta): StateDelta {
  assertLaw(next.grains.length === old.grains.length, 'a delta takes the place of one of the same layout');
  return { grains: next.grains.map((grain, b) => grainDifference(grain, old.grains[b] as GrainDelta)) };
}

function grainDifference(next: GrainDelta, old: GrainDelta): GrainDelta {
  assertLaw(next.additive.length === old.additive.length, 'a delta takes the place of one with the same measures');
  const table = new EntityTable(next.keys.length);
  const nextRows = new Uint32Array(next.size);
  const oldRows = new Uint32Array(old.size);
  table.resolve(next.keys, next.size, nextRows, 0);
  table.resolve(old.keys, old.size, oldRows, 0);
  const sums = next.additive.map((column, m) => {
    const sum = new Integers(table.size);
    sum.resize(table.size);
    for (let i = 0; i < next.size; i++) sum.addFrom(nextRows[i] as number, column, i);
    const taken = old.additive[m] as Integers;
    for (let i = 0; i < old.size; i++) sum.add(oldRows[i] as number, -taken.big(i));
    return sum;
  });
  const left: number[] = [];
  for (let row = 0; row < table.size; row++) if (sums.some((sum) => sum.sign(row) !== 0)) left.push(row);
  return {
    size: left.length,
    keys: table.columns.map((column) => Uint32Array.from(left, (row) => column[row] as number)),
    additive: sums.map((sum) => pick(sum, left)),
  };
}

function pick(column: Integers, rows: readonly number[]): Integers {
  const out = new Integers(rows.length);
  out.resize(rows.length);
  rows.forEach((row, i) => out.addFrom(i, column, row));
  return out;
}
