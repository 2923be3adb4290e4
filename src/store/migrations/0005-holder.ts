import type { Migration } from './migration.ts';

/** Who writes, in words that help to find it: a process of the server says nothing of the machine where the detector runs. */
export const holder: Migration = {
  version: 5,
  name: 'holder',
  sql: `
alter table pipeline add column holder_host text, add column holder_process bigint,
  add column held_since timestamptz, add column renewed_at timestamptz;
comment on column pipeline.holder_pid is 'Process of the server that serves whoever writes.';
comment on column pipeline.holder_host is 'Machine of the detector that writes, as it calls itself.';
comment on column pipeline.holder_process is 'Its process there.';
comment on column pipeline.held_since is 'When it took the pipeline.';
comment on column pipeline.renewed_at is 'When it last renewed its lease: with each commit, and every 10 s at the latest.';
`,
};
