import { initial } from './0001-initial.ts';
import { corrections } from './0002-corrections.ts';
import { replays } from './0003-replays.ts';
import { adoptions } from './0004-adoptions.ts';
import { holder } from './0005-holder.ts';
import { inbox } from './0006-inbox.ts';
import type { Migration } from './migration.ts';

/** All steps in order. */
export const migrations: readonly Migration[] = [initial, corrections, replays, adoptions, holder, inbox];

/** The version of the schema that this release reads and writes. */
export const schemaVersion = migrations.length;
