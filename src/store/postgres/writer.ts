/**
 * The right to write: an epoch, a connection of its own (a second one from the first fold beside on), and what the ledger's next
 * line needs to know.
 *
 *   held -> fenced    another took over: every call throws FENCED
 *   held -> lost      the connection ended: every call throws STORE_UNREACHABLE (the call under way may throw
 *                     STORE_UNKNOWN_COMMIT)
 *   held -> released
 */
import { assertLaw, TallyhoError } from '../../core/error.ts';
import type { Detector, FoldRows } from '../../core/detector.ts';
import type {
  Basis,
  CommitRequest,
  ContentInForce,
  InboxAnswer,
  InboxRequest,
  KnownChunk,
  PendingFile,
  PipelineRow,
  RebuildRequest,
  Writer,
} from '../store.ts';
import { textArray } from './arrays.ts';
import { checkRequest, type CommitContext, commitEntries, folderOf } from './commit.ts';
import { fenceOther, fenceRelease, passFence, sendFence } from './fence.ts';
import { countRows } from './fold.ts';
import { FoldRunner } from './fold-runner.ts';
import { selectNextRequest, sendAnswer } from './inbox.ts';
import { knownChunk, knownPage, type KnownRow, selectKnown } from './known.ts';
import { Lease, leaseSeconds } from './lease.ts';
import { withoutNul } from './ledger.ts';
import { loadDetector, loadNames } from './load.ts';
import { decompress } from './compress.ts';
import { type PipelineRecord, pipelineRow, selectPipeline } from './pipeline-row.ts';
import type { KnownPattern } from './pattern-sets.ts';
import { rebuildPipeline } from './rebuild.ts';
import type { RenewalThread } from './renewal-thread.ts';
import { exactly, orRefused, Sending } from './sending.ts';
import type { AtOnce, Row, Rows, Session, Statements, UnderWay } from './session.ts';
import { unhurried } from './session-settings.ts';
import { createTables, createViews, dropTables, dropViews } from './statistics-tables.ts';
import { storeError } from './failure.ts';

export interface WriterParts {
  readonly session: Session;
  /** A further session for this writer alone. */
  readonly openSession: () => Promise<Session>;
  /** Runs something on a session of the readers. */
  readonly useReader: <T>(work: (session: Session) => Promise<T>) => Promise<T>;
  /** Renews the lease from now on, off this thread. */
  readonly startRenewal: (epoch: number) => RenewalThread;
  readonly record: PipelineRecord;
  readonly where: string;
  readonly keepDeltas: number;
  readonly onRelease: () => void;
}

export class PostgresWriter implements Writer {
  readonly #parts: WriterParts;
  readonly #lease: Lease;
  readonly #folds: FoldRunner;
  #pipeline: PipelineRow;
  #generation: number;
  #nextPosition: number;
  #patterns: ReadonlyMap<string, KnownPattern>;
  #fenced: TallyhoError | null = null;
  #folded: number;
  #isFolding = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#folds = new FoldRunner(parts);
    this.#pipeline = pipelineRow(parts.record);
    this.#generation = parts.record.generation;
    this.#folded = this.#pipeline.foldedSequence;
    this.#nextPosition = parts.record.last_position + 1;
    this.#patterns = new Map(this.#pipeline.patterns.map((pattern) => [pattern.id, pattern]));
    this.#lease = new Lease({
      renew: () => this.#renew(leaseSeconds),
      isLost: () => this.isLost,
      startThread: () => parts.startRenewal(this.#pipeline.epoch),
    });
  }

  get pipeline(): PipelineRow {
    return this.#pipeline;
  }

  /** Whether its connection is gone: then the same process may take its pipeline again at once. */
  get isLost(): boolean {
    return this.#parts.session.ended !== null;
  }

  assertHeld(): void {
    this.#check();
    if (this.#parts.session.ended !== null) throw this.#parts.session.ended;
  }

  async setBasis(basis: Basis): Promise<void> {
    const generation = this.#generation + 1;
    await this.#write('set what the statistics hold', async (statements) => {
      await passFence(sendFence(statements, this.#pipeline), this.#pipeline);
      const [used] = await statements.query<{ used: boolean }>(selectUsed);
      if (used?.used !== false)
        throw new TallyhoError(
          'REBUILD_NEEDED',
          `The pipeline ${this.#pipeline.name} holds statistics of other patterns or input settings.`,
          {
            mend: 'Run `tallyho rebuild`.',
          },
        );
      const before = this.#pipeline.basis;
      const steps = [
        ...(before === null ? [] : [...dropViews(before.layout), ...dropTables(before.layout, this.#generation)]),
        ...createTables(basis.layout, generation),
        ...createViews(basis.layout, generation),
      ];
      await statements.query(steps.join(';\n'));
      await statements.query(updateBasis, [this.#pipeline.name, generation, JSON.stringify(basis.layout), basis.input]);
    });
    this.#generation = generation;
    this.#pipeline = { ...this.#pipeline, basis };
  }

  async load(detector: Detector): Promise<void> {
    this.#check();
    await this.#parts.session.transaction(
      `begin isolation level repeatable read read only; ${unhurried}`,
      'load the statistics',
      async (statements) => {
        const [record] = await statements.query<PipelineRecord>(selectPipeline);
        if (record !== undefined) await loadDetector(statements, record, detector);
      },
    );
  }

  async loadNames(detector: Detector): Promise<void> {
    this.#check();
    await this.#parts.session.transaction(
      `begin isolation level repeatable read read only; ${unhurried}`,
      'load the names',
      async (statements) => {
        const [record] = await statements.query<PipelineRecord>(selectPipeline);
        if (record !== undefined) await loadNames(statements, record, detector);
      },
    );
  }

  async findContent(contentId: string): Promise<{ readonly key: string; readonly rows: number } | null> {
    const [found] = await this.#read<{ key: string; rows: number }>('look for a content', selectContent, [contentId]);
    return found === undefined ? null : { key: found.key, rows: found.rows };
  }

  async inForce(key: string): Promise<ContentInForce | null> {
    const [found] = await this.#read<ContentInForce & Row>('look for what is in force', selectInForce, [key]);
    return found === undefined ? null : { ...found };
  }

  async *known(): AsyncIterable<readonly KnownChunk[]> {
    let after = '';
    for (;;) {
      const rows = await this.#read<KnownRow>('read the ledger', selectKnown, [after, knownPage]);
      if (rows.length > 0) yield rows.map(knownChunk);
      if (rows.length < knownPage) return;
      after = rows.at(-1)?.listing ?? after;
    }
  }

  async commit(request: CommitRequest): Promise<void> {
    checkRequest(request);
    const committed = await this.#writeAtOnce('commit', (statements) => commitEntries(statements, this.#context(), request));
    this.#nextPosition = committed.nextPosition;
    this.#patterns = committed.patterns;
  }

  async nextRequest(): Promise<InboxRequest | null> {
    const [row] = await this.#read<InboxRequest & Row>('read the inbox', selectNextRequest, []);
    if (row === undefined) return null;
    const { id, kind, name, bytes } = row;
    return { id, kind, name, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
  }

  async answer(answer: InboxAnswer): Promise<void> {
    await this.#writeFenced('answer a request', (sending) => sendAnswer(sending, answer));
  }

  async fold(rows: readonly FoldRows[], to: number, beside?: AbortSignal): Promise<void> {
    this.#check();
    assertLaw(!this.#isFolding, 'a fold begins when the one before has ended');
    this.#isFolding = true;
    try {
      if (beside === undefined) await this.#extendLease(countRows(rows));
      const { name, epoch, basis } = this.#pipeline;
      const task = { name, epoch, from: this.#folded, to, layout: basis?.layout ?? null, generation: this.#generation, rows };
      await (beside === undefined ? this.#folds.run(task) : this.#folds.runBeside(task, beside));
      this.#folded = to;
    } catch (error) {
      this.#look(error);
      throw error;
    } finally {
      this.#isFolding = false;
    }
  }

  async pendingFiles(
    after: { readonly sequence: number; readonly ordinal: number } | null,
    limit: number,
  ): Promise<readonly PendingFile[]> {
    const { sequence, ordinal } = after ?? { sequence: -1, ordinal: 0 };
    const rows = await this.#read<PendingRow>('read the planned files', selectPending, [sequence, ordinal, limit]);
    return rows.map((row) => ({ ...row, bytes: decompress(row.bytes) }));
  }

  async markPublished(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#mark('mark published files', keys.length, updatePublished, [textArray(keys.map(folderOf)), textArray(keys)]);
  }

  async markIncident(key: string, detail: string): Promise<void> {
    await this.#mark('mark an incident', 1, updateIncident, [folderOf(key), key, withoutNul(detail) ?? '']);
  }

  async resetPattern(id: string): Promise<void> {
    const generation = await this.#write('reset a pattern', async (statements) => {
      const fence = sendFence(statements, this.#pipeline);
      const reset = statements.query<{ generation: number }>(insertGeneration, [id]);
      await passFence(fence, this.#pipeline);
      return (await reset)[0]?.generation;
    });
    const known = this.#patterns.get(id);
    if (generation === undefined || known === undefined)
      throw new TallyhoError(
        'PATTERN_UNKNOWN',
        `No pattern with the id ${JSON.stringify(id)} was ever used in the pipeline ${this.#pipeline.name}.`,
        {
          mend: `Used were: ${[...this.#patterns.keys()].join(', ') || 'none'}.`,
        },
      );
    this.#patterns = new Map(this.#patterns).set(id, { ...known, generation });
  }

  async rebuild(request: RebuildRequest): Promise<void> {
    checkRequest({ from: request.from, to: request.to, entries: [request.entry], sameContent: [] });
    await this.#extendLease(countRows(request.statistics) + request.lines.length);
    const rebuilt = await this.#write('rebuild', (statements) => rebuildPipeline(statements, this.#context(), request));
    this.#generation += 1;
    this.#nextPosition = rebuilt.nextPosition;
    this.#patterns = rebuilt.patterns;
    this.#folded = request.to;
    this.#pipeline = { ...this.#pipeline, basis: request.basis };
  }

  async release(): Promise<void> {
    const renewed = this.#lease.end();
    const { session, onRelease } = this.#parts;
    const { name, epoch } = this.#pipeline;
    try {
      if (session.ended === null && this.#fenced === null) await session.query(fenceRelease, [name, epoch]);
    } catch (error) {
      // The end of the connection releases it as well.
      if (storeError(error, 'release the pipeline', this.#parts.where).code !== 'STORE_UNREACHABLE') throw error;
    } finally {
      // A server that has not noticed the end of a lost connection still shows us as the holder: the next claim must know it for ours.
      const isLost = session.ended !== null;
      await Promise.all([session.close(), this.#folds.close(), renewed]);
      if (!isLost) onRelease();
    }
  }

  #context(): CommitContext {
    const { name, epoch, basis } = this.#pipeline;
    return {
      name,
      epoch,
      generation: this.#generation,
      layout: basis?.layout ?? null,
      nextPosition: this.#nextPosition,
      patterns: this.#patterns,
      keepDeltas: this.#parts.keepDeltas,
    };
  }

  #check(): void {
    if (this.#fenced !== null) throw this.#fenced;
  }

  /** What a failure says about the right to write. */
  #look(error: unknown): void {
    if (!(error instanceof TallyhoError) || error.code !== 'FENCED') return;
    this.#fenced = error;
    void this.#lease.end();
  }

  async #read<R extends Record<string, unknown>>(
    doing: string,
    text: string,
    parameters: readonly (string | number)[],
  ): Promise<readonly R[]> {
    this.#check();
    try {
      return await this.#parts.session.query<R>(text, parameters);
    } catch (error) {
      throw storeError(error, doing, this.#parts.where);
    }
  }

  async #mark(doing: string, files: number, text: string, parameters: readonly string[]): Promise<void> {
    const planned = (answer: Promise<Rows>): Promise<void> =>
      orRefused(answer, () => assertLaw(false, 'a file that is marked was planned'));
    await this.#writeFenced(doing, (sending) => sending.send(text, [...parameters, files], planned));
  }

  /** One that takes no sequence number. */
  async #writeFenced(doing: string, send: (sending: Sending) => Promise<void>): Promise<void> {
    await this.#writeAtOnce(doing, async (statements) => {
      const sending = new Sending(statements);
      const { name, epoch } = this.#pipeline;
      await sending.send(fenceOther, [name, epoch, leaseSeconds], (answer) => passFence(answer, this.#pipeline));
      await send(sending);
      return { answers: sending.answers() };
    });
  }

  async #write<T>(doing: string, work: (statements: Statements) => Promise<T>): Promise<T> {
    return await this.#holding(() => this.#parts.session.transaction('begin', doing, work));
  }

  async #writeAtOnce<T>(doing: string, send: (statements: AtOnce) => Promise<UnderWay<T>>): Promise<T> {
    return await this.#holding(() => this.#parts.session.transactionAtOnce(doing, send));
  }

  /** A fenced transaction; it renews the lease. */
  async #holding<T>(run: () => Promise<T>): Promise<T> {
    this.#check();
    try {
      const result = await run();
      this.#lease.touch();
      return result;
    } catch (error) {
      this.#look(error);
      throw error;
    }
  }

  async #renew(seconds: number): Promise<void> {
    const { name, epoch } = this.#pipeline;
    try {
      await passFence(this.#parts.session.query(fenceOther, [name, epoch, seconds]), this.#pipeline);
    } catch (error) {
      this.#look(error);
      throw error;
    }
  }

  /** A transaction that may outlast the lease says so first: while it runs, nobody sees what it sets. */
  async #extendLease(rows: number): Promise<void> {
    this.#check();
    if (rows > 200_000) await this.#renew(leaseSeconds + rows / 5_000);
  }
}

interface PendingRow extends Record<string, unknown>, PendingFile {}

const selectUsed = 'select exists (select from chunk where sequence is not null) as used';
const updateBasis = 'update pipeline set generation = $2, layout = $3, input = $4 where name = $1';

/** In force: no correction took its place. */
const selectContent = `
select c.key, c.rows from chunk c
where c.content_id = $1 and c.outcome = 'applied' and c.kind in ('chunk', 'correction')
  and not exists (select from chunk later where later.corrects = c.sequence)
order by c.position limit 1`;

const selectInForce = `
select c.sequence, c.content_id as "contentId", c.rows, c.applied, coalesce(d.contents, d.bytes) as contents
from chunk c left join delta d using (sequence)
where left(c.listing, 600) in (left($1, 600), left($1 || '/', 600)) and c.key = $1 and c.outcome = 'applied' and c.kind in ('chunk', 'correction')
  and not exists (select from chunk later where later.corrects = c.sequence)
order by c.position desc limit 1`;

const selectPending = `
select sequence, ordinal, folder, key, sha256, bytes, incident from detection_file
where published_at is null and (sequence, ordinal) > ($1, $2) order by sequence, ordinal limit $3`;

/** Incidents end when the file is published after all. */
const updatePublished = exactly(
  '$3',
  `
update detection_file f set published_at = coalesce(f.published_at, clock_timestamp()), incident = null, bytes = null
from unnest($1::text[], $2::text[]) u (folder, key) where f.folder = u.folder and f.key = u.key`,
);
const updateIncident = exactly(
  '$4',
  `
update detection_file set incident = case when published_at is null then $3 end where folder = $1 and key = $2`,
);

const insertGeneration = `
insert into pattern (id, generation, action, entity)
select id, generation + 1, action, entity from pattern where id = $1 order by generation desc limit 1
returning generation`;
