import { createHash } from 'node:crypto';
import { TallyhoError } from '../../src/core/error.ts';
import type { ObjectInfo, Objects, PutResult } from '../../src/objects/objects.ts';

/**
 * Objects in memory, with keys as free as those of S3: `a` and `a/b` may both be there. Passes the contract of objects;
 * tests of discovery put modification times where they need them, and change things in the middle of a listing.
 */
export class MemoryObjects implements Objects {
  readonly url = 'memory:/';
  readonly #stored = new Map<string, { readonly bytes: Uint8Array; readonly modified: number; readonly version: string }>();
  readonly pageSize: number;
  /** Called before each page of a listing. */
  onPage: (under: string) => void = () => {};
  /** Keys given to `get`, in order. */
  readonly got: string[] = [];
  lists = 0;
  #changes = 0;

  constructor(pageSize = 3) {
    this.pageSize = pageSize;
  }

  set(key: string, text: string | Uint8Array = '', modified = 1000): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const version = `${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}-${++this.#changes}`;
    this.#stored.set(key, { bytes, modified, version });
  }

  remove(key: string): void {
    this.#stored.delete(key);
  }

  async *list(signal?: AbortSignal, under = ''): AsyncGenerator<{ objects: ObjectInfo[]; ignored: [] }> {
    this.lists++;
    let after: string | null = null;
    while (true) {
      signal?.throwIfAborted();
      this.onPage(under);
      const objects: ObjectInfo[] = [...this.#stored]
        .filter(([key]) => key.startsWith(under) && (after === null || byteOrder(after, key) < 0))
        .sort(([a], [b]) => byteOrder(a, b))
        .slice(0, this.pageSize)
        .map(([key, { bytes, modified, version }]) => ({ key, size: bytes.length, version, modified }));
      if (objects.length === 0) return;
      yield { objects, ignored: [] };
      after = objects.at(-1)!.key;
    }
  }

  async folders(): Promise<string[]> {
    const names = [...this.#stored.keys()].flatMap((key) => (key.includes('/') ? [key.slice(0, key.indexOf('/'))] : []));
    return [...new Set(names)].sort(byteOrder);
  }

  async *read(object: ObjectInfo, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const stored = this.#stored.get(object.key);
    if (stored === undefined) throw new TallyhoError('OBJECT_MISSING', `${object.key} is not there.`);
    if (stored.version !== object.version) throw new TallyhoError('OBJECT_CHANGED', `${object.key} changed.`);
    if (stored.bytes.length > 0) yield Uint8Array.from(stored.bytes);
  }

  async get(key: string): Promise<Uint8Array | null> {
    this.got.push(key);
    return this.#stored.get(key)?.bytes ?? null;
  }

  async put(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<PutResult> {
    signal?.throwIfAborted();
    const stored = this.#stored.get(key);
    if (stored !== undefined) return Buffer.compare(stored.bytes, bytes) === 0 ? 'same' : 'other';
    this.set(key, Uint8Array.from(bytes));
    return 'put';
  }

  async sweep(): Promise<void> {}
  async close(): Promise<void> {}
}

export const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
