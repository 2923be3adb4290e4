/** What the ledger knows of each key, for the merge with the listing. */
import type { KnownChunk } from '../store.ts';
import type { Row } from './session.ts';

/**
 * One page after $1, of at most $2 keys, in byte order. The index has a prefix of the listed key; within a prefix the whole
 * decides. Most keys have one line, and only others are looked up once more for the content in force.
 */
export const selectKnown = `
select page.*, force.content_id as "inForce", force.bytes as "inForceBytes"
from (
  select distinct on (left(listing, 600), listing) listing, key, folder, position, version, outcome, content_id as "contentId", bytes
  from chunk
  where kind in ('chunk', 'correction') and left(listing, 600) >= left($1, 600) and listing > $1
  order by left(listing, 600), listing, position desc
  limit $2
) page
left join lateral (
  select page."contentId" as content_id, page.bytes where page.outcome = 'applied'
  union all
  (select c.content_id, c.bytes from chunk c
  where page.outcome <> 'applied' and c.kind in ('chunk', 'correction') and left(c.listing, 600) = left(page.listing, 600)
    and c.listing = page.listing and c.outcome = 'applied'
  order by c.position desc limit 1)
) force on true
order by left(page.listing, 600), page.listing`;

export interface KnownRow extends Row, KnownChunk {
  readonly listing: string;
}

export const knownPage = 5_000;

export function knownChunk({ key, folder, position, version, outcome, contentId, inForce, inForceBytes }: KnownRow): KnownChunk {
  return { key, folder, position, version, outcome, contentId, inForce, inForceBytes };
}
