/**
 * A wire that takes time and is cut: before a request arrives, after it took place and before its answer, or so that the server
 * goes on with it when the client has long given up (an unanswered COMMIT, PROTOCOL.md 3.3). The server notices a lost
 * connection at once or much later; a killed process leaves such connections behind.
 *
 * As in the real store requests of one connection follow each other; one that waits for its turn was never sent.
 */
import { TallyhoError } from '../../src/core/error.ts';
import type { Process } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { type Act, type Connection, unknownCommit, unreachable, type Wire } from './wire.ts';

class FaultyConnection implements Connection {
  isEnded = false;
  isGone = false;
  /** The end of what was asked for so far. */
  turn: Promise<void> = Promise.resolve();
  /** Ends the request that is under way. */
  onEnd: (() => void) | null = null;
}

type Fate = 'fine' | 'lost' | 'unanswered' | 'late';

export class FaultyWire implements Wire {
  readonly #world: World;
  readonly #process: Process;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
  }

  async connect(): Promise<Connection> {
    const { clock, weather, random } = this.#world;
    const fails = random.chance(weather.databaseCuts / 2);
    await this.#heard(clock.wait(this.#delay()));
    if (fails) throw unreachable('connect');
    const connection = new FaultyConnection();
    this.#process.onKill(() => this.#end(connection));
    return connection;
  }

  async send<T>(to: Connection, act: Act, doing: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    const connection = to as FaultyConnection;
    const before = connection.turn;
    let over = (): void => {};
    connection.turn = new Promise((resolve) => {
      over = resolve;
    });
    const abort = (): void => this.#end(connection);
    try {
      await before;
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort, { once: true });
      if (connection.isEnded) throw unreachable(doing);
      return await this.#request(connection, act, doing, effect);
    } finally {
      signal?.removeEventListener('abort', abort);
      over();
    }
  }

  close(to: Connection): void {
    const connection = to as FaultyConnection;
    if (connection.isEnded) return;
    connection.isEnded = true;
    // The farewell may be lost.
    this.#noticed(connection);
  }

  #request<T>(connection: FaultyConnection, act: Act, doing: string, effect: () => T): Promise<T> {
    const world = this.#world;
    const { random, clock } = world;
    const fate = this.#fate(act);
    const lateBy = 50 + random.next() * 5_000;
    // Whether the server goes on with it when the client ends the connection, or is killed.
    const survives = random.chance(0.5);
    return new Promise<T>((resolve, reject) => {
      const process = this.#process;
      let isTold = false;
      let isSure = act === 'read';
      const tell = (answer: () => void): void => {
        if (isTold) return;
        isTold = true;
        connection.onEnd = null;
        process.hear(answer);
      };
      const cut = (): void => {
        world.note(`${process.name}: cut (${fate}) while trying to ${doing}`);
        this.#end(connection);
      };
      connection.onEnd = () => tell(() => reject(isSure ? unreachable(doing) : unknownCommit(doing)));
      const run = async (): Promise<void> => {
        await clock.wait(this.#delay());
        if (connection.isEnded && !survives) return;
        if (fate === 'lost') {
          // The COMMIT itself was perhaps never sent.
          isSure ||= random.chance(0.5);
          cut();
          return;
        }
        if (fate === 'late') {
          cut();
          await clock.wait(lateBy);
        }
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
          if (act === 'write') world.note(`${process.name}: ${doing}`);
        } catch (error) {
          const failure = error instanceof Error ? error : new Error(String(error));
          if (act === 'write') world.note(`${process.name}: ${doing}: ${failure instanceof TallyhoError ? failure.code : String(failure)}`);
          answer = () => reject(failure);
        }
        if (fate === 'unanswered') {
          cut();
          return;
        }
        await clock.wait(this.#delay());
        tell(answer);
      };
      void run();
    });
  }

  #fate(act: Act): Fate {
    const { random, weather } = this.#world;
    if (!random.chance(act === 'write' ? weather.commitCuts : weather.databaseCuts)) return 'fine';
    if (act === 'write' && random.chance(weather.lateCommits)) return 'late';
    return random.pick(['lost', 'unanswered']);
  }

  #delay(): number {
    const { weather } = this.#world;
    return this.#world.delay(weather.databaseMs, weather.databaseStalls);
  }

  #end(connection: FaultyConnection): void {
    if (connection.isEnded) return;
    connection.isEnded = true;
    connection.onEnd?.();
    this.#noticed(connection);
  }

  /** At once, soon, or only when nobody asks any more. */
  #noticed(connection: FaultyConnection): void {
    const { random, clock } = this.#world;
    const after = random.pick([0, random.next() * 1_000, random.next() * 60_000]);
    clock.at(clock.now + after, () => {
      connection.isGone = true;
    });
  }

  #heard(promise: Promise<void>): Promise<void> {
    return new Promise((resolve) => void promise.then(() => this.#process.hear(resolve)));
  }
}
