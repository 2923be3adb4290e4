/**
 * One connection to PostgreSQL, for good: a lost session stays lost.
 *
 * The client (postgres.js) reconnects by itself and would send statements that still wait in its queue on the new
 * connection, outside of the transaction that they were meant for; and it throws out of a timer when a statement is given
 * to a connection that has just closed. So a session reserves its one connection, gives it nothing once it is closed, and
 * rejects by itself whatever is unanswered then.
 *
 *   open -> lost    the connection closed without being asked to; every call fails with STORE_UNREACHABLE
 *   open -> closed  `close` was called
 *
 * Callers take turns: a transaction, or a single statement. Within a turn statements are sent without waiting for the
 * answers of those before (pipelined), so a transaction costs two round trips: all its statements, then COMMIT; or one, where
 * no answer is needed to decide on the COMMIT.
 */
import type postgres from 'postgres';
import { assertLaw, TallyhoError } from '../../core/error.ts';
import { type Address, type Endpoint, reachOf } from './address.ts';
import { copyIn, copyOut, type Pieces } from './copy-stream.ts';
import type { UseBytes } from './copy-data.ts';
import { commitError, isAnswer } from './commit-error.ts';
import { storeError } from './failure.ts';
import { type OneSocket, useOneSocket } from './one-socket.ts';
import { watchSilence } from './silence.ts';

export type Parameter = string | number | boolean | Uint8Array | Date | null;
export type Row = Record<string, unknown>;
export type Rows<R extends Row = Row> = readonly R[] & { readonly count: number; readonly command: string };

/** What may be sent within a turn. */
export interface Statements {
  query<R extends Row = Row>(text: string, parameters?: readonly Parameter[]): Promise<Rows<R>>;
  /** The values of each row as bytes, as the server writes them in text form. */
  raw(text: string, parameters?: readonly Parameter[]): Promise<readonly (readonly (Buffer | null)[])[]>;
  /** `copy ... to stdout`: hands on the bytes as they come, cut anywhere. Nothing else may be unanswered. */
  copyOut(text: string, use: UseBytes): Promise<void>;
  /** `copy ... from stdin`: sends the bytes, and ends when all rows are in. */
  copyIn(text: string, chunks: Pieces): Promise<void>;
}

/** What leaves before the answers of what left before it are there, COMMIT included. */
export type AtOnce = Pick<Statements, 'query'>;

export interface UnderWay<T> {
  readonly answers: Promise<T>;
}

const connectSeconds = 15;

export class Session implements Statements {
  readonly #where: string;
  readonly #client: postgres.Sql;
  readonly #socket: OneSocket;
  #connection: postgres.ReservedSql | null = null;
  #ended: TallyhoError | null = null;
  #endWatch: () => void = () => {};
  readonly #unanswered = new Set<(why: TallyhoError) => void>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor({ tls, makeClient }: Endpoint, settings: Readonly<Record<string, string>>, where: string) {
    this.#where = where;
    this.#client = makeClient({
      max: 1,
      fetch_types: false,
      max_lifetime: null,
      idle_timeout: 0,
      connect_timeout: connectSeconds,
      connection: settings,
      onnotice: () => {},
      onclose: () => this.#end(new TallyhoError('STORE_UNREACHABLE', `The connection to PostgreSQL (${where}) ended.`)),
      types: { integer: { to: 20, from: [20], serialize: String, parse: Number } },
    });
    this.#socket = useOneSocket(this.#client, tls);
  }

  /**
   * Connects and asks the first question, in one round trip after the greeting. Where the address names several hosts, to the
   * first that answers and suits.
   */
  static async open<R extends Row>(
    address: Address,
    settings: Readonly<Record<string, string>>,
    where: string,
    question: string,
    suits: (answer: Rows<R>) => boolean = () => true,
  ): Promise<{ session: Session; answer: Rows<R> }> {
    let refusal = new TallyhoError('STORE_UNREACHABLE', `No server of PostgreSQL (${where}) is what is asked for.`, {
      mend: 'A detector needs the primary. See the hosts and `target_session_attrs` in the URL of `store`.',
    });
    for (const endpoint of reachOf(address).endpoints) {
      try {
        const opened = await Session.#openAt<R>(endpoint, settings, where, question);
        if (suits(opened.answer)) return opened;
        await opened.session.close();
      } catch (error) {
        if (!(error instanceof TallyhoError) || error.code !== 'STORE_UNREACHABLE') throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  static async #openAt<R extends Row>(
    endpoint: Endpoint,
    settings: Readonly<Record<string, string>>,
    where: string,
    question: string,
  ): Promise<{ session: Session; answer: Rows<R> }> {
    const session = new Session(endpoint, settings, where);
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(unanswered(where)), connectSeconds * 1000);
      });
      // Not by `reserve`: the client would try for ever if the first connection fails.
      const answer = (await Promise.race([session.#client.unsafe(question), late])) as unknown as Rows<R>;
      session.#connection = await session.#client.reserve();
      return { session, answer };
    } catch (error) {
      session.#end(unanswered(where));
      session.#socket.destroy();
      throw storeError(error, 'connect', where);
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on it ends when the connection is gone without a word. `isWorking`: whether the server's process is at work. */
  watch(isWorking: () => Promise<boolean>): void {
    this.#endWatch = watchSilence({
      moved: () => this.#socket.moved,
      isWaiting: () => this.#unanswered.size > 0,
      isWorking,
      onLost: () => {
        this.#end(new TallyhoError('STORE_UNREACHABLE', `PostgreSQL (${this.#where}) has gone silent: no answer comes, and none will.`));
        // Nobody is there to be told.
        this.#socket.destroy();
      },
    });
  }

  /** Why it ended, or null. */
  get ended(): TallyhoError | null {
    return this.#ended;
  }

  /** One statement as a turn of its own. */
  async query<R extends Row = Row>(text: string, parameters: readonly Parameter[] = []): Promise<Rows<R>> {
    return await this.turn(() => this.#send<R>(text, parameters, (statement) => statement));
  }

  async raw(text: string, parameters: readonly Parameter[] = []): Promise<readonly (readonly (Buffer | null)[])[]> {
    return await this.turn(() => this.#sendRaw(text, parameters));
  }

  async copyOut(text: string, use: UseBytes): Promise<void> {
    await this.turn((statements) => statements.copyOut(text, use));
  }

  async copyIn(text: string, chunks: Pieces): Promise<void> {
    await this.turn((statements) => statements.copyIn(text, chunks));
  }

  /** Runs `work` when all turns before are over. */
  turn<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    const statements: Statements = {
      query: (text, parameters = []) => this.#send(text, parameters, withoutRetry),
      raw: (text, parameters = []) => this.#sendRaw(text, parameters),
      copyOut: (text, use) => this.#copyOut(text, use),
      copyIn: (text, chunks) => this.#answer(() => copyIn(this.#start(text, []), chunks)),
    };
    const result = this.#turn.then(() => work(statements));
    this.#turn = result.catch(() => {});
    return result;
  }

  /**
   * `begin`, the work, COMMIT. Work that throws is rolled back. An unanswered COMMIT throws STORE_UNKNOWN_COMMIT, for
   * transactions that write; every other failure means that nothing took place. A `last` statement leaves together with the
   * COMMIT, so that its locks wait for no answer of ours: it must fail if the transaction must not take place.
   */
  async transaction<T>(
    begin: string,
    doing: string,
    work: (statements: Statements) => Promise<T>,
    last: (statements: Statements) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<T> {
    return await this.turn(async (statements) => {
      let result: T;
      try {
        const begun = statements.query(begin);
        result = await work(statements);
        await begun;
      } catch (error) {
        // An answer to the rollback would say nothing new; without one the session is lost, and the server rolls back.
        if (this.#ended === null) await statements.query('rollback').catch(() => {});
        throw storeError(error, doing, this.#where);
      }
      try {
        const ending = last(statements);
        ending.catch(() => {});
        const committed = statements.query('commit');
        await ending.catch(async (error: unknown) => {
          // Answered by a rollback, or not at all.
          await committed;
          throw error;
        });
        const { command } = await committed;
        assertLaw(command === 'COMMIT', 'every statement of a transaction is looked at before its COMMIT');
      } catch (error) {
        throw begin.includes('read only') ? storeError(error, doing, this.#where) : commitError(error, doing, this.#where);
      }
      return result;
    });
  }

  /**
   * As `transaction`, in one round trip: COMMIT leaves as soon as `send` resolves, whatever is unanswered by then. So a
   * statement must fail on the server if the transaction must not take place, and nothing may be sent later.
   */
  async transactionAtOnce<T>(doing: string, send: (statements: AtOnce) => Promise<UnderWay<T>>): Promise<T> {
    return await this.turn(async (statements) => {
      const state = { isSent: false };
      const query: AtOnce['query'] = (text, parameters) => {
        assertLaw(!state.isSent, 'nothing is sent behind a COMMIT');
        return statements.query(text, parameters);
      };
      let answers: Promise<T>;
      const begun = statements.query('begin');
      try {
        ({ answers } = await send({ query }));
        answers.catch(() => {});
        if (this.#ended !== null) throw this.#ended;
      } catch (error) {
        state.isSent = true;
        if (this.#ended === null) await statements.query('rollback').catch(() => {});
        throw storeError(error, doing, this.#where);
      }
      state.isSent = true;
      const committed = statements.query('commit');
      const [beginning, answer, end] = await Promise.allSettled([begun, answers, committed]);
      if (end.status === 'rejected' && !isAnswer(beginning) && !isAnswer(answer)) throw commitError(end.reason, doing, this.#where);
      if (beginning.status === 'rejected') throw storeError(beginning.reason, doing, this.#where);
      if (answer.status === 'rejected') throw storeError(answer.reason, doing, this.#where);
      assertLaw(end.status === 'fulfilled' && end.value.command === 'COMMIT', 'a transaction without a failure is committed');
      return answer.value;
    });
  }

  /** Ends the connection now; what is unanswered is rejected. */
  async close(): Promise<void> {
    this.#end(new TallyhoError('STORE_UNREACHABLE', `The connection to PostgreSQL (${this.#where}) was closed.`), 1);
    await this.#client.end();
  }

  /** `seconds` to say farewell; a lost connection needs none. */
  #end(why: TallyhoError, seconds = 0): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    this.#endWatch();
    for (const reject of this.#unanswered) reject(why);
    this.#unanswered.clear();
    this.#connection?.release();
    void this.#client.end({ timeout: seconds }).catch(() => {});
  }

  #send<R extends Row>(text: string, parameters: readonly Parameter[], within: <Q extends object>(statement: Q) => Q): Promise<Rows<R>> {
    return this.#answer(() => within(this.#start(text, parameters)) as unknown as Promise<Rows<R>>);
  }

  #sendRaw(text: string, parameters: readonly Parameter[]): Promise<readonly (readonly (Buffer | null)[])[]> {
    return this.#answer(() => this.#start(text, parameters).raw() as unknown as Promise<(Buffer | null)[][]>);
  }

  #copyOut(text: string, use: UseBytes): Promise<void> {
    return this.#answer(() => {
      assertLaw(this.#unanswered.size === 1, 'a copy out waits for all answers before');
      return copyOut(this.#start(text, []), this.#socket, use);
    });
  }

  #start(text: string, parameters: readonly Parameter[]): postgres.PendingQuery<postgres.Row[]> {
    const connection = this.#connection;
    if (connection === null) throw new TallyhoError('INTERNAL', 'the session is not connected');
    return parameters.length === 0 ? connection.unsafe(text) : connection.unsafe(text, [...parameters], { prepare: true });
  }

  /** The answer, or the end of the session. No handler stays behind, and no rejection goes unseen. */
  #answer<T>(start: () => Promise<T>): Promise<T> {
    const answer = this.#answerOrEnd(start);
    answer.catch(() => {});
    return answer;
  }

  async #answerOrEnd<T>(start: () => Promise<T>): Promise<T> {
    if (this.#ended !== null) throw this.#ended;
    let end: (why: TallyhoError) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = reject;
    });
    this.#unanswered.add(end);
    try {
      return await Promise.race([start(), ended]);
    } finally {
      this.#unanswered.delete(end);
    }
  }
}

/**
 * The client sends a statement once more, behind all that it has sent, if the server no longer knows its prepared form. Out of
 * a transaction that helps; of a transaction it is the failure, and behind the COMMIT the statement would be one by itself.
 */
function withoutRetry<Q extends object>(statement: Q): Q {
  const sent = statement as Q & { cancelled: unknown; reject: (error: unknown) => void };
  return Object.defineProperty(sent, 'retried', {
    get: () => undefined,
    // Set right before it is sent again, which a statement that was cancelled is not.
    set: (error: unknown) => {
      sent.cancelled = true;
      sent.reject(error);
    },
  });
}

function unanswered(where: string): TallyhoError {
  return new TallyhoError('STORE_UNREACHABLE', `PostgreSQL (${where}) does not answer within ${connectSeconds} s.`, {
    mend: 'Check that the server runs, and the address, user, password and database of `store`.',
  });
}
