/**
 * A way to a bucket that takes time and fails: throttled before anything took place, timed out after it did, or so that what was
 * given up takes place after all, later than whatever is done next.
 */
import { TallyhoError } from '../../src/core/error.ts';
import type { Process } from '../world/process.ts';
import type { World } from '../world/world.ts';
import type { Port, Request } from './bucket-objects.ts';

type Fate = 'fine' | 'throttled' | 'timed out' | 'late';

export class FaultyPort implements Port {
  readonly #world: World;
  readonly #process: Process;
  readonly #code: 'SOURCE_UNREADABLE' | 'SINK_UNWRITABLE';

  constructor(world: World, process: Process, code: 'SOURCE_UNREADABLE' | 'SINK_UNWRITABLE') {
    this.#world = world;
    this.#process = process;
    this.#code = code;
  }

  now = (): number => this.#world.clock.now;

  ask<T>(request: Request, what: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    const world = this.#world;
    const process = this.#process;
    const { random, clock } = world;
    const fate = this.#fate(request);
    const survives = random.chance(0.5);
    const lateBy = 50 + random.next() * 20_000;
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const tell = (answer: () => void): void => {
        process.hear(() => {
          if (isOver) return;
          isOver = true;
          signal?.removeEventListener('abort', stop);
          answer();
        });
      };
      const stop = (): void => tell(() => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted')));
      const fail = (): void => {
        world.note(`${process.name}: ${fate} at ${request} ${what}`);
        tell(() => reject(new TallyhoError(this.#code, `The simulated bucket ${fate} at ${request} ${what}.`)));
      };
      if (signal?.aborted === true) {
        stop();
        return;
      }
      signal?.addEventListener('abort', stop, { once: true });
      const run = async (): Promise<void> => {
        await clock.wait(this.#delay());
        if ((!process.isAlive || isOver) && !survives) return;
        if (fate === 'throttled') {
          fail();
          return;
        }
        if (fate === 'late') {
          fail();
          await clock.wait(lateBy);
        }
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
          if (request === 'put') world.note(`${process.name}: put ${what}: ${String(value)}`);
        } catch (error) {
          const failure = error instanceof Error ? error : new Error(String(error));
          answer = () => reject(failure);
        }
        if (fate === 'timed out') {
          fail();
          return;
        }
        await clock.wait(this.#delay());
        tell(answer);
      };
      void run();
    });
  }

  breaksOff(objects: number): number | null {
    const { random, weather } = this.#world;
    return random.chance(weather.listingBreaks) ? random.below(objects + 1) : null;
  }

  #fate(request: Request): Fate {
    const { random, weather } = this.#world;
    if (random.chance(weather.bucketThrottles)) return 'throttled';
    if (!random.chance(weather.bucketTimesOut)) return 'fine';
    return request === 'put' && random.chance(0.5) ? 'late' : 'timed out';
  }

  #delay(): number {
    const { weather } = this.#world;
    return this.#world.delay(weather.bucketMs, weather.bucketStalls);
  }
}
