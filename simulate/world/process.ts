/**
 * An operating system's process, as far as it can be told from outside: what it hears. A killed one hears nothing any more, so
 * whatever it was about to do it never does; all its memory is garbage. A paused one hears everything later.
 */
import type { Time } from '../../src/pipeline/time.ts';
import type { Clock } from './clock.ts';

export class Process {
  readonly name: string;
  readonly #clock: Clock;
  readonly #skew: number;
  #isAlive = true;
  #pausedUntil = 0;
  readonly #onKill: (() => void)[] = [];

  /** `skew`: its machine's clock is ahead by so many ms, or behind. */
  constructor(name: string, clock: Clock, skew: number) {
    this.name = name;
    this.#clock = clock;
    this.#skew = skew;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** SIGKILL. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const act of this.#onKill.splice(0)) act();
  }

  onKill(act: () => void): void {
    this.#onKill.push(act);
  }

  /** SIGSTOP, and SIGCONT after `ms`. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now + ms);
  }

  /** Calls as soon as the process can hear it, or never. */
  hear(act: () => void): void {
    if (!this.#isAlive) return;
    if (this.#clock.now >= this.#pausedUntil) act();
    else this.#clock.at(this.#pausedUntil, () => this.hear(act));
  }

  /** Its clock, and its timers. */
  readonly time: Time = {
    now: () => this.#clock.now + this.#skew,
    elapsed: () => this.#clock.now - this.#clock.start,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          cancel();
          reject(new DOMException('The operation was aborted', 'AbortError'));
        };
        const cancel = this.#clock.at(this.#clock.now + ms, () =>
          this.hear(() => {
            signal.removeEventListener('abort', stop);
            resolve();
          }),
        );
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      }),
  };
}
