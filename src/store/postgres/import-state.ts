/**
 * A backup becomes the state, in one transaction: nobody sees any of it before all of it is there and known to be what was
 * written, and what fails leaves everything as it was.
 *
 * The schema is made by the steps of the release that wrote the backup, filled, and then brought up by the steps since. The epoch goes above
 * every one that the place has seen, so a detector of the state before is refused.
 */
import { assertLaw, TallyhoError } from '../../core/error.ts';
import { altered, type BackupHeader, type BackupReader, invalid, type RowCounts } from '../backup/format.ts';
import { schemaVersion } from '../migrations/migrations.ts';
import { type Address, describeAddress } from './address.ts';
import { storeError } from './failure.ts';
import { noHolder } from './fence.ts';
import { describeHolder } from './holder.ts';
import { identifier } from './identifier.ts';
import { type PipelineRecord, selectPipeline } from './pipeline-row.ts';
import { beginSchema, stepsOf } from './schema.ts';
import { unhurried } from './session-settings.ts';
import type { Statements } from './session.ts';
import { Sessions } from './sessions.ts';
import { ledgerTables, statisticsTables } from './state-tables.ts';
import { createTables, createViews } from './statistics-tables.ts';

export interface ImportOptions {
  readonly connection: Address;
  readonly pipeline: string;
  readonly backup: BackupReader;
  /** Takes the place of what is there. */
  readonly replace: boolean;
}

const begin = `begin; ${unhurried}; set local idle_in_transaction_session_timeout = 0; set local timezone = 'UTC'`;

/** BACKUP_INVALID, STATE_PRESENT, HELD; the backup's rows by table. */
export async function importState({ connection, pipeline, backup, replace }: ImportOptions): Promise<RowCounts> {
  checkHeader(backup.header, pipeline);
  const where = describeAddress(connection);
  const sessions = new Sessions(connection, pipeline, where, false);
  try {
    const session = await sessions.openToWrite();
    try {
      await sessions.prepareToWrite(session, 'writer');
      await session.transaction(begin, 'import the state', async (statements) => {
        const epoch = await makeRoom(statements, pipeline, where, replace);
        await fill(statements, backup);
        const { count } = await statements.query(updatePipeline, [pipeline, epoch]);
        if (count !== 1) throw altered('its pipeline has another name than it says');
      });
    } finally {
      await session.close();
    }
    return backup.counts;
  } catch (error) {
    throw storeError(error, 'import the state', where);
  } finally {
    await sessions.close();
  }
}

/** What can be said before anything is asked of the store. */
export function checkHeader({ schema, pipeline: name, release }: BackupHeader, pipeline: string): void {
  if (schema > schemaVersion)
    throw invalid(
      `its schema has version ${schema}, and this release knows ${schemaVersion}`,
      `Use Tallyho ${release}, which wrote it, or a newer one.`,
    );
  if (name !== pipeline)
    throw invalid(
      `it is of the pipeline ${JSON.stringify(name)}, and the config names ${JSON.stringify(pipeline)}`,
      `Write \`pipeline: ${name}\` into the config, or name another backup.`,
    );
}

/** An empty schema, and the epoch that its pipeline has seen. */
async function makeRoom(statements: Statements, pipeline: string, where: string, replace: boolean): Promise<number> {
  const version = await beginSchema(statements, pipeline, where);
  if (version === null) return 0;
  const look = async (): Promise<PipelineRecord | null> => {
    const [record = null] = await statements.query<PipelineRecord>(selectPipeline);
    if (record?.held === true)
      throw new TallyhoError('HELD', await describeHolder(statements, pipeline, where), { mend: 'Stop it first.' });
    return record;
  };
  // Before the lock, which a running detector would hold up, and after it.
  await look();
  await statements.query('lock table pipeline in access exclusive mode');
  const record = await look();
  const [present] = await statements.query<{ lines: number; sets: number }>(selectPresent);
  if (!replace && present !== undefined && present.lines + present.sets > 0)
    throw new TallyhoError(
      'STATE_PRESENT',
      `The pipeline ${pipeline} in PostgreSQL (${where}) has a state: ${present.lines} lines in its ledger.`,
      {
        mend: 'Name another store or another state folder; or `--replace`, which gives up that state for the backup.',
      },
    );
  await dropAll(statements, pipeline);
  return record?.epoch ?? 0;
}

/** Without `cascade`: what others have built on our views is theirs, and says so by a failure. */
async function dropAll(statements: Statements, pipeline: string): Promise<void> {
  const found = await statements.query<{ name: string; view: boolean }>(selectRelations, [pipeline]);
  const drop = async (what: string, names: readonly string[]): Promise<void> => {
    if (names.length > 0) await statements.query(`drop ${what} ${names.map(identifier).join(', ')}`);
  };
  await drop(
    'view',
    found.filter(({ view }) => view).map(({ name }) => name),
  );
  await drop(
    'table',
    found.filter(({ view }) => !view).map(({ name }) => name),
  );
}

async function fill(statements: Statements, backup: BackupReader): Promise<void> {
  const { schema, layout, generation } = backup.header;
  for (const step of stepsOf(0, schema)) await statements.query(step.text, step.parameters);
  if (layout !== null) {
    const tables = createTables(layout, generation);
    if (tables.length > 0) await statements.query(tables.join(';\n'));
  }
  const statistics = statisticsTables(layout, generation);
  const known: readonly string[] = [...ledgerTables, ...statistics];
  for (let next = await backup.next(); next !== null; next = await backup.next()) {
    const { table, columns } = next;
    if (!known.includes(table)) throw altered(`its table ${table} is not known`);
    await statements.copyIn(`copy ${identifier(table)} (${columns.map(identifier).join(', ')}) from stdin`, backup.rows());
    // As a fold makes it, with the first rows (fold.ts).
    if (statistics.includes(table) && (backup.counts[table] ?? 0) > 0)
      await statements.query(`alter table ${identifier(table)} add primary key (entity)`);
  }
  for (const [table, rows] of Object.entries(backup.counts)) {
    const [there] = await statements.query<{ rows: number }>(`select count(*) as rows from ${identifier(table)}`);
    assertLaw(there?.rows === rows, `${table} has the rows of its backup`);
  }
  const views = layout === null ? [] : createViews(layout, generation);
  if (views.length > 0) await statements.query(views.join(';\n'));
  for (const step of stepsOf(schema, schemaVersion)) await statements.query(step.text, step.parameters);
}

const selectPresent = 'select (select count(*) from chunk) as lines, (select count(*) from pattern_set) as sets';

const selectRelations = `
select c.relname as name, c.relkind = 'v' as view from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'v') order by c.relname`;

/** Nobody holds it, and whoever did is refused. */
const updatePipeline = `
update pipeline set epoch = greatest(epoch, $2) + 1, ${noHolder} where name = $1`;
