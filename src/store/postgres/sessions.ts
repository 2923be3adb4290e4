/** A few sessions for readers, opened when needed; a lost one is replaced. */
import { TallyhoError } from '../../core/error.ts';
import { schemaVersion } from '../migrations/migrations.ts';
import { type Address, type Reach, reachOf, type Target } from './address.ts';
import { pooled, sqlState, storeError, tooManyConnections, undefinedTable } from './failure.ts';
import { checkServer, checkVersion, type Greeting, greeting, selectVersion } from './schema.ts';
import { findMissingRight, nameMissingRight } from './rights.ts';
import { type Row, Session } from './session.ts';
import { becomeWriter, type Role, startSettings, targetOf } from './session-settings.ts';

const most = 4;

export interface OpenSession {
  readonly session: Session;
  readonly greeting: Greeting;
}

export class Sessions {
  readonly where: string;
  readonly #address: Address;
  readonly #pipeline: string;
  readonly #readOnly: boolean;
  readonly #reach: Reach;
  readonly #idle: Session[] = [];
  readonly #all = new Set<Session>();
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  #checked = false;
  #closed = false;

  constructor(address: Address, pipeline: string, where: string, readOnly: boolean) {
    this.#address = address;
    this.#pipeline = pipeline;
    this.#readOnly = readOnly;
    this.#reach = reachOf(address);
    this.where = where;
  }

  /** A new one, its server checked; the caller's, until `keep` puts it among the idle ones. */
  async open(): Promise<OpenSession> {
    const target = targetOf(this.#reach, this.#readOnly);
    if (target !== 'prefer-standby') return await this.#openTo(target);
    return await this.#openTo('standby').catch((error: unknown) => {
      if (error instanceof TallyhoError && error.code === 'STORE_UNREACHABLE') return this.#openTo('any');
      throw error;
    });
  }

  /** One that readers have no use for just now, for good, or a new one. */
  async openToWrite(): Promise<Session> {
    return this.#release() ?? (await this.open()).session;
  }

  /** Its settings from now on; the answer is a `Backend`. */
  async prepareToWrite<R extends Row>(session: Session, role: Role): Promise<R | undefined> {
    const { text, parameters } = becomeWriter(this.#pipeline, role, this.#reach);
    return (await session.query<R>(text, parameters))[0];
  }

  async #openTo(target: Exclude<Target, 'prefer-standby'>): Promise<OpenSession> {
    const settings = startSettings(this.#pipeline, 'reader', this.#readOnly);
    const suits = ([hello]: readonly Greeting[]): boolean => target === 'any' || isStandbyTarget(target) === (hello?.standby === true);
    const { session, answer } = await Session.open<Greeting>(this.#address, settings, this.where, greeting, suits);
    const [hello] = answer;
    try {
      if (hello === undefined) throw new TallyhoError('INTERNAL', 'the server greets with one row');
      checkServer(hello, this.where);
      if (hello.path !== settings['search_path']) throw pooled(this.where, 'our settings do not reach the server');
    } catch (error) {
      await session.close();
      throw error;
    }
    this.#all.add(session);
    session.watch(() => this.#isWorking(hello.pid));
    return { session, greeting: hello };
  }

  /** Whether that process of the server is there, and waits for nothing of ours. Asked on a connection of its own. */
  async #isWorking(pid: number): Promise<boolean> {
    const settings = startSettings(this.#pipeline, 'probe', true);
    try {
      const { session, answer } = await Session.open<{ working: boolean }>(this.#address, settings, this.where, selectWorking(pid));
      await session.close();
      return answer[0]?.working === true;
    } catch (error) {
      // One that has no connection to spare still works.
      return error instanceof TallyhoError && sqlState(error.cause) === tooManyConnections;
    }
  }

  /** Takes over a session as an idle one. */
  keep(session: Session): void {
    this.#open++;
    this.#idle.push(session);
  }

  /** Hands out an idle one for good. */
  #release(): Session | null {
    for (;;) {
      const session = this.#idle.pop();
      if (session === undefined) return null;
      this.#open--;
      if (session.ended === null) return session;
      this.#all.delete(session);
    }
  }

  async take(): Promise<{ readonly session: Session; readonly giveBack: () => void }> {
    if (this.#closed) throw new TallyhoError('INTERNAL', 'the store is closed');
    while (this.#idle.length === 0 && this.#open >= most) await new Promise<void>((go) => this.#waiting.push(go));
    let session = this.#idle.pop();
    if (session === undefined || session.ended !== null) {
      if (session !== undefined) this.#all.delete(session);
      else this.#open++;
      try {
        ({ session } = await this.open());
      } catch (error) {
        this.#open--;
        this.#waiting.shift()?.();
        throw error;
      }
    }
    const taken = session;
    return {
      session: taken,
      giveBack: () => {
        if (taken.ended === null && !this.#closed) this.#idle.push(taken);
        else {
          this.#open--;
          this.#all.delete(taken);
        }
        this.#waiting.shift()?.();
      },
    };
  }

  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { session, giveBack } = await this.take();
    try {
      return await work(session);
    } finally {
      giveBack();
    }
  }

  /** Whether the pipeline has a schema of this release's version; one that has not is refused, a missing one is not. */
  async isThere(session: Session): Promise<boolean> {
    if (this.#checked) return true;
    const [now] = await session.query<Greeting>(greeting).catch((error: unknown) => {
      throw storeError(error, 'look for the pipeline', this.where);
    });
    if (now?.migrated !== true) {
      // To say of a schema that may not be looked into that nothing has run would be false.
      const missing = await findMissingRight(session, this.#pipeline, 'read', this.where);
      if (missing !== null) throw missing;
      return false;
    }
    const [row] = await session.query<{ version: number | null }>(selectVersion).catch((error: unknown) => {
      if (sqlState(error) === undefinedTable) return [];
      throw storeError(error, 'read the version of the schema', this.where);
    });
    const version = row?.version ?? 0;
    checkVersion(version, this.where);
    if (version < schemaVersion)
      throw new TallyhoError(
        'STORE_SCHEMA',
        `The schema in PostgreSQL (${this.where}) has version ${version}; this release reads ${schemaVersion}.`,
        {
          mend: 'Start the detector of this release once: it brings the schema up.',
        },
      );
    this.#checked = true;
    return true;
  }

  /** A reader's failure, with the right that it wants for. */
  async nameMissingRight(error: unknown, session: Session): Promise<unknown> {
    return await nameMissingRight(error, session, this.#pipeline, 'read', this.where);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((session) => session.close()));
    this.#all.clear();
  }
}

/** One that reads from its client or writes to it waits for us. */
function selectWorking(pid: number): string {
  return `select exists (select from pg_stat_activity where pid = ${pid} and state = 'active' and wait_event_type is distinct from 'Client') as working`;
}

function isStandbyTarget(target: Target): boolean {
  return target === 'standby' || target === 'read-only';
}
