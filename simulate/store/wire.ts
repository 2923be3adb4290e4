/** The way between a store and its database: what may be slow, and what may be cut. */
import { TallyhoError } from '../../src/core/error.ts';

export interface Connection {
  /** The client knows that it is over. */
  isEnded: boolean;
  /** The server knows it. */
  isGone: boolean;
}

export type Act = 'read' | 'write';

export interface Wire {
  connect(): Promise<Connection>;
  /**
   * Has the server do something, once or not at all. One after the other on each connection. STORE_UNREACHABLE: it did not take
   * place; STORE_UNKNOWN_COMMIT (of a write): nobody knows. Both end the connection. Aborted, the signal ends it as well.
   */
  send<T>(connection: Connection, act: Act, doing: string, effect: () => T, signal?: AbortSignal): Promise<T>;
  /** Says farewell. */
  close(connection: Connection): void;
}

/** Nothing goes wrong, and takes no time. */
export const directWire: Wire = {
  connect: () => Promise.resolve({ isEnded: false, isGone: false }),
  async send(connection, _act, doing, effect, signal) {
    signal?.throwIfAborted();
    if (connection.isEnded) throw unreachable(doing);
    return effect();
  },
  close(connection) {
    connection.isEnded = true;
    connection.isGone = true;
  },
};

export function unreachable(doing: string): TallyhoError {
  return new TallyhoError('STORE_UNREACHABLE', `The simulated database does not answer, while trying to ${doing}.`);
}

export function unknownCommit(doing: string): TallyhoError {
  return new TallyhoError('STORE_UNKNOWN_COMMIT', `The connection to the simulated database ended in a commit, while trying to ${doing}.`);
}
