/** What anybody may read, without a lease: each call in one snapshot, long answers in pages. */
import type { Detector } from '../../core/detector.ts';
import type { RejectedRow } from '../../reader/rejected.ts';
import type {
  ChunkFilter,
  DetectionRow,
  Holder,
  Outcome,
  PipelineRow,
  QuarantinedRow,
  StoredLine,
  StoredReplayedRow,
  StoredRequest,
  StoreReader,
} from '../store.ts';
import { selectRequests } from './inbox.ts';
import { selectReplayed } from './replayed.ts';
import { textArray } from './arrays.ts';
import { storeError } from './failure.ts';
import { readHolder } from './holder.ts';
import { identifier } from './identifier.ts';
import { loadDetector } from './load.ts';
import { statisticsTable } from './names.ts';
import { type PipelineRecord, pipelineRow, selectPipeline } from './pipeline-row.ts';
import { baseGrains } from '../../core/layout.ts';
import type { Parameter, Row, Statements } from './session.ts';
import type { Sessions } from './sessions.ts';
import { unhurried } from './session-settings.ts';
import { grainAt } from './statistics-tables.ts';

const snapshot = 'begin isolation level repeatable read read only';
const pageRows = 2_000;

export class PostgresReader implements StoreReader {
  readonly #sessions: Sessions;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  async pipeline(): Promise<PipelineRow | null> {
    return await this.#ask('read the pipeline', null, async (statements) => {
      const [record] = await statements.query<PipelineRecord>(selectPipeline);
      return record === undefined ? null : pipelineRow(record);
    });
  }

  async holder(): Promise<Holder | null> {
    return await this.#ask('see who holds the pipeline', null, async (statements) => {
      const [record] = await statements.query<{ name: string }>('select name from pipeline');
      return record === undefined ? null : await readHolder(statements, record.name);
    });
  }

  async *chunks(filter: ChunkFilter = {}): AsyncIterable<readonly StoredLine[]> {
    yield* this.#pages<StoredLine & Row>('read the ledger', selectChunks, [filter.key ?? null, filter.outcome ?? null]);
  }

  async *rejected(filter: { readonly key?: string } = {}): AsyncIterable<readonly RejectedRow[]> {
    yield* this.#pages<RejectedRow & Row>('read the rejected rows', selectRejected, [filter.key ?? null]);
  }

  async *quarantined(
    filter: { readonly key?: string; readonly objects?: readonly string[] } = {},
  ): AsyncIterable<readonly QuarantinedRow[]> {
    const objects = filter.objects === undefined ? null : textArray(filter.objects);
    yield* this.#pages<QuarantinedRow & Row>('read the rejected rows', selectQuarantined, [filter.key ?? null, objects]);
  }

  async *replayed(filter: { readonly position?: number; readonly origin?: number }): AsyncIterable<readonly StoredReplayedRow[]> {
    yield* this.#pages<StoredReplayedRow & Row>('read the replayed rows', selectReplayed, [filter.position ?? null, filter.origin ?? null]);
  }

  async requests({ id, isOpen }: { readonly id?: string; readonly isOpen?: boolean } = {}): Promise<readonly StoredRequest[]> {
    return await this.#ask<readonly StoredRequest[]>('read the inbox', [], async (statements) => [
      ...(await statements.query<StoredRequest & Row>(selectRequests, [id ?? null, isOpen ?? null])),
    ]);
  }

  async *detections(filter: { readonly patternId?: string } = {}): AsyncIterable<readonly DetectionRow[]> {
    yield* this.#pages<DetectionRow & Row>('read the detections', selectDetections, [filter.patternId ?? null]);
  }

  async files(): ReturnType<StoreReader['files']> {
    return await this.#ask('read the planned files', { planned: 0, published: 0, incidents: [] }, async (statements) => {
      const counts = statements.query<{ planned: number; published: number }>(countFiles);
      const incidents = statements.query<{ key: string; detail: string }>(selectIncidents);
      const { planned = 0, published = 0 } = (await counts)[0] ?? {};
      return { planned, published, incidents: [...(await incidents)] };
    });
  }

  async counts(): ReturnType<StoreReader['counts']> {
    return await this.#ask(
      'count',
      { outcomes: {}, rows: 0, quarantinedRows: 0, notCountedRows: 0, resolvedRows: 0, detections: [] },
      async (statements) => {
        const lines = statements.query<{ outcome: Outcome; lines: number; rows: number; quarantined: number; notCounted: number }>(
          countLines,
        );
        const detections = statements.query<{ patternId: string; count: number }>(countDetections);
        const resolved = statements.query<{ rows: number }>(countResolved);
        const byOutcome = await lines;
        return {
          outcomes: Object.fromEntries(byOutcome.map(({ outcome, lines: count }) => [outcome, count])),
          rows: byOutcome.reduce((sum, { rows }) => sum + rows, 0),
          quarantinedRows: byOutcome.reduce((sum, { quarantined }) => sum + quarantined, 0),
          notCountedRows: byOutcome.reduce((sum, { notCounted }) => sum + notCounted, 0),
          resolvedRows: (await resolved)[0]?.rows ?? 0,
          detections: [...(await detections)],
        };
      },
    );
  }

  async plannedFolders(names: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#ask<ReadonlySet<string>>('look for planned folders', new Set(), async (statements) => {
      const found = new Set<string>();
      for (let from = 0; from < names.length; from += 10_000)
        for (const { folder } of await statements.query<{ folder: string }>(selectFolders, [textArray(names.slice(from, from + 10_000))]))
          found.add(folder);
      return found;
    });
  }

  async load(detector: Detector): Promise<void> {
    await this.#ask('load the statistics', undefined, async (statements) => {
      await statements.query(unhurried);
      const [record] = await statements.query<PipelineRecord>(selectPipeline);
      if (record === undefined) return;
      await holdTables(statements, record);
      await loadDetector(statements, record, detector);
    });
  }

  /** One transaction on a session of its own; `otherwise` where the pipeline never ran. */
  async #ask<T>(doing: string, otherwise: T, work: (statements: Statements) => Promise<T>): Promise<T> {
    return await this.#sessions.use(async (session) => {
      try {
        if (!(await this.#sessions.isThere(session))) return otherwise;
        return await session.transaction(snapshot, doing, work);
      } catch (error) {
        throw await this.#sessions.nameMissingRight(error, session);
      }
    });
  }

  async *#pages<R extends Row>(doing: string, select: string, parameters: readonly Parameter[]): AsyncIterable<readonly R[]> {
    const { session, giveBack } = await this.#sessions.take();
    try {
      if (!(await this.#sessions.isThere(session))) return;
      await session.query(snapshot);
      await session.query(`declare page no scroll cursor for ${select}`, parameters);
      for (;;) {
        const rows = await session.query<R>(`fetch forward ${pageRows} from page`);
        if (rows.length > 0) yield [...rows];
        if (rows.length < pageRows) break;
      }
    } catch (error) {
      if (session.ended === null) await session.query('rollback').catch(() => {});
      throw storeError(await this.#sessions.nameMissingRight(error, session), doing, this.#sessions.where);
    } finally {
      if (session.ended === null) await session.query('rollback').catch(() => {});
      giveBack();
    }
  }
}

/** `rebuild` drops these tables: from here on it waits for us, and if it was first, this fails before anything is loaded. */
async function holdTables(statements: Statements, record: PipelineRecord): Promise<void> {
  const { basis } = pipelineRow(record);
  if (basis === null) return;
  const { layout } = basis;
  const tables = baseGrains(layout).map((grain) => statisticsTable(record.generation, grainAt(layout, grain)));
  if (tables.length === 0) return;
  await statements.query(`lock table ${tables.map(identifier).join(', ')} in access share mode`);
}

const selectChunks = `
select c.position, c.kind, c.key, c.folder, c.version, c.content_id as "contentId", c.bytes, c.outcome, c.sequence, c.corrects,
  c.rows, c.applied, c.quarantined, c.not_counted as "notCounted", c.detections, c.reason, c.detail, c.detection_time as "detectionTime",
  correction.sequence as "correctedBy"
from chunk c left join (select corrects, sequence from chunk where corrects is not null) correction on correction.corrects = c.sequence
where ($1::text is null or (left(c.listing, 600) in (left($1, 600), left($1 || '/', 600)) and c.key = $1))
  and ($2::text is null or c.outcome = $2)
order by c.position`;

const selectRejected = `
select r.object, r.line, r.reason, r.raw, r.length, r.sha256
from rejected_row r join chunk c using (position)
where $1::text is null or (left(c.listing, 600) in (left($1, 600), left($1 || '/', 600)) and c.key = $1)
order by r.position, r.number`;

/** Whether a chunk is in force is asked once for each chunk, not for each row. */
const selectQuarantined = `
with line as materialized (
  select position, kind, key, folder, version, content_id, outcome = 'applied' and kind in ('chunk', 'correction')
    and not exists (select from chunk later where later.corrects = c.sequence) as in_force
  from chunk c
  where quarantined > 0 and ($1::text is null or (left(listing, 600) in (left($1, 600), left($1 || '/', 600)) and key = $1))
)
select l.position, l.kind, l.key, l.folder, l.version, l.content_id as "contentId", l.in_force as "inForce", replay.sequence as "resolvedBy",
  r.number, r.object, r.line, r.reason, r.raw, r.length, r.sha256
from line l join rejected_row r using (position)
left join replayed_row p on p.origin = r.position and p.version = l.content_id and p.object = r.object and p.line = r.line
left join chunk replay on replay.position = p.position
where $2::text[] is null or r.object = any($2)
order by r.position, r.number`;

const selectDetections = `
select sequence, pattern as "patternId", evidence from detection where $1::text is null or pattern = $1 order by sequence, ordinal`;

const countFiles = 'select count(*) as planned, count(published_at) as published from detection_file';
const selectIncidents = 'select key, incident as detail from detection_file where incident is not null order by sequence, ordinal';

const countLines = `
select c.outcome, count(*) as lines, coalesce(sum(c.rows), 0)::bigint as rows, coalesce(sum(c.quarantined), 0)::bigint as quarantined,
  coalesce(sum(c.not_counted), 0)::bigint as "notCounted"
from chunk c left join (select corrects from chunk where corrects is not null) correction on correction.corrects = c.sequence
where c.kind in ('chunk', 'correction') and correction.corrects is null group by c.outcome`;
const countResolved = `
select count(*) as rows from replayed_row p
join rejected_row r on r.position = p.origin and r.object = p.object and r.line = p.line
join chunk c on c.position = p.origin and c.content_id = p.version
where not exists (select from chunk later where later.corrects = c.sequence)`;
const countDetections = 'select pattern as "patternId", count(*) as count from detection group by pattern order by pattern';

const selectFolders = 'select distinct folder from detection_file where folder = any($1::text[])';
