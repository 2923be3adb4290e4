import type { Migration } from './migration.ts';

/**
 * A correction refers to the entry whose contents it takes the place of. Each entry is corrected at most once: a further change
 * corrects the correction, so what is in force under a key is the end of a chain.
 *
 * Its delta is what the statistics change by, as that of every entry. To be corrected itself it also keeps what its contents amount
 * to, since nothing else says so: the source holds other bytes by then.
 */
export const corrections: Migration = {
  version: 2,
  name: 'corrections',
  sql: `
alter table chunk add column corrects bigint references chunk (sequence);
alter table chunk add constraint chunk_corrects
  check ((corrects is not null) = (kind = 'correction') and (corrects is null or corrects < sequence));
create unique index chunk_corrected_once on chunk (corrects) where corrects is not null;
comment on column chunk.corrects is 'Sequence number of the entry whose contents it takes the place of.';

alter table delta add column contents bytea;
alter table delta alter column contents set storage external;
comment on column delta.contents is 'Of a correction: what its contents alone add; bytes has what they change.';
`,
};
