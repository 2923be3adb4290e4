/**
 * The whole state as a backup, of one moment (one snapshot), beside a detector that runs or not. Rows come in pages of bounded
 * size, so memory is bounded by the largest row, however slow the disk. Of a ledger table they are fetched by a cursor, since they may be
 * large; those of statistics are small, many and numbered, and come by COPY, which costs less.
 */
import { assertLaw, TallyhoError } from '../../core/error.ts';
import { type BackupHeader, type BackupWriter, beginBackup, type RowCounts } from '../backup/format.ts';
import { type Address, describeAddress } from './address.ts';
import { storeError } from './failure.ts';
import { identifier } from './identifier.ts';
import { type PipelineRecord, pipelineRow, selectPipeline } from './pipeline-row.ts';
import { checkVersion, selectVersion } from './schema.ts';
import { unhurried } from './session-settings.ts';
import type { Statements } from './session.ts';
import { Sessions } from './sessions.ts';
import { ledgerTables, statisticsTables } from './state-tables.ts';
import { rowsAsCopy } from './copy-text.ts';

export interface ExportOptions {
  readonly connection: Address;
  readonly pipeline: string;
  readonly release: string;
  readonly now: Date;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Of statistics, in a page. */
  readonly rowsAtOnce?: number;
}

export interface Exported {
  readonly header: BackupHeader;
  readonly rows: RowCounts;
}

const snapshot = `begin isolation level repeatable read read only; ${unhurried}; set local idle_in_transaction_session_timeout = 0; set local timezone = 'UTC'`;

/** null where no pipeline of this name has ever run: then nothing was written. */
export async function exportState({
  connection,
  pipeline,
  release,
  now,
  write,
  rowsAtOnce = 32_768,
}: ExportOptions): Promise<Exported | null> {
  const where = describeAddress(connection);
  const sessions = new Sessions(connection, pipeline, where, true);
  try {
    const { session } = await sessions.open();
    sessions.keep(session);
    if (!(await sessions.isThere(session))) return null;
    return await session.transaction(snapshot, 'export the state', async (statements) => {
      const [record] = await statements.query<PipelineRecord>(selectPipeline);
      if (record === undefined) return null;
      const [about] = await statements.query<{ version: number; server: string }>(
        `select v.version, current_setting('server_version') as server from (${selectVersion}) v`,
      );
      checkVersion(about?.version ?? 0, where);
      const { basis, lastSequence, foldedSequence } = pipelineRow(record);
      const layout = basis?.layout ?? null;
      const statistics = statisticsTables(layout, record.generation);
      // While nothing is folded the tables are empty as of our snapshot, which frozen rows of the first fold pay no heed to.
      const folded = foldedSequence < 0 ? [] : statistics;
      // A rebuild drops these tables: from here on it waits for us, and if it was first, this fails before anything is written.
      if (folded.length > 0) await statements.query(`lock table ${folded.map(identifier).join(', ')} in access share mode`);
      const header: BackupHeader = {
        schema: about?.version ?? 0,
        pipeline,
        release,
        server: about?.server ?? '',
        at: now.toISOString(),
        lastSequence,
        generation: record.generation,
        layout,
      };
      const backup = await beginBackup(header, write);
      for (const table of [...ledgerTables, ...statistics]) {
        const columns = (await statements.query<{ name: string }>(selectColumns, [table])).map(({ name }) => name);
        if (columns.length === 0)
          throw new TallyhoError('STORE_SCHEMA', `The schema ${pipeline} in PostgreSQL (${where}) has no table ${table}.`);
        await backup.begin({ table, columns });
        if (folded.includes(table)) await copyStatistics(statements, table, columns, rowsAtOnce, backup);
        else if (!statistics.includes(table)) await copyTable(statements, table, columns, backup);
        await backup.endTable();
      }
      return { header, rows: await backup.end() };
    });
  } catch (error) {
    throw isOfFile(error) ? error : storeError(error, 'export the state', where);
  } finally {
    await sessions.close();
  }
}

/** What the writing of the file failed of: it has a name of its own (backup-file.ts). */
function isOfFile(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && !('address' in error);
}

const lineEnd = 0x0a;

/** Of a page in bytes; the number of its rows follows from the page before. */
const pageBytes = 4 << 20;
const mostRows = 20_000;

async function copyTable(statements: Statements, table: string, columns: readonly string[], backup: BackupWriter): Promise<void> {
  const key = await statements.query<{ name: string }>(selectKey, [table]);
  // As the key has it, so that the same state is the same bytes.
  const order = key.length === 0 ? '' : ` order by ${key.map(({ name }) => identifier(name)).join(', ')}`;
  await statements.query(
    `declare page no scroll cursor for select ${columns.map(identifier).join(', ')} from ${identifier(table)}${order}`,
  );
  let wanted = 64;
  let next = statements.raw(`fetch forward ${wanted} from page`);
  for (;;) {
    const rows = await next;
    if (rows.length === 0) break;
    const bytes = rowsAsCopy(rows);
    wanted = Math.max(1, Math.min(mostRows, Math.floor((pageBytes * rows.length) / bytes.length)));
    next = statements.raw(`fetch forward ${wanted} from page`);
    await backup.rows(bytes, rows.length);
  }
  await statements.query('close page');
}

/** Entities are numbered from 0 without gaps. */
async function copyStatistics(
  statements: Statements,
  table: string,
  columns: readonly string[],
  rowsAtOnce: number,
  backup: BackupWriter,
): Promise<void> {
  const from = `select ${columns.map(identifier).join(', ')} from ${identifier(table)}`;
  const [row] = await statements.query<{ size: number }>(`select coalesce(max(entity) + 1, 0) as size from ${identifier(table)}`);
  const size = row?.size ?? 0;
  for (let first = 0; first < size; first += rowsAtOnce) {
    const pieces: Buffer[] = [];
    let rows = 0;
    await statements.copyOut(
      `copy (${from} where entity >= ${first} and entity < ${first + rowsAtOnce} order by entity) to stdout`,
      (bytes, start, end) => {
        const piece = Buffer.from(bytes.subarray(start, end));
        pieces.push(piece);
        for (let at = piece.indexOf(lineEnd); at !== -1; at = piece.indexOf(lineEnd, at + 1)) rows++;
      },
    );
    assertLaw(rows === Math.min(rowsAtOnce, size - first), `the entities of ${table} are numbered without gaps`);
    await backup.rows(Buffer.concat(pieces), rows);
  }
}

/** What is computed from other columns is computed again. */
const selectColumns = `
select a.attname as name from pg_attribute a
where a.attrelid = to_regclass(quote_ident($1)) and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum`;

const selectKey = `
select a.attname as name from pg_index i, unnest(i.indkey) with ordinality k (number, place), pg_attribute a
where i.indrelid = to_regclass(quote_ident($1)) and i.indisprimary and a.attrelid = i.indrelid and a.attnum = k.number order by k.place`;
