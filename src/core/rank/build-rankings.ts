/**
 * Rankings of many cohorts at once, after loading: one pass over all entities in their order instead of one over each cohort's
 * children, which lie far from each other. Each has some room to grow, some more than others: without any, all would be copied by the
 * first step, and with the same room by one of the next. Cost: O(entities) reads in sequence, and 12 bytes a member until it is done.
 */
import type { GrainState } from '../grain-state.ts';
import { IdList } from '../grow.ts';
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import { BlockRanking } from './block-ranking.ts';
import { largestDenominator, readKeys } from './read-keys.ts';

const PIECE = 65_536;

/** One for each of the cohorts, in their order, of the members that have the measure. */
export function buildRankings(cohorts: readonly number[], link: Link, measure: Measure): BlockRanking[] {
  const grain: GrainState = link.from;
  const children = link.withChildren();
  // By cohort its place in `cohorts` + 1, or 0.
  const places = new Uint32Array(link.to.table.size);
  cohorts.forEach((cohort, i) => {
    places[cohort] = i + 1;
  });
  const keysOf = cohorts.map((cohort) => new Float64Array(children.count(cohort)));
  const idsOf = cohorts.map((cohort) => new Uint32Array(children.count(cohort)));
  const sizes = new Uint32Array(cohorts.length);
  const list = new IdList();
  const keys = new Float64Array(PIECE);
  for (let first = 0; first < grain.table.size; first += PIECE) {
    collectPiece(first, Math.min(first + PIECE, grain.table.size), link.parent, places, list);
    readKeys(list.ids, list.length, grain, measure, null, keys);
    for (let i = 0; i < list.length; i++) {
      const key = keys[i] as number;
      if (Number.isNaN(key)) continue;
      const id = list.ids[i] as number;
      const place = (places[link.parent[id] as number] as number) - 1;
      const at = sizes[place] as number;
      (keysOf[place] as Float64Array)[at] = key;
      (idsOf[place] as Uint32Array)[at] = id;
      sizes[place] = at + 1;
    }
  }
  return cohorts.map((_, i) => {
    const size = sizes[i] as number;
    const memberKeys = (keysOf[i] as Float64Array).subarray(0, size);
    const members = (idsOf[i] as Uint32Array).subarray(0, size);
    const largest = largestDenominator(members, memberKeys, size, measure.denominator, null);
    return BlockRanking.from(memberKeys, members, largest, 0.5 + (1.5 * i) / cohorts.length);
  });
}

function collectPiece(first: number, end: number, parent: Uint32Array, places: Uint32Array, list: IdList): void {
  list.clear();
  list.reserve(end - first);
  const { ids } = list;
  let count = 0;
  for (let entity = first; entity < end; entity++) {
    ids[count] = entity;
    if (places[parent[entity] as number] !== 0) count++;
  }
  list.length = count;
}
