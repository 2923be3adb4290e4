import type { Migration } from './migration.ts';

/**
 * What commands ask of whoever holds the pipeline (PROTOCOL.md 1.7). A request is named by the command, so that one whose answer was
 * lost can be put again; its bytes go when it is answered, in the commit that does what it asks for. The answers stay: they are small,
 * and say what was asked for when.
 */
export const inbox: Migration = {
  version: 6,
  name: 'inbox',
  sql: `
create table inbox (
  id text collate "C" primary key,
  kind text not null check (kind in ('replay')),
  name text collate "C" not null,
  bytes bytea,
  at timestamptz not null default clock_timestamp(),
  answer text,
  answered_at timestamptz,
  constraint inbox_answer check ((answer is null) = (bytes is not null) and (answer is null) = (answered_at is null))
);
create index inbox_open on inbox (at, id) where answer is null;
comment on table inbox is 'What commands ask of the detector that holds the pipeline.';
comment on column inbox.name is 'Of a replay: the name of the file.';
comment on column inbox.bytes is 'Of a replay: the file, until it is answered.';
comment on column inbox.answer is 'JSON: what came of it; null while it waits.';
`,
};
