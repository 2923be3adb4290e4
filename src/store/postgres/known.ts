/** What the ledger knows of each key, for the merge with the listing. */
import type { KnownChunk } from '../store.ts';
import type { Row } from './session.ts';

/**
 * One page after $1, of at most $2 keys, in byte order. The index has a prefix of the listed key; within a prefix the whole
 * decides. Most keys have one line, and only others are looked up once more for the content in force. What a correction took the
 * place of is not in force; it may have come under the other kind of the name, so the line itself does not show it.
 */
export const selectKnown = `
select page.*, force.content_id as "inForce", force.bytes as "inForceBytes",
  page.outcome = 'duplicate' and not exists (
    select from chunk c where c.content_id = page."contentId" and c.outcome = 'applied' and c.kind in ('chunk', 'correction')
      and not exists (select from chunk later where later.corrects = c.sequence)
  ) as "isFreed"
from (
  select distinct on (left(listing, 600), listing) listing, key, folder, position, version, outcome, reason, content_id as "contentId", bytes, sequence
  from chunk
  where kind in ('chunk', 'correction') and left(listing, 600) >= left($1, 600) and listing > $1
  order by left(listing, 600), listing, position desc
  limit $2
) page
left join (select corrects from chunk where corrects is not null) correction on correction.corrects = page.sequence
left join lateral (
  select page."contentId" as content_id, page.bytes where page.outcome = 'applied' and correction.corrects is null
  union all
  (select c.content_id, c.bytes from chunk c
  where page.outcome <> 'applied' and c.kind in ('chunk', 'correction') and left(c.listing, 600) = left(page.listing, 600)
    and c.listing = page.listing and c.outcome = 'applied' and not exists (select from chunk later where later.corrects = c.sequence)
  order by c.position desc limit 1)
) force on true
order by left(page.listing, 600), page.listing`;

export interface KnownRow extends Row, KnownChunk {
  readonly listing: string;
}

export const knownPage = 5_000;

export function knownChunk({
  key,
  folder,
  position,
  version,
  outcome,
  reason,
  contentId,
  inForce,
  inForceBytes,
  isFreed,
}: KnownRow): KnownChunk {
  return { key, folder, position, version, outcome, reason, contentId, inForce, inForceBytes, isFreed };
}
