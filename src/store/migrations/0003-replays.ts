import type { Migration } from './migration.ts';

/**
 * Quarantined rows that were mended and replayed: what each was mended to, and where it came from. A row is named by its chunk's
 * ledger line, its object and its line there, because `rebuild` writes the rejected rows of a chunk anew.
 *
 * Exclusion by hash instead of a unique index, because an object's key may be longer than an index entry can be.
 */
export const replays: Migration = {
  version: 3,
  name: 'replays',
  sql: `
create table replayed_row (
  position bigint not null,
  number integer not null,
  origin bigint not null,
  version text collate "C" not null,
  object text collate "C" not null,
  line bigint not null,
  header bytea not null,
  record bytea not null,
  primary key (position, number),
  constraint replayed_row_once exclude using hash ((array[origin::text, version, line::text, object] collate "C") with =)
);
create index replayed_row_origin on replayed_row (origin);
comment on table replayed_row is 'Quarantined rows that were mended and replayed, each once.';
comment on column replayed_row.position is 'Ledger line of the replay: chunk.position.';
comment on column replayed_row.origin is 'Ledger line of the chunk that the row is of: rejected_row.position.';
comment on column replayed_row.version is 'Content id of that chunk then: a rebuild may have taken other bytes for it.';
comment on column replayed_row.header is 'Names of the columns of record, as a CSV line with commas, each in double quotes.';
comment on column replayed_row.record is 'The mended row, written as the header is.';
`,
};
