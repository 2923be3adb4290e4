import type { Migration } from './migration.ts';

/** A kind of entry for folders of the output that this state did not write, and that count as detected (PROTOCOL.md 4.5). */
export const adoptions: Migration = {
  version: 4,
  name: 'adoptions',
  sql: `
alter table chunk drop constraint chunk_kind_check;
alter table chunk add constraint chunk_kind_check
  check (kind in ('reference', 'chunk', 'correction', 'replay', 'reevaluation', 'adoption'));
`,
};
