/** A store in any PostgreSQL from version 14 on: one schema a pipeline. */
import { assertLaw, TallyhoError } from '../../core/error.ts';
import type { ClaimOptions, InboxRequest, Store, Writer } from '../store.ts';
import { type Address, describeAddress } from './address.ts';
import { type Backend, claimPipeline } from './claim.ts';
import { sqlState, storeError, undefinedTable } from './failure.ts';
import { insertRequest } from './inbox.ts';
import { joinBase64 } from './arrays.ts';
import { checkPipelineName } from './identifier.ts';
import { leaseSeconds, patienceMs, renewEveryMs } from './lease.ts';
import { PostgresReader } from './reader.ts';
import { nameMissingRight } from './rights.ts';
import { RenewalThread } from './renewal-thread.ts';
import { migrate } from './schema.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { PostgresWriter } from './writer.ts';

export interface PostgresStoreOptions {
  readonly connection: Address;
  /** Names the schema. */
  readonly pipeline: string;
  /** Refuses `claim`, and writes nothing. */
  readonly readOnly?: boolean;
  /** How many entries' deltas are kept once they are folded. */
  readonly keepDeltas?: number;
}

/** Connects once, and checks the server. STORE_UNREACHABLE, STORE_UNSUITABLE. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  checkPipelineName(options.pipeline);
  const where = describeAddress(options.connection);
  const sessions = new Sessions(options.connection, options.pipeline, where, options.readOnly === true);
  const { session, greeting } = await sessions.open();
  sessions.keep(session);
  return new PostgresStore(options, sessions, greeting.migrated);
}

class PostgresStore extends PostgresReader implements Store {
  readonly describe: string;
  readonly #options: PostgresStoreOptions;
  readonly #sessions: Sessions;
  #migrated: boolean;
  #writer: PostgresWriter | null = null;
  /** Of a claim that failed: it may have taken place. */
  #lostClaim: Backend | null = null;

  constructor(options: PostgresStoreOptions, sessions: Sessions, migrated: boolean) {
    super(sessions);
    this.describe = `PostgreSQL ${sessions.where}, schema ${options.pipeline}`;
    this.#options = options;
    this.#sessions = sessions;
    this.#migrated = migrated;
  }

  async claim(claim: ClaimOptions): Promise<Writer> {
    const { pipeline, readOnly, keepDeltas = 10_000 } = this.#options;
    if (readOnly === true) throw new TallyhoError('INTERNAL', 'a store that was opened to read cannot be written');
    const { where } = this.#sessions;
    const ownEpoch = this.#writer?.isLost === true ? this.#writer.pipeline.epoch : null;
    const session = await this.#sessions.openToWrite();
    let backend: Backend | null = null;
    try {
      const settings = (async (): Promise<void> => {
        backend = (await this.#sessions.prepareToWrite<Backend>(session, 'writer')) ?? null;
      })();
      settings.catch(() => {});
      if (!this.#migrated) await migrate(session, pipeline, where);
      this.#migrated = true;
      const record = await claimPipeline(session, pipeline, where, { epoch: ownEpoch, backend: this.#lostClaim }, claim);
      await settings;
      this.#lostClaim = null;
      const writer = new PostgresWriter({
        session,
        openSession: () => this.#openToFold(),
        useReader: (work) => this.#sessions.use(work),
        startRenewal: (epoch) => this.#startRenewal(epoch, claim),
        record,
        where,
        keepDeltas,
        onRelease: () => this.#forget(writer),
      });
      this.#writer = writer;
      return writer;
    } catch (error) {
      this.#lostClaim = backend ?? this.#lostClaim;
      // The schema that was there is gone: made anew, it is seen to be behind.
      if (sqlState(error instanceof TallyhoError ? error.cause : error) === undefinedTable) this.#migrated = false;
      const named = await nameMissingRight(error, session, pipeline, 'write', where);
      await session.close();
      if (claim.signal?.aborted === true) throw error;
      throw storeError(named, 'take the pipeline', where);
    }
  }

  async request({ id, kind, name, bytes }: InboxRequest): Promise<void> {
    await this.#sessions.use(async (session) => {
      try {
        assertLaw(await this.#sessions.isThere(session), 'what is asked of was claimed before');
        await session.query(insertRequest, [id, kind, name, joinBase64([bytes])]);
      } catch (error) {
        const named = await nameMissingRight(error, session, this.#options.pipeline, 'write', this.#sessions.where);
        throw storeError(named, 'hand over to the detector', this.#sessions.where);
      }
    });
  }

  async close(): Promise<void> {
    await this.#writer?.release();
    await this.#sessions.close();
  }

  async #openToFold(): Promise<Session> {
    const session = await this.#sessions.openToWrite();
    try {
      await this.#sessions.prepareToWrite(session, 'fold');
      return session;
    } catch (error) {
      await session.close();
      throw storeError(error, 'prepare a connection', this.#sessions.where);
    }
  }

  #startRenewal(epoch: number, { onLeaseTrouble }: ClaimOptions): RenewalThread {
    const { connection, pipeline } = this.#options;
    const task = { connection, pipeline, epoch, seconds: leaseSeconds, everyMs: renewEveryMs, patienceMs };
    return new RenewalThread(task, (why) => onLeaseTrouble?.(why));
  }

  #forget(writer: PostgresWriter): void {
    if (this.#writer === writer) this.#writer = null;
  }
}
