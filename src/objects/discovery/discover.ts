/** Discovery as a whole: all chunks of a source, or those for which there is something to do. */
import type { ChunkVersion, NotChunks } from '../chunk.ts';
import type { Objects } from '../objects.ts';
import { listChunks } from './list-chunks.ts';
import { type Known, mergeKnown, type Work } from './merge-known.ts';
import { type ResolveOptions, resolveChunk } from './resolve-chunk.ts';

export type DiscoverOptions = Omit<ResolveOptions, 'notChunks'>;

export interface Discovery extends AsyncIterable<readonly ChunkVersion[]> {
  /** Complete once the iteration has ended. */
  readonly notChunks: NotChunks;
}

/**
 * Every chunk in byte order, a folder's key with a final `/`. Where an object and a folder have one name (S3 only), the
 * object is yielded at its place, and taken back by the `ambiguous` folder that follows; `mergeKnown` does so.
 */
export function discoverChunks(objects: Objects, options: DiscoverOptions): Discovery {
  const notChunks: NotChunks = { count: 0, examples: [] };
  async function* chunks(): AsyncGenerator<readonly ChunkVersion[]> {
    for await (const page of listChunks(objects, { ...options, notChunks })) {
      const resolved: ChunkVersion[] = [];
      for (const listed of page) {
        const chunk = await resolveChunk(objects, listed, { ...options, notChunks });
        if (chunk !== null) resolved.push(chunk);
      }
      yield resolved;
    }
  }
  return { notChunks, [Symbol.asyncIterator]: chunks };
}

export interface FoundWork<K> {
  /** In natural order. */
  readonly work: readonly Work<ChunkVersion, K>[];
  /** Without the data that folders ignore which were not looked into. */
  readonly notChunks: NotChunks;
}

/**
 * `discoverChunks` and `mergeKnown` in one, for every poll: only folders that are new, changed or waiting are listed again
 * and have their markers read.
 */
export async function discoverWork<K extends Known>(
  objects: Objects,
  known: AsyncIterable<readonly K[]>,
  options: DiscoverOptions,
): Promise<FoundWork<K>> {
  const notChunks: NotChunks = { count: 0, examples: [] };
  const work: Work<ChunkVersion, K>[] = [];
  for (const { chunk: listed, known: line } of await mergeKnown(listChunks(objects, { ...options, notChunks }), known)) {
    const chunk = await resolveChunk(objects, listed, { ...options, notChunks });
    if (chunk !== null) work.push({ chunk, known: line });
  }
  return { work, notChunks };
}
