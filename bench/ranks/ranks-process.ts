/**
 * One size of ranks, in a process of its own: the structure that keeps a large cohort in order against sorting from scratch.
 * The only place of the bench that names the structure itself; what it is asked is the contract (src/core/rank/ranking.ts).
 */
import { BlockRanking } from '../../src/core/rank/block-ranking.ts';
import { heldBytes, serve } from '../lib/serve.ts';
import { sortFromScratch } from '../lib/sort-from-scratch.ts';
import { mix } from '../lib/synthetic.ts';

export interface RanksQuestion {
  readonly members: number;
  readonly values: 'uniform' | 'ties';
  readonly updates: number;
  readonly rounds: number;
}

export interface RanksRound {
  readonly updatesMs: number;
  /** The first question after updates, and one more. */
  readonly cutMs: number;
  readonly nextCutMs: number;
  /** Of as many members as were updated. */
  readonly ranksMs: number;
  /** Sorting all keys, and the places of as many members. */
  readonly sortMs: number;
}

export interface RanksAnswer {
  readonly buildMs: number;
  readonly bytesPerMember: number;
  readonly rounds: readonly RanksRound[];
}

serve(({ members, values, updates, rounds }: RanksQuestion): RanksAnswer => {
  const distinct = values === 'ties' ? 10 : 2 ** 32;
  const keyOf = (random: number): number => (mix(random) % distinct) / 100;
  const keys = Float64Array.from({ length: members }, (_, i) => keyOf(i));
  const before = heldBytes();
  const ids = Uint32Array.from({ length: members }, (_, i) => i);
  const own = keys.slice();
  const started = performance.now();
  const ranking = BlockRanking.from(own, ids, 1);
  const buildMs = performance.now() - started;
  // The two arrays that it was made of are still held, by us.
  const bytesPerMember = (heldBytes() - before) / members - own.BYTES_PER_ELEMENT - ids.BYTES_PER_ELEMENT;
  const done: RanksRound[] = [];
  for (let round = -1; round < rounds; round++) {
    const touched = Uint32Array.from({ length: Math.min(updates, members) }, (_, i) => mix((round + 2) * updates + i) % members);
    const fresh = Float64Array.from(touched, (_, i) => keyOf((round + 2) * updates + i + 77));
    const updatesMs = timed(() => {
      touched.forEach((id, i) => {
        ranking.remove(keys[id]!, id);
        ranking.insert(fresh[i]!, id);
        keys[id] = fresh[i]!;
      });
    });
    const cut = Math.floor((members - 1) / 10);
    const cutMs = timed(() => ranking.keyAt(cut));
    const nextCutMs = timed(() => ranking.keyAt(members - 1 - cut));
    const ranksMs = timed(() => touched.reduce((sum, id) => sum + ranking.countBelow(keys[id]!), 0));
    const sortMs = sortFromScratch(keys, touched);
    if (round >= 0) done.push({ updatesMs, cutMs, nextCutMs, ranksMs, sortMs });
  }
  return { buildMs, bytesPerMember, rounds: done };
});

function timed(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}
