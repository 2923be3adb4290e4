/** Members of one ranking that are moved together are moved as each of them would be. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdList } from '../../src/core/grow.ts';
import { BlockRanking } from '../../src/core/rank/block-ranking.ts';

const parameters = {
  numRuns: Number(process.env['CORE_RUNS'] ?? 300),
  ...(process.env['CORE_SEED'] === undefined ? {} : { seed: Number(process.env['CORE_SEED']) }),
};

describe('BlockRanking.moveAll', () => {
  test.each([
    ['spread values', 1_000_000],
    ['many ties', 4],
    ['all equal', 0],
  ])('is inserting, moving and removing each: %s', (_, spread) => {
    const key = fc.oneof({ weight: 4, arbitrary: fc.nat(spread) }, { weight: 1, arbitrary: fc.constant(Number.NaN) });
    const batch = fc.uniqueArray(fc.tuple(fc.nat(3000), key), { selector: ([id]) => id, maxLength: 2000 });
    const property = fc.property(fc.nat(3000), fc.array(batch, { minLength: 1, maxLength: 6 }), (n, batches) => {
      const keyOf = new Map(Array.from({ length: n }, (_member, id) => [id, (id * 7919) % (spread + 1)]));
      const make = (): BlockRanking => BlockRanking.from(Float64Array.from(keyOf.values()), Uint32Array.from(keyOf.keys()), 1);
      const [together, each] = [make(), make()];
      for (const changes of batches) {
        const ids = Uint32Array.from(changes, ([id]) => id);
        const old = Float64Array.from(ids, (id) => keyOf.get(id) ?? Number.NaN);
        const keys = Float64Array.from(changes, ([, own]) => own);
        // Those before the first are not to be moved.
        const from = Math.min(changes.length, 3);
        let changed = 0;
        for (let i = from; i < ids.length; i++) changed += moveOne(each, old[i] as number, keys[i] as number, ids[i] as number);
        expect(together.moveAll(ids, old, keys, from, ids.length)).toBe(changed);
        for (let i = from; i < ids.length; i++) {
          if (Number.isNaN(keys[i])) keyOf.delete(ids[i] as number);
          else keyOf.set(ids[i] as number, keys[i] as number);
        }
        expect(membersOf(together, keyOf)).toEqual([...keyOf.keys()].toSorted((a, b) => a - b));
        expect(keysInOrder(together)).toEqual(keysInOrder(each));
      }
      // Each is found by its key.
      for (const [id, own] of keyOf) together.remove(own, id);
      expect(together.size).toBe(0);
    });
    fc.assert(property, { ...parameters, numRuns: Math.ceil(parameters.numRuns / 10) });
  });

  test('a member that is not where its key says is a broken law', () => {
    const ranking = BlockRanking.from(Float64Array.of(1, 2), Uint32Array.of(0, 1), 1);
    expect(() => ranking.moveAll(Uint32Array.of(0), Float64Array.of(2), Float64Array.of(3), 0, 1)).toThrow('broken law');
  });
});

/** 1 if it was moved. */
function moveOne(ranking: BlockRanking, old: number, key: number, id: number): number {
  if (old === key || (Number.isNaN(old) && Number.isNaN(key))) return 0;
  if (Number.isNaN(old)) ranking.insert(key, id);
  else if (Number.isNaN(key)) ranking.remove(old, id);
  else ranking.move(old, key, id);
  return 1;
}

function keysInOrder(ranking: BlockRanking): number[] {
  return Array.from({ length: ranking.size }, (_, index) => ranking.keyAt(index));
}

/** By ascending id. */
function membersOf(ranking: BlockRanking, keyOf: ReadonlyMap<number, number>): number[] {
  const list = new IdList();
  for (const key of new Set(keyOf.values())) ranking.collect(key, key, list);
  return [...list.view()].toSorted((a, b) => a - b);
}
