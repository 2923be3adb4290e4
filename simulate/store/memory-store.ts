/** A store on a database in memory: passes the contract of stores, and its wire may do to it what wires do. */
import type { Detector } from '../../src/core/detector.ts';
import { TallyhoError } from '../../src/core/error.ts';
import type { Time } from '../../src/pipeline/time.ts';
import type { RejectedRow } from '../../src/reader/rejected.ts';
import type {
  ChunkFilter,
  ClaimOptions,
  DetectionRow,
  Holder,
  InboxRequest,
  PipelineRow,
  QuarantinedRow,
  Store,
  StoredLine,
  StoredReplayedRow,
  StoredRequest,
  StoreReader,
  Writer,
} from '../../src/store/store.ts';
import type { Database } from './database.ts';
import { MemoryWriter } from './memory-writer.ts';
import { emptyState, pipelineRow, type State } from './state.ts';
import { loadDetector } from './statistics.ts';
import type { Connection, Wire } from './wire.ts';

export interface MemoryStoreOptions {
  readonly database: Database;
  readonly pipeline: string;
  readonly wire: Wire;
  readonly time: Time;
  /** Rows that a page has. */
  readonly page?: number;
  readonly keepDeltas?: number;
}

const pollMs = 200;

export class MemoryStore implements Store {
  readonly describe = 'a database in memory';
  readonly #options: Required<MemoryStoreOptions>;
  /** Of readers. */
  #connection: Connection | null = null;
  #writer: MemoryWriter | null = null;
  /** Of a claim that failed: it may have taken place. */
  #lostClaim: Connection | null = null;

  constructor(options: MemoryStoreOptions) {
    this.#options = { page: 2_000, keepDeltas: 10_000, ...options };
  }

  async claim({ waitMs, signal = new AbortController().signal }: ClaimOptions): Promise<Writer> {
    const { database, pipeline, wire, time } = this.#options;
    const own = {
      epoch: this.#writer?.isLost === true ? this.#writer.pipeline.epoch : null,
      connection: this.#lostClaim,
    };
    const connection = await wire.connect();
    try {
      const until = time.elapsed() + waitMs;
      for (;;) {
        signal.throwIfAborted();
        const state = await wire.send(connection, 'write', 'take the pipeline', () => database.claim(pipeline, connection, own));
        if (state !== null) return this.#hold(connection, state);
        const left = until - time.elapsed();
        if (left <= 0) throw new TallyhoError('HELD', `Another detector holds the pipeline ${pipeline}.`);
        await time.sleep(Math.min(pollMs, left), signal);
      }
    } catch (error) {
      this.#lostClaim = connection;
      wire.close(connection);
      throw error;
    }
  }

  async holder(): Promise<Holder | null> {
    return await this.#read('see who holds the pipeline', () => this.#options.database.holderOf(this.#options.pipeline));
  }

  async pipeline(): Promise<PipelineRow | null> {
    const { database, pipeline } = this.#options;
    return await this.#read('read the pipeline', (state) => (state === null ? null : pipelineRow(state, database.isHeld(pipeline))));
  }

  chunks({ key, outcome }: ChunkFilter = {}): AsyncIterable<readonly StoredLine[]> {
    return this.#pages('read the ledger', ({ lines }) =>
      lines.filter((line) => (key === undefined || line.key === key) && (outcome === undefined || line.outcome === outcome)),
    );
  }

  rejected({ key }: { readonly key?: string } = {}): AsyncIterable<readonly RejectedRow[]> {
    return this.#pages('read the rejected rows', ({ lines, rejected }) =>
      lines.flatMap((line) => (key === undefined || line.key === key ? (rejected.get(line.position) ?? []) : [])),
    );
  }

  quarantined({
    key,
    objects,
  }: {
    readonly key?: string;
    readonly objects?: readonly string[];
  } = {}): AsyncIterable<readonly QuarantinedRow[]> {
    return this.#pages('read the rejected rows', ({ lines, rejected, replayed }) =>
      lines.flatMap((line) => {
        const inForce = line.outcome === 'applied' && (line.kind === 'chunk' || line.kind === 'correction') && line.correctedBy === null;
        const { position, kind, folder, version, contentId } = line;
        return (key === undefined || line.key === key ? (rejected.get(position) ?? []) : [])
          .map((row, number) => ({ row, number }))
          .filter(({ row: { object } }) => objects === undefined || objects.includes(object))
          .map(({ row, number }) => {
            const replay = replayed.find(
              ({ origin, version: of, object, line: at }) =>
                origin === position && of === contentId && object === row.object && at === row.line,
            );
            return {
              ...row,
              position,
              number,
              kind,
              key: line.key,
              folder,
              version,
              contentId,
              inForce,
              resolvedBy: replay?.sequence ?? null,
            };
          });
      }),
    );
  }

  replayed({ position, origin }: { readonly position?: number; readonly origin?: number }): AsyncIterable<readonly StoredReplayedRow[]> {
    return this.#pages('read the replayed rows', ({ replayed }) =>
      replayed.filter((row) => (position === undefined || row.position === position) && (origin === undefined || row.origin === origin)),
    );
  }

  async request(request: InboxRequest): Promise<void> {
    const { database, pipeline, wire, time } = this.#options;
    const connection = await wire.connect();
    try {
      await wire.send(connection, 'write', 'hand over to the detector', () =>
        database.change(pipeline, (state) =>
          state.inbox.some(({ id }) => id === request.id)
            ? state
            : { ...state, inbox: [...state.inbox, { ...request, at: new Date(time.now()), answer: null }] },
        ),
      );
    } finally {
      wire.close(connection);
    }
  }

  async requests({ id, isOpen }: { readonly id?: string; readonly isOpen?: boolean } = {}): Promise<readonly StoredRequest[]> {
    return await this.#readState('read the inbox', ({ inbox }) =>
      inbox
        .filter((request) => (id === undefined || request.id === id) && (isOpen === undefined || (request.answer === null) === isOpen))
        .map(({ id: of, kind, name, at, answer }) => ({ id: of, kind, name, at, answer })),
    );
  }

  detections({ patternId }: { readonly patternId?: string } = {}): AsyncIterable<readonly DetectionRow[]> {
    return this.#pages('read the detections', ({ detections }) =>
      detections
        .filter((row) => patternId === undefined || row.patternId === patternId)
        .map((row) => ({ sequence: row.sequence, patternId: row.patternId, evidence: row.evidence })),
    );
  }

  async files(): ReturnType<StoreReader['files']> {
    return await this.#readState('read the planned files', ({ files }) => ({
      planned: files.length,
      published: files.filter(({ isPublished }) => isPublished).length,
      incidents: files.flatMap(({ key, incident }) => (incident === null ? [] : [{ key, detail: incident }])),
    }));
  }

  async counts(): ReturnType<StoreReader['counts']> {
    return await this.#readState('count', ({ lines, detections, rejected, replayed }) => {
      const chunks = lines.filter(({ kind, correctedBy }) => correctedBy === null && (kind === 'chunk' || kind === 'correction'));
      const patterns = [...new Set(detections.map(({ patternId }) => patternId))].sort();
      const outcomes = [...new Set(chunks.map(({ outcome }) => outcome))];
      return {
        outcomes: Object.fromEntries(outcomes.map((outcome) => [outcome, chunks.filter((line) => line.outcome === outcome).length])),
        rows: chunks.reduce((sum, { rows }) => sum + rows, 0),
        quarantinedRows: chunks.reduce((sum, { quarantined }) => sum + quarantined, 0),
        notCountedRows: chunks.reduce((sum, { notCounted }) => sum + notCounted, 0),
        resolvedRows: replayed.filter(
          ({ origin, version, object, line }) =>
            chunks.some(({ position, contentId }) => position === origin && contentId === version) &&
            rejected.get(origin)?.some((row) => row.object === object && row.line === line) === true,
        ).length,
        detections: patterns.map((patternId) => ({ patternId, count: detections.filter((row) => row.patternId === patternId).length })),
      };
    });
  }

  async plannedFolders(names: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#readState('look for planned folders', ({ files }) => {
      const planned = new Set(files.map(({ folder }) => folder));
      return new Set(names.filter((name) => planned.has(name)));
    });
  }

  async load(detector: Detector): Promise<void> {
    await this.#readState('load the statistics', (state) => loadDetector(state, detector));
  }

  async close(): Promise<void> {
    await this.#writer?.release();
    if (this.#connection !== null) this.#options.wire.close(this.#connection);
  }

  #hold(connection: Connection, state: State): Writer {
    this.#lostClaim = null;
    const writer = new MemoryWriter(this.#options, connection, state, () => {
      if (this.#writer === writer) this.#writer = null;
    });
    this.#writer = writer;
    return writer;
  }

  async #read<T>(doing: string, read: (state: State | null) => T): Promise<T> {
    const { database, pipeline, wire } = this.#options;
    if (this.#connection === null || this.#connection.isEnded) this.#connection = await wire.connect();
    return await wire.send(this.#connection, 'read', doing, () => read(database.state(pipeline)));
  }

  /** A pipeline that never ran is as an empty one. */
  async #readState<T>(doing: string, read: (state: State) => T): Promise<T> {
    return await this.#read(doing, (state) => read(state ?? emptyState(this.#options.pipeline)));
  }

  /** All pages of one snapshot. */
  async *#pages<T>(doing: string, select: (state: State) => readonly T[]): AsyncGenerator<readonly T[]> {
    const { page } = this.#options;
    const rows = await this.#readState(doing, select);
    for (let from = 0; from < rows.length; from += page) {
      if (from > 0) await this.#readState(doing, () => null);
      yield rows.slice(from, from + page);
    }
  }
}
