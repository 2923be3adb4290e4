/** A client of a bucket: passes the contract of objects, and its port may do to it what networks and stores do. */
import { TallyhoError } from '../../src/core/error.ts';
import type { Listing, ObjectInfo, Objects, PutResult } from '../../src/objects/objects.ts';
import type { Bucket } from './bucket.ts';

export type Request = 'list' | 'read' | 'get' | 'put';

/** The way to the bucket. */
export interface Port {
  readonly now: () => number;
  /** Has the bucket do something: once, perhaps twice or though it says it failed, or not at all. */
  ask<T>(request: Request, what: string, effect: () => T, signal?: AbortSignal): Promise<T>;
  /** How many of the objects of a page arrive before it breaks off, or null. */
  breaksOff(objects: number): number | null;
}

export interface BucketObjectsOptions {
  readonly bucket: Bucket;
  readonly port: Port;
  readonly url?: string;
  readonly pageSize?: number;
  readonly blockSize?: number;
  readonly code?: 'SOURCE_UNREADABLE' | 'SINK_UNWRITABLE';
}

export class BucketObjects implements Objects {
  readonly url: string;
  readonly #options: Required<BucketObjectsOptions>;

  constructor(options: BucketObjectsOptions) {
    this.#options = { url: 'simulated:/', pageSize: 100, blockSize: 1 << 20, code: 'SOURCE_UNREADABLE', ...options };
    this.url = this.#options.url;
  }

  async *list(signal?: AbortSignal, under = ''): AsyncGenerator<Listing> {
    const { bucket, port, pageSize, code } = this.#options;
    for (let after: string | null = null; ; ) {
      const from: string | null = after;
      const objects: ObjectInfo[] = await port.ask('list', under, () => bucket.page(under, from, pageSize, port.now()), signal);
      const arrived = port.breaksOff(objects.length);
      if (arrived !== null) {
        if (arrived > 0) yield { objects: objects.slice(0, arrived), ignored: [] };
        throw new TallyhoError(code, `A page of ${this.url}${under} broke off.`);
      }
      if (objects.length > 0) yield { objects, ignored: [] };
      if (objects.length < pageSize) return;
      after = objects.at(-1)?.key ?? null;
    }
  }

  async folders(signal?: AbortSignal): Promise<string[]> {
    const { bucket, port } = this.#options;
    return await port.ask(
      'list',
      'folders',
      () => {
        const names = bucket
          .keys()
          .flatMap((key) => (key.includes('/') && bucket.current(key) !== null ? [key.slice(0, key.indexOf('/'))] : []));
        return [...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      },
      signal,
    );
  }

  /** As with `If-Match`: each block is of the version that was listed. */
  async *read({ key, version, size }: ObjectInfo, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { bucket, port, blockSize } = this.#options;
    for (let at = 0; at === 0 || at < size; at += blockSize) {
      const block = await port.ask(
        'read',
        key,
        () => {
          const current = bucket.current(key);
          if (current === null) throw new TallyhoError('OBJECT_MISSING', `${key} is not there.`);
          if (current.version !== version) throw new TallyhoError('OBJECT_CHANGED', `${key} has changed.`);
          return Uint8Array.from(current.bytes?.subarray(at, at + blockSize) ?? []);
        },
        signal,
      );
      if (block.length > 0) yield block;
    }
  }

  async get(key: string, signal?: AbortSignal): Promise<Uint8Array | null> {
    const { bucket, port } = this.#options;
    return await port.ask('get', key, () => bucket.current(key)?.bytes ?? null, signal);
  }

  async put(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<PutResult> {
    const { bucket, port } = this.#options;
    const sent = Uint8Array.from(bytes);
    return await port.ask(
      'put',
      key,
      () => {
        const there = bucket.current(key)?.bytes ?? null;
        if (there !== null) return Buffer.compare(there, sent) === 0 ? 'same' : 'other';
        bucket.write(key, sent, port.now());
        return 'put';
      },
      signal,
    );
  }

  async sweep(): Promise<void> {
    // A put is whole or not at all: nobody leaves anything behind.
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

/** Nothing goes wrong, and takes no time. */
export function directPort(now: () => number): Port {
  return {
    now,
    async ask(_request, _what, effect, signal) {
      signal?.throwIfAborted();
      return effect();
    },
    breaksOff: () => null,
  };
}
