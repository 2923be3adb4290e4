import type { Migration } from './migration.ts';

/**
 * The ledger and what hangs on it. Statistics tables depend on the patterns: they are made when the basis is set
 * (postgres/statistics-tables.ts).
 *
 * Bulk tables (dictionary, rejected_row, detection) have no foreign keys: a check a row would cost more than the insert, and the one
 * writer fills them in the same transaction as the ledger line.
 */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  sql: `
create table pipeline (
  name text collate "C" primary key,
  epoch bigint not null default 0,
  last_sequence bigint not null default 0,
  folded_sequence bigint not null default -1,
  last_detection_time timestamptz,
  holder_pid integer,
  holder_start timestamptz,
  lease_until timestamptz,
  generation integer not null default 0,
  layout text,
  input text,
  created_at timestamptz not null default now(),
  constraint pipeline_sequences check (folded_sequence >= -1 and folded_sequence <= last_sequence),
  constraint pipeline_basis check ((layout is null) = (input is null))
);
create unique index pipeline_one_row on pipeline ((true));
comment on table pipeline is 'The one row of this pipeline: who writes, and how far it is.';
comment on column pipeline.epoch is 'Raised by each detector that takes over; a commit of an older epoch is refused.';
comment on column pipeline.last_sequence is 'Sequence number of the last applied ledger entry.';
comment on column pipeline.folded_sequence is 'The statistics tables hold the entries up to this one; -1 while nothing is folded.';
comment on column pipeline.generation is 'Number in the names of the statistics tables; each rebuild makes new ones.';
comment on column pipeline.layout is 'JSON: dimensions, filters, grains and measures of the statistics.';
comment on column pipeline.input is 'JSON: the input settings that decide what the numbers mean.';

create table pattern_set (
  from_sequence bigint primary key,
  fingerprint text not null,
  text text not null,
  patterns json not null
);
comment on table pattern_set is 'Each set of patterns and the sequence number from which it holds.';

create table pattern (
  id text collate "C" not null,
  generation integer not null,
  action text not null,
  entity text[] not null,
  primary key (id, generation)
);
comment on table pattern is 'Every pattern id ever used; a reset starts a new generation, in which it detects afresh.';
comment on column pattern.entity is 'Names of the dimensions, in the order of the values in detection.entity.';

create table chunk (
  position bigint primary key,
  kind text not null check (kind in ('reference', 'chunk', 'correction', 'replay', 'reevaluation')),
  key text collate "C" not null,
  folder boolean not null,
  listing text collate "C" not null generated always as (case when folder then key || '/' else key end) stored,
  version text not null,
  content_id text collate "C",
  bytes bigint,
  outcome text not null check (outcome in ('applied', 'quarantined', 'duplicate', 'changed', 'empty', 'waiting')),
  sequence bigint,
  rows bigint not null check (rows >= 0),
  applied bigint not null check (applied >= 0),
  quarantined bigint not null check (quarantined >= 0),
  not_counted bigint not null check (not_counted >= 0),
  detections bigint not null check (detections >= 0),
  reason text,
  detail text,
  detection_time timestamptz not null,
  constraint chunk_sequence unique (sequence),
  constraint chunk_applied_has_sequence check ((sequence is not null) = (outcome = 'applied')),
  constraint chunk_conservation check (rows = applied + quarantined + not_counted),
  constraint chunk_not_counted check (not_counted = 0 or outcome in ('duplicate', 'changed'))
);
create index chunk_listing on chunk (left(listing, 600), position);
create index chunk_content on chunk (content_id) where outcome = 'applied' and kind in ('chunk', 'correction');
comment on table chunk is 'The ledger: every version of every chunk seen, and what became of it.';
comment on column chunk.position is 'Place in the ledger: the order of first decision.';
comment on column chunk.listing is 'The key as it is listed: that of a folder ends with a slash.';
comment on column chunk.bytes is 'Size of what content_id stands for, as stored.';
comment on column chunk.sequence is 'Number among the applied entries, from 1 without gaps; 0 is the reference.';
comment on column chunk.not_counted is 'Rows of a duplicate. rows = applied + quarantined + not_counted.';
comment on index chunk_listing is 'A prefix, because a key may be longer than an index entry can be.';

create table dictionary (
  dimension text collate "C" not null,
  id integer not null,
  value text collate "C" not null,
  primary key (dimension, id)
);
comment on table dictionary is 'The values that each dimension ever had; the statistics tables name them by id.';

create table delta (
  sequence bigint primary key references chunk (sequence),
  bytes bytea not null
);
alter table delta alter column bytes set storage external;
comment on table delta is 'What each applied entry adds to the statistics, in columns of variable-length integers.';

create table rejected_row (
  position bigint not null,
  number integer not null,
  object text collate "C" not null,
  line bigint not null,
  reason text not null,
  raw bytea not null,
  length bigint not null,
  sha256 text,
  primary key (position, number)
);
comment on table rejected_row is 'Quarantined rows: the first 100,000 of each chunk, and of each row the first 8 KiB.';
comment on column rejected_row.position is 'The ledger line: chunk.position.';
comment on column rejected_row.length is 'Bytes of the whole row.';
comment on column rejected_row.sha256 is 'Of the whole row, where raw is cut.';

create table detection (
  sequence bigint not null,
  ordinal integer not null,
  pattern text collate "C" not null,
  generation integer not null,
  action text not null,
  entity text[] not null,
  evidence text not null,
  primary key (sequence, ordinal),
  constraint detection_once exclude using hash (((array[pattern, generation::text] || entity) collate "C") with =)
);
comment on table detection is 'Each pattern that turned true for an entity, once, with its evidence.';
comment on column detection.entity is 'Values of the dimensions named in pattern.entity.';
comment on column detection.evidence is 'JSON, as it stands in the evidence file.';
comment on constraint detection_once on detection is
  'By hash because entities can be longer than a btree entry; equality is decided by the values themselves.';

create table detection_file (
  sequence bigint not null,
  ordinal integer not null,
  folder text collate "C" not null,
  key text collate "C" not null,
  sha256 text not null,
  bytes bytea,
  published_at timestamptz,
  incident text,
  primary key (sequence, ordinal),
  constraint detection_file_key unique (folder, key),
  constraint detection_file_bytes check (bytes is not null or published_at is not null)
);
alter table detection_file alter column bytes set storage external;
create index detection_file_pending on detection_file (sequence, ordinal) where published_at is null;
create index detection_file_incident on detection_file (sequence, ordinal) where incident is not null;
comment on table detection_file is 'Files planned by a commit, and whether they are in the output yet.';
comment on column detection_file.bytes is 'Compressed by brotli; dropped once the file is published.';
comment on column detection_file.incident is 'What else was found under this name; it is never overwritten.';
`,
};
