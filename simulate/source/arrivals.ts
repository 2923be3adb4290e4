/**
 * What happens to a bucket from outside: chunks arrive in any order, grow, change (while they are read, too), are copied under other
 * keys, mended and removed; folders are written part by part, the way Spark and Databricks do it, and written anew.
 */
import type { Random } from '../../test/helpers/dataset/random.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { World } from '../world/world.ts';
import { chunkText } from './chunks.ts';

type Happen = (arrivals: Arrivals) => Promise<void> | void;

/** The more often named the more often. */
const acts: readonly Happen[] = [
  (a) => a.arrive(),
  (a) => a.arrive(),
  (a) => a.arrive(),
  (a) => a.arrive(),
  (a) => a.burst(),
  (a) => a.change(),
  (a) => a.grow(),
  (a) => a.copy(),
  (a) => a.copy(),
  (a) => a.restore(),
  (a) => a.remove(),
  (a) => a.sparkFolder(),
  (a) => a.databricksFolder(),
];

/** Where changes count, there are more of them. */
const changes: readonly Happen[] = [(a) => a.change(), (a) => a.restore(), (a) => a.moveAway(), (a) => a.changeTwice()];

export class Arrivals {
  readonly #world: World;
  readonly #bucket: Bucket;
  readonly #random: Random;
  readonly #acts: readonly Happen[];
  #next = 1;

  constructor(world: World, bucket: Bucket, onChanged: 'report' | 'correct') {
    this.#acts = onChanged === 'correct' ? [...acts, ...changes, ...changes, ...changes] : acts;
    this.#world = world;
    this.#bucket = bucket;
    this.#random = world.random;
  }

  /** So many, over so long. */
  async run(count: number, ms: number): Promise<void> {
    const under: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      await this.#world.clock.wait(this.#random.next() * 2 * (ms / count));
      under.push(Promise.resolve(this.#random.pick(this.#acts)(this)));
    }
    await Promise.all(under);
  }

  /** Mostly the next, sometimes one that comes late. */
  arrive(): void {
    const number = this.#random.chance(0.7) ? this.#next++ : 1 + this.#random.below(30);
    this.#write(`chunk_${number}.csv`, chunkText(this.#random));
  }

  burst(): void {
    for (let i = 2 + this.#random.below(8); i > 0; i--) this.arrive();
  }

  change(): void {
    const key = this.#someKey();
    if (key !== null) this.#write(key, chunkText(this.#random));
  }

  grow(): void {
    const key = this.#someKey();
    const bytes = key === null ? null : (this.#bucket.current(key)?.bytes ?? null);
    if (key !== null && bytes !== null) this.#write(key, Buffer.concat([bytes, Buffer.from('M0,C0,F,x,1,1\n')]));
  }

  copy(): void {
    const key = this.#someKey();
    const bytes = key === null ? null : (this.#bucket.current(key)?.bytes ?? null);
    if (bytes === null) return;
    const to = this.#random.chance(0.3) ? this.#someKey() : null;
    this.#write(to ?? this.#random.pick([`copy_${this.#random.below(9)}.csv`, `a/chunk_${this.#random.below(40)}.csv`]), bytes);
  }

  /** Something that was there before, under its own name or another. */
  restore(): void {
    const from = this.#someKey();
    const to = this.#random.chance(0.5) ? from : this.#someKey();
    if (from !== null && to !== null) this.#write(to, this.#random.pick(this.#bucket.contents(from)));
  }

  /** A key gets other contents, and what it had comes under another. */
  async moveAway(): Promise<void> {
    const key = this.#someKey();
    const bytes = key === null ? null : (this.#bucket.current(key)?.bytes ?? null);
    if (key === null || bytes === null) return;
    await this.#pause(10_000);
    this.#write(key, chunkText(this.#random));
    await this.#pause(20_000);
    this.#write(`moved_${this.#random.below(9)}.csv`, bytes);
  }

  async changeTwice(): Promise<void> {
    const key = this.#someKey();
    if (key === null) return;
    for (let i = 0; i < 2; i++) {
      await this.#pause(20_000);
      this.#write(key, chunkText(this.#random));
    }
  }

  remove(): void {
    const key = this.#someKey();
    if (key !== null) this.#write(key, null);
  }

  /** `_SUCCESS` last; then perhaps written anew, or taken back. */
  async sparkFolder(): Promise<void> {
    const folder = `folder_${this.#random.below(4)}.csv`;
    const pause = (): Promise<void> => this.#world.clock.wait(this.#random.next() * 3_000);
    if (this.#random.chance(0.5)) this.#write(`${folder}/_SUCCESS`, null);
    for (let i = 1 + this.#random.below(2); i > 0; i--) {
      this.#write(`${folder}/part-${this.#random.below(3)}.csv`, this.#random.chance(0.1) ? null : chunkText(this.#random));
      await pause();
    }
    this.#write(`${folder}/_SUCCESS`, '');
    if (this.#random.chance(0.2)) {
      await pause();
      this.#write(`${folder}/part-${this.#random.below(3)}.csv`, chunkText(this.#random));
    }
  }

  /** `_started_`, parts, `_committed_` with the names of what holds; some writes are never committed. */
  async databricksFolder(): Promise<void> {
    const folder = `lake_${this.#random.below(3)}.csv`;
    const id = String(this.#random.below(1_000_000));
    const pause = (): Promise<void> => this.#world.clock.wait(this.#random.next() * 2_000);
    this.#write(`${folder}/_started_${id}`, '');
    const added: string[] = [];
    for (let i = 1 + this.#random.below(2); i > 0; i--) {
      const name = `part-${i}-${id}.csv`;
      added.push(name);
      await pause();
      this.#write(`${folder}/${name}`, chunkText(this.#random));
    }
    await pause();
    const before = this.#bucket
      .objects()
      .map(({ key }) => key)
      .filter((key) => key.startsWith(`${folder}/part-`) && !added.some((name) => key.endsWith(name)))
      .map((key) => key.slice(folder.length + 1));
    const removed = this.#random.chance(0.5) ? before : [];
    if (this.#random.chance(0.85)) this.#write(`${folder}/_committed_${id}`, JSON.stringify({ added, removed }));
  }

  #pause(most: number): Promise<void> {
    return this.#world.clock.wait(this.#random.next() * most);
  }

  #write(key: string, content: string | Uint8Array | null): void {
    const { clock, weather, random } = this.#world;
    if (content === null && this.#bucket.current(key) === null) return;
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const lag = random.chance(weather.staleness) ? random.next() * 15_000 : 0;
    this.#bucket.write(key, bytes, Math.floor(clock.now), clock.now + lag);
    this.#world.note(
      `source: ${key} ${bytes === null ? 'is removed' : `has ${bytes.length} bytes`}${lag === 0 ? '' : `, seen ${Math.round(lag)} ms later`}`,
    );
  }

  #someKey(): string | null {
    const keys = this.#bucket
      .objects()
      .map(({ key }) => key)
      .filter((key) => /^[^/]*\.csv$|^a\//.test(key));
    return keys.length === 0 ? null : this.#random.pick(keys);
  }
}
