/** What all parts of a simulated world share: its time, its luck, its weather, and a record of what happened. */
import { makeRandom, type Random } from '../../test/helpers/dataset/random.ts';
import { Clock } from './clock.ts';
import { drawWeather, fairWeather, type Weather } from './weather.ts';

export interface Happening {
  readonly at: number;
  readonly what: string;
}

/** A law that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export class World {
  readonly seed: number;
  readonly random: Random;
  readonly clock: Clock;
  weather: Weather;
  readonly happenings: Happening[] = [];
  /** The first one. */
  violation: Violation | null = null;

  constructor(seed: number) {
    this.seed = seed;
    this.random = makeRandom(seed);
    this.clock = new Clock(Date.UTC(2026, 10, 22, 7, 30));
    this.weather = drawWeather(this.random);
  }

  /** Faults cease. */
  clearUp(): void {
    this.weather = fairWeather;
  }

  note(what: string): void {
    this.happenings.push({ at: this.clock.now - this.clock.start, what });
  }

  violate(what: string): void {
    this.note(`VIOLATION ${what}`);
    this.violation ??= new Violation(what);
  }

  /** How long a request takes that takes `most` at most, or stalls with a probability. */
  delay(most: number, stalls: number): number {
    return this.random.chance(stalls) ? 1_000 + this.random.below(40_000) : this.random.next() * most;
  }
}
