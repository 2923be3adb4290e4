/**
 * A second thread renews the lease, on a connection of its own (PROTOCOL.md 3.2): so a step of work that keeps the main thread busy
 * for longer than the lease (a large evaluation, a collection of garbage) does not cost the pipeline. A process that is stopped
 * stops both, and its lease runs out. A main thread that hangs for ever runs out too: it is not heard any more (`beat`).
 *
 * Safety does not rest on any of this, but on the epoch. So a thread that fails is no failure of the writer: the main thread
 * renews the lease too, between its steps (lease.ts), and says once that it does so alone.
 *
 *   working -> over    it was ended, or it found that the epoch is not ours any more
 */
import type { Worker } from 'node:worker_threads';
import type { RenewalAnswer, RenewalTask } from './renewal-messages.ts';
import { startRenewalMain } from './start-renewal-main.ts';

/** To say farewell to the server. */
const farewellMs = 1_000;

export class RenewalThread {
  readonly #words = new Int32Array(new SharedArrayBuffer(4));
  readonly #onFailed: (why: string) => void;
  readonly #exited: Promise<void>;
  #worker: Worker | null = null;
  #isOver = false;
  #isTold = false;

  /** `onFailed` is called once, at the first failure. */
  constructor(task: Omit<RenewalTask, 'beats'>, onFailed: (why: string) => void) {
    this.#onFailed = onFailed;
    try {
      this.#worker = startRenewalMain({ ...task, beats: this.#words.buffer });
    } catch (error) {
      this.#exited = Promise.resolve();
      this.#fail(String(error));
      return;
    }
    const worker = this.#worker;
    worker.unref();
    worker.on('message', (answer: RenewalAnswer) => {
      if (answer.kind === 'failed') this.#fail(answer.why);
      else this.#isOver = true;
    });
    worker.on('error', (error) => this.#fail(String(error)));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = null;
        if (!this.#isOver) this.#fail('its thread has ended');
        resolve();
      });
    });
  }

  /** The main thread is alive. */
  beat(): void {
    Atomics.add(this.#words, 0, 1);
  }

  /** Resolves when it renews nothing more, and its connection is gone. */
  async end(): Promise<void> {
    this.#isOver = true;
    const worker = this.#worker;
    if (worker === null) return;
    worker.ref();
    worker.postMessage('end');
    const timer = setTimeout(() => void worker.terminate(), farewellMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #fail(why: string): void {
    if (this.#isTold || this.#isOver) return;
    this.#isTold = true;
    this.#onFailed(why);
  }
}
