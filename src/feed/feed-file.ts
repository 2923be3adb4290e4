/**
 * Mechanism X from a local file: a CSV becomes chunks of N records in the source, one every so often.
 *
 * Every chunk is put if absent and whole, so a detector may run meanwhile, and feeding the same file again puts nothing new.
 * Memory: one chunk and one block of the file.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../core/error.ts';
import type { Objects } from '../objects/objects.ts';
import type { Csv } from '../reader/csv.ts';
import { cutRows } from './cut-rows.ts';
import { openSource } from './open-source.ts';

export interface FedChunk {
  readonly key: string;
  /** From 0. */
  readonly n: number;
  readonly rows: number;
  readonly bytes: number;
  /** `same`: it was there already. */
  readonly result: 'put' | 'same';
}

export interface FeedFileOptions {
  /** Path of a CSV file, plain or gzip. */
  readonly from: string;
  readonly to: Objects;
  /** Records a chunk; 10,000 unless given. */
  readonly rows?: number;
  /** From the start of one chunk to that of the next; 1,000 unless given, 0 is as fast as possible. */
  readonly everyMs?: number;
  readonly name?: (n: number) => string;
  readonly csv?: Csv;
  /** Ends after the chunk in hand, without an error. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (chunk: FedChunk) => void;
  /** At most so many chunks. */
  readonly limit?: number;
}

export interface Fed {
  readonly chunks: number;
  /** How many of them were there already. */
  readonly same: number;
  readonly rows: number;
  /** Of the chunks, their headers included. */
  readonly bytes: number;
  readonly ended: 'all' | 'limit' | 'stopped';
}

export async function feedFile(options: FeedFileOptions): Promise<Fed> {
  const { from, to, rows = 10_000, everyMs = 1000, limit = Number.POSITIVE_INFINITY, signal, onProgress } = options;
  const { name = (n) => `chunk_${n}.csv`, csv = { delimiter: ',', quote: 'auto' } } = options;
  const fed = { chunks: 0, same: 0, rows: 0, bytes: 0 };
  let next = 0;
  for await (const piece of cutRows(openSource(from), rows, csv)) {
    if (fed.chunks >= limit) return { ...fed, ended: 'limit' };
    if (everyMs > 0 && fed.chunks > 0) await rest(next - performance.now(), signal);
    if (signal?.aborted === true) return { ...fed, ended: 'stopped' };
    next = performance.now() + everyMs;

    const n = fed.chunks;
    const key = name(n);
    const result = await to.put(key, piece.bytes);
    if (result === 'other') {
      throw new TallyhoError('SINK_INCIDENT', `${to.url}${key} is there already, with other bytes than ${from} gives; it was left alone.`, {
        mend: 'Feed into an empty folder, or under other names, or remove what is there.',
      });
    }
    fed.chunks++;
    fed.rows += piece.rows;
    fed.bytes += piece.bytes.length;
    if (result === 'same') fed.same++;
    onProgress?.({ key, n, rows: piece.rows, bytes: piece.bytes.length, result });
  }
  return { ...fed, ended: 'all' };
}

/** Until then, or until the signal. */
async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) return;
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (signal?.aborted !== true) throw error;
  });
}
