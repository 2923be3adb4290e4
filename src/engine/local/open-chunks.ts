/**
 * The tasks in order, with the objects of the next few already being read while an earlier one is parsed.
 *
 * At most `ahead` objects are open at once, with `blockLimit` bytes waiting in each: that hides the latency of a bucket and
 * bounds the memory. Tasks are drawn one at a time, and never waited for while a known one can be worked on: who yields
 * the tasks may wait for our results before it knows the next.
 */
import type { ObjectInfo, Objects } from '../../objects/objects.ts';
import type { ReadTask } from '../engine.ts';
import { Blocks } from './blocks.ts';
import { ReadAhead } from './read-ahead.ts';

const ahead = 6;
const blockLimit = 4 << 20;

/** Whether a second thread works on the object. Who takes rejected rows wants them in order, as one thread finds them. */
export function readsBeside({ want, taker }: ReadTask, { size }: ObjectInfo, besideFrom: number): boolean {
  return want === 'rows' && taker === undefined && size >= besideFrom;
}

export class OpenChunks {
  readonly blocks = new Blocks();
  readonly #source: Objects;
  readonly #besideFrom: number;
  readonly #signal: AbortSignal;
  readonly #tasks: Iterator<ReadTask> | AsyncIterator<ReadTask>;
  /** Known tasks that are not done, with the parts opened so far (null: done with). */
  readonly #known: { readonly task: ReadTask; readonly parts: (ReadAhead | null)[] }[] = [];
  #drawing: Promise<void> | null = null;
  #exhausted = false;
  #failure: { readonly error: unknown } | null = null;
  #open = 0;

  /** `besideFrom`: objects from this size on, whose bytes are parsed as they are, are read into shared blocks. */
  constructor(source: Objects, tasks: AsyncIterable<ReadTask> | Iterable<ReadTask>, besideFrom: number, signal: AbortSignal) {
    this.#source = source;
    this.#besideFrom = besideFrom;
    this.#signal = signal;
    this.#tasks = Symbol.asyncIterator in tasks ? tasks[Symbol.asyncIterator]() : tasks[Symbol.iterator]();
  }

  /** The next task, or null after the last one; call `drop` when it is done. */
  async next(): Promise<ReadTask | null> {
    this.#fill();
    while (this.#known.length === 0 && this.#drawing !== null) await this.#drawing;
    const first = this.#known[0];
    if (first !== undefined) return first.task;
    if (this.#failure !== null) throw this.#failure.error;
    return null;
  }

  /** The blocks of a part of the task in hand; parts are asked for in order. */
  part(index: number): ReadAhead {
    const first = this.#known[0];
    if (first === undefined) throw new RangeError('no task is in hand');
    while (first.parts.length <= index) this.#openPart(first);
    const part = first.parts[index];
    if (part === null || part === undefined) throw new RangeError(`part ${index} is not open`);
    return part;
  }

  /** The part is read, or not wanted any more. */
  donePart(index: number): void {
    const first = this.#known[0];
    const part = first?.parts[index];
    if (first === undefined || part === null || part === undefined) return;
    first.parts[index] = null;
    part.cancel();
    this.#open--;
    this.#fill();
  }

  /** The task in hand is done. */
  drop(): void {
    this.#known[0]?.parts.forEach((_, index) => this.donePart(index));
    this.#known.shift();
    this.#fill();
  }

  /** Ends all reading and tells the source of the tasks. */
  async close(): Promise<void> {
    this.#exhausted = true;
    while (this.#known.length > 0) this.drop();
    // One that is waiting for its own next task ends only after that: nobody waits for it.
    if (this.#drawing === null) await this.#tasks.return?.();
  }

  /** Opens what there is room for; draws another task when all parts of the known ones are open. */
  #fill(): void {
    for (const known of this.#known) {
      while (known.parts.length < known.task.chunk.parts.length) {
        if (this.#open >= ahead) return;
        this.#openPart(known);
      }
    }
    if (this.#known.length < ahead && !this.#exhausted && this.#drawing === null) this.#drawing = this.#draw();
  }

  #openPart(known: { readonly task: ReadTask; readonly parts: (ReadAhead | null)[] }): void {
    const object = known.task.chunk.parts[known.parts.length];
    if (object === undefined) throw new RangeError('no such part');
    const shared = readsBeside(known.task, object, this.#besideFrom) && object.key.endsWith('.csv');
    const makeBlock = shared ? this.blocks.makeShared : this.blocks.make;
    known.parts.push(new ReadAhead((signal) => this.#source.read(object, signal, makeBlock), blockLimit, this.#signal));
    this.#open++;
  }

  /** Never rejects: a failure is told by `next`, after the tasks before it. */
  async #draw(): Promise<void> {
    try {
      // Asked in a later turn: one that throws at once would be done before `#drawing` is set, and be waited for for ever.
      const next = await Promise.resolve().then(() => this.#tasks.next());
      if (next.done === true) this.#exhausted = true;
      else if (!this.#exhausted) this.#known.push({ task: next.value, parts: [] });
    } catch (error) {
      this.#exhausted = true;
      this.#failure = { error };
    }
    this.#drawing = null;
    this.#fill();
  }
}
