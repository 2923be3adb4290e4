/**
 * A virtual clock: whoever waits is called in the order of time, and at one time in the order of asking. Between two calls all
 * that the first led to is run to its end (promises have no time of their own), so a run is the same each time.
 *
 * That holds as long as nothing under it does anything that the clock does not know of: files, sockets, threads, timers. Then
 * the clock would go on without waiting for it.
 */
import { setImmediate as settled } from 'node:timers/promises';

interface Alarm {
  readonly at: number;
  readonly order: number;
  ring: (() => void) | null;
}

export class Clock {
  /** ms since 1970. */
  now: number;
  readonly start: number;
  /** A binary heap by time and order. */
  readonly #alarms: Alarm[] = [];
  #order = 0;
  /** How many rang. */
  steps = 0;

  constructor(start: number) {
    this.now = start;
    this.start = start;
  }

  /** Returns what takes it back. */
  at(time: number, ring: () => void): () => void {
    const alarm: Alarm = { at: Math.max(time, this.now), order: this.#order++, ring };
    push(this.#alarms, alarm);
    return () => {
      alarm.ring = null;
    };
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.at(this.now + ms, resolve));
  }

  /** Runs until the promise is settled. False: it is not, and nobody waits for anything, or `most` alarms have rung. */
  async run(until: Promise<unknown>, most: number): Promise<boolean> {
    const state = { isOver: false };
    const over = (): void => {
      state.isOver = true;
    };
    until.then(over, over);
    await settled();
    for (let rung = 0; !state.isOver; ) {
      const alarm = pop(this.#alarms);
      if (alarm === undefined || rung >= most) return false;
      if (alarm.ring === null) continue;
      rung++;
      this.steps++;
      this.now = alarm.at;
      alarm.ring();
      await settled();
    }
    return true;
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Alarm[], alarm: Alarm): void {
  let i = heap.length;
  heap.push(alarm);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(alarm, heap[parent] as Alarm)) break;
    heap[i] = heap[parent] as Alarm;
    i = parent;
  }
  heap[i] = alarm;
}

function pop(heap: Alarm[]): Alarm | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let i = 0;
  for (;;) {
    const left = 2 * i + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && isBefore(heap[right] as Alarm, heap[left] as Alarm) ? right : left;
    if (!isBefore(heap[child] as Alarm, last)) break;
    heap[i] = heap[child] as Alarm;
    i = child;
  }
  heap[i] = last;
  return first;
}
