/**
 * Reads the first chunks while the store is still on its way (the private server takes as long to start as a dozen chunks to
 * read), on the guess that they are what the ledger will ask for, by the layout that the patterns declare.
 *
 * Only reading: nothing is decided, evaluated or committed before the claim and the load (PROTOCOL.md 3). The pass lists and
 * compares with the ledger as ever, and asks for its tasks; as long as they are those that were guessed, in this order and
 * by this plan, the results are the ones read early. At the first other one what was read early is thrown away. That the
 * chunk is still what was listed is checked when it is taken, as for every chunk (pass.ts).
 *
 * A guess costs what it reads, so it is made only where it is likely: for objects behind `after`, the last key that an
 * earlier run saw, settled already, in a source of at most `mostChunks`.
 *
 *   idle -> listing -> reading -> over (used up, other tasks, or closed)
 */
import { compareNatural } from '../core/natural-order.ts';
import type { Engine, ReadPlan, ReadResult, ReadTask } from '../engine/engine.ts';
import type { ChunkVersion } from '../objects/chunk.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import { excluded } from './list-work.ts';
import type { PipelineOptions } from './options.ts';
import { type ReadAhead, readAhead } from './read-ahead.ts';

export interface EarlyReading {
  /** Something else is waited for: begins, if it has not. */
  begin(): void;
  /** The engine's, with what was read early. */
  readonly aggregate: Engine['aggregate'];
  close(): Promise<void>;
}

export interface EarlyReadingOptions extends Pick<PipelineOptions, 'source' | 'engine' | 'input' | 'reference' | 'patterns' | 'time'> {
  /** The last key in natural order that an earlier run saw, or null. */
  readonly after: string | null;
}

const mostChunks = 5_000;
/** As stored: what is read early and not taken yet. */
const mostBytes = 32 << 20;

interface Reading {
  readonly chunks: readonly ChunkVersion[];
  readonly ahead: ReadAhead;
  taken: number;
}

export function makeEarlyReading(options: EarlyReadingOptions): EarlyReading {
  const { source, engine, input, patterns, time } = options;
  const plan: ReadPlan = { layout: patterns.layout, columns: input.columns, csv: input.csv, maxChunkBytes: input.maxChunkBytes };
  const ended = new AbortController();
  let begun: Promise<Reading | null> | null = null;

  async function listed(): Promise<readonly ChunkVersion[] | null> {
    const now = time.now();
    const found: ChunkVersion[] = [];
    const listing = discoverChunks(source, { waitFor: input.waitForMs, now, exclude: excluded(options), signal: ended.signal });
    for await (const batch of listing) {
      found.push(...batch);
      if (found.length > mostChunks) return null;
    }
    const inOrder = found.sort((a, b) => compareNatural(a.key, b.key));
    const { after } = options;
    const first = after === null ? 0 : inOrder.findIndex(({ key }) => compareNatural(key, after) > 0);
    const behind = first < 0 ? [] : inOrder.slice(first);
    // What waits holds up its place in the order: nothing behind it is asked for before.
    const end = behind.findIndex(({ state, modified }) => state.kind !== 'ready' || modified + input.settleMs > now);
    return end < 0 ? behind : behind.slice(0, end);
  }

  async function start(): Promise<Reading | null> {
    const chunks = await listed();
    if (chunks === null || chunks.length === 0 || ended.signal.aborted) return null;
    const tasks = chunks.map((chunk): ReadTask => ({ chunk, want: 'rows', applied: null }));
    return { chunks, ahead: readAhead((signal) => engine.aggregate(tasks, plan, signal), ended.signal, mostBytes), taken: 0 };
  }

  /** What was guessed wrong, or failed, is as if it had never been: the pass reads for itself, and tells what it finds. */
  async function take(task: ReadTask, asked: string): Promise<ReadResult | null> {
    const reading = await begun;
    if (reading === null || ended.signal.aborted) return null;
    const guessed = reading.chunks[reading.taken];
    const isGuessed = guessed !== undefined && task.want === 'rows' && isSame(guessed, task.chunk) && asked === JSON.stringify(plan);
    const result = isGuessed ? await reading.ahead.next().catch(() => null) : null;
    if (result === null) {
      await close();
      return null;
    }
    reading.taken++;
    return { ...result, task };
  }

  async function close(): Promise<void> {
    ended.abort();
    const reading = await begun;
    await reading?.ahead.close();
  }

  return {
    begin() {
      begun ??= start().catch(() => null);
    },
    async *aggregate(tasks, readPlan, signal) {
      const asked = JSON.stringify(readPlan);
      const rest = iteratorOf(tasks);
      const unread: ReadTask[] = [];
      // A stop need not wait for the end of a large chunk.
      signal.addEventListener('abort', () => ended.abort(signal.reason), { once: true });
      while (unread.length === 0) {
        const next = await rest.next();
        if (next.done === true) {
          await close();
          return;
        }
        const result = await take(next.value, asked);
        signal.throwIfAborted();
        if (result === null) unread.push(next.value);
        else yield result;
      }
      yield* engine.aggregate(joined(unread, rest), readPlan, signal);
    },
    close,
  };
}

function isSame(a: ChunkVersion, b: ChunkVersion): boolean {
  return a.key === b.key && a.folder === b.folder && a.version === b.version && JSON.stringify(a.parts) === JSON.stringify(b.parts);
}

function iteratorOf<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

async function* joined<T>(first: readonly T[], rest: AsyncIterator<T> | Iterator<T>): AsyncGenerator<T> {
  try {
    yield* first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
