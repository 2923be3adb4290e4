/** The right to write into a database in memory. */
import type { Detector, FoldRows } from '../../src/core/detector.ts';
import { assertLaw, TallyhoError } from '../../src/core/error.ts';
import { checkRequest } from '../../src/store/postgres/commit.ts';
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
  StoredLine,
  Writer,
} from '../../src/store/store.ts';
import { commitTo, withAnswer, withoutNul } from './commit.ts';
import type { MemoryStoreOptions } from './memory-store.ts';
import { rebuildTo } from './rebuild.ts';
import { currentPatterns, pipelineRow, type State, type StoredFile } from './state.ts';
import { foldInto, loadDetector, loadNames, withoutOldDeltas } from './statistics.ts';
import { type Connection, unreachable } from './wire.ts';

/** As the real store's. */
const renewMs = 10_000;

export class MemoryWriter implements Writer {
  readonly #options: Required<MemoryStoreOptions>;
  readonly #connection: Connection;
  readonly #onRelease: () => void;
  readonly #released = new AbortController();
  #pipeline: PipelineRow;
  #folded: number;
  #isFolding = false;
  #fenced: TallyhoError | null = null;
  /** For folds beside. */
  #second: Connection | null = null;

  constructor(options: Required<MemoryStoreOptions>, connection: Connection, state: State, onRelease: () => void) {
    this.#options = options;
    this.#connection = connection;
    this.#onRelease = onRelease;
    this.#pipeline = pipelineRow(state, true);
    this.#folded = state.foldedSequence;
    void this.#renew();
  }

  get pipeline(): PipelineRow {
    return this.#pipeline;
  }

  get isLost(): boolean {
    return this.#connection.isEnded;
  }

  assertHeld(): void {
    this.#check();
    if (this.isLost) throw unreachable('see whether the pipeline is held');
  }

  async setBasis(basis: Basis): Promise<void> {
    await this.#write('set what the statistics hold', (state) => {
      if (state.lines.some(({ sequence }) => sequence !== null))
        throw new TallyhoError('REBUILD_NEEDED', `The pipeline ${state.name} holds statistics of other patterns or input settings.`);
      return { ...state, basis, tables: new Map() };
    });
    this.#pipeline = { ...this.#pipeline, basis };
  }

  async load(detector: Detector): Promise<void> {
    await this.#read('load the statistics', (state) => loadDetector(state, detector));
  }

  async loadNames(detector: Detector): Promise<void> {
    await this.#read('load the names', (state) => loadNames(state, detector));
  }

  async findContent(contentId: string): Promise<{ readonly key: string; readonly rows: number } | null> {
    return await this.#read('look for a content', ({ lines }) => {
      const found = lines.find((line) => isInForce(line) && line.contentId === contentId);
      return found === undefined ? null : { key: found.key, rows: found.rows };
    });
  }

  async inForce(key: string): Promise<ContentInForce | null> {
    return await this.#read('look for what is in force', ({ lines, deltas, contents }) => {
      const found = lines.findLast((line) => isInForce(line) && line.key === key);
      if (found === undefined || found.sequence === null) return null;
      const { sequence, contentId, rows, applied } = found;
      const delta = deltas.get(sequence) ?? null;
      return { sequence, contentId, rows, applied, contents: delta === null ? null : (contents.get(sequence) ?? delta) };
    });
  }

  /** Each page is a question of its own, as of its time. */
  async *known(): AsyncGenerator<readonly KnownChunk[]> {
    const { page } = this.#options;
    let after: Buffer | null = null;
    for (;;) {
      const from: Buffer | null = after;
      const rows: readonly KnownChunk[] = await this.#read('read the ledger', (state) => knownChunks(state, from, page));
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < page) return;
      after = Buffer.from(listingOf(last));
    }
  }

  async commit(request: CommitRequest): Promise<void> {
    checkRequest(request);
    await this.#write('commit', (state) => (state.lastSequence === request.from ? commitTo(state, request) : null));
  }

  async nextRequest(): Promise<InboxRequest | null> {
    return await this.#read('read the inbox', ({ inbox }) => {
      const found = inbox.find(({ answer }) => answer === null);
      return found === undefined ? null : { id: found.id, kind: found.kind, name: found.name, bytes: found.bytes ?? new Uint8Array(0) };
    });
  }

  async answer(answer: InboxAnswer): Promise<void> {
    await this.#write('answer a request', (state) => ({ ...state, inbox: withAnswer(state.inbox, answer) }));
  }

  async fold(rows: readonly FoldRows[], to: number, beside?: AbortSignal): Promise<void> {
    assertLaw(!this.#isFolding, 'a fold begins when the one before has ended');
    this.#isFolding = true;
    try {
      await this.#write(
        'fold',
        (state) => {
          if (state.foldedSequence !== this.#folded || state.lastSequence < to) return null;
          const deltas = withoutOldDeltas(state.deltas, to, state.lastSequence, this.#options.keepDeltas);
          const tables = state.basis === null ? state.tables : foldInto(state.tables, state.basis.layout, rows);
          return { ...state, foldedSequence: to, tables, deltas };
        },
        beside,
      );
      this.#folded = to;
    } finally {
      this.#isFolding = false;
    }
  }

  async pendingFiles(
    after: { readonly sequence: number; readonly ordinal: number } | null,
    limit: number,
  ): Promise<readonly PendingFile[]> {
    const { sequence, ordinal } = after ?? { sequence: -1, ordinal: 0 };
    const isBehind = (file: StoredFile): boolean => file.sequence > sequence || (file.sequence === sequence && file.ordinal > ordinal);
    return await this.#read('read the planned files', ({ files }) =>
      files
        .filter((file) => !file.isPublished && isBehind(file))
        .slice(0, limit)
        .map(({ sequence: of, ordinal: at, folder, key, sha256, bytes, incident }) => ({
          sequence: of,
          ordinal: at,
          folder,
          key,
          sha256,
          bytes,
          incident,
        })),
    );
  }

  async markPublished(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#mark('mark published files', keys, (file) => ({ ...file, isPublished: true, incident: null }));
  }

  async markIncident(key: string, detail: string): Promise<void> {
    await this.#mark('mark an incident', [key], (file) => ({ ...file, incident: file.isPublished ? null : withoutNul(detail) }));
  }

  async resetPattern(id: string): Promise<void> {
    await this.#write('reset a pattern', (state) => {
      const pattern = currentPatterns(state).find((known) => known.id === id);
      if (pattern === undefined) throw new TallyhoError('PATTERN_UNKNOWN', `No pattern with the id ${JSON.stringify(id)} was ever used.`);
      return { ...state, patterns: [...state.patterns, { ...pattern, generation: pattern.generation + 1 }] };
    });
  }

  async rebuild(request: RebuildRequest): Promise<void> {
    checkRequest({ from: request.from, to: request.to, entries: [request.entry], sameContent: [] });
    const { keepDeltas } = this.#options;
    await this.#write('rebuild', (state) => (state.lastSequence === request.from ? rebuildTo(state, request, keepDeltas) : null));
    this.#folded = request.to;
    this.#pipeline = { ...this.#pipeline, basis: request.basis };
  }

  async release(): Promise<void> {
    this.#released.abort();
    const { wire, database, pipeline } = this.#options;
    const connection = this.#connection;
    const { epoch } = this.#pipeline;
    try {
      // The end of the connection releases it as well.
      if (!connection.isEnded && this.#fenced === null)
        await wire.send(connection, 'write', 'release the pipeline', () => database.release(pipeline, epoch)).catch(() => undefined);
    } finally {
      // A server that has not noticed the end of a lost connection still shows us as the holder: the next claim must know it for ours.
      const { isLost } = this;
      wire.close(connection);
      if (this.#second !== null) wire.close(this.#second);
      if (!isLost) this.#onRelease();
    }
  }

  #check(): void {
    if (this.#fenced !== null) throw this.#fenced;
  }

  async #read<T>(doing: string, read: (state: State) => T): Promise<T> {
    this.#check();
    const { wire, database, pipeline } = this.#options;
    return await wire.send(this.#connection, 'read', doing, () => read(database.state(pipeline) as State));
  }

  async #mark(doing: string, keys: readonly string[], change: (file: StoredFile) => StoredFile): Promise<void> {
    await this.#write(doing, (state) => {
      const wanted = new Set(keys);
      const known = state.files.filter(({ key }) => wanted.has(key));
      assertLaw(known.length === keys.length, 'a file that is marked was planned');
      return { ...state, files: state.files.map((file) => (wanted.has(file.key) ? change(file) : file)) };
    });
  }

  /** A fenced transaction; null of `change` is a lost fence too. */
  async #write(doing: string, change: (state: State) => State | null, beside?: AbortSignal): Promise<void> {
    this.#check();
    beside?.throwIfAborted();
    const { wire, database, pipeline } = this.#options;
    const { epoch } = this.#pipeline;
    const connection = beside === undefined ? this.#connection : await this.#openSecond();
    const after = await wire.send(connection, 'write', doing, () => database.write(pipeline, epoch, doing, change), beside);
    if (after !== null) return;
    this.#fenced = new TallyhoError('FENCED', `Another detector took over the pipeline ${pipeline} (this one held epoch ${epoch}).`);
    this.#released.abort();
    throw this.#fenced;
  }

  async #openSecond(): Promise<Connection> {
    if (this.#second === null || this.#second.isEnded) this.#second = await this.#options.wire.connect();
    return this.#second;
  }

  /** The lease, when no commit renews it. */
  async #renew(): Promise<void> {
    const { time } = this.#options;
    try {
      for (;;) {
        await time.sleep(renewMs, this.#released.signal);
        await this.#write('renew the lease', (state) => state);
      }
    } catch {
      // A failure shows in the next commit: the connection is lost, or the fence is.
    }
  }
}

function isChunk({ kind }: StoredLine): boolean {
  return kind === 'chunk' || kind === 'correction';
}

/** Applied, and no correction took its place. */
function isInForce(line: StoredLine): boolean {
  return isChunk(line) && line.outcome === 'applied' && line.correctedBy === null;
}

function listingOf({ key, folder }: { readonly key: string; readonly folder: boolean }): string {
  return folder ? `${key}/` : key;
}

function knownChunks({ lines }: State, after: Buffer | null, limit: number): readonly KnownChunk[] {
  const newest = new Map<string, StoredLine>();
  const inForce = new Map<string, StoredLine>();
  for (const line of lines.filter(isChunk)) {
    newest.set(listingOf(line), line);
    if (isInForce(line)) inForce.set(listingOf(line), line);
  }
  const contents = new Set(lines.filter(isInForce).map(({ contentId }) => contentId));
  return [...newest]
    .map(([listing, line]) => ({ place: Buffer.from(listing), listing, line }))
    .filter(({ place }) => after === null || Buffer.compare(place, after) > 0)
    .sort((a, b) => Buffer.compare(a.place, b.place))
    .slice(0, limit)
    .map(({ listing, line: { key, folder, position, version, outcome, reason, contentId } }) => {
      const force = inForce.get(listing);
      const isFreed = outcome === 'duplicate' && !contents.has(contentId);
      const bytes = force?.bytes ?? null;
      return {
        key,
        folder,
        position,
        version,
        outcome,
        reason,
        contentId,
        inForce: force?.contentId ?? null,
        inForceBytes: bytes,
        isFreed,
      };
    });
}
