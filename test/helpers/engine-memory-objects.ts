/** Objects in memory: what an engine needs of the contract, with faults on demand. */
import { TallyhoError } from '../../src/core/error.ts';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import type { Listing, ObjectInfo, Objects, PutResult } from '../../src/objects/objects.ts';

export class MemoryObjects implements Objects {
  readonly url = 'memory:/';
  /** Bytes a block of what is read. */
  block: number;
  /** Keys in the order in which reading began, and how many are being read. */
  readonly reads: string[] = [];
  open = 0;
  mostOpen = 0;
  readonly #objects = new Map<string, { bytes: Uint8Array; version: number }>();
  #versions = 0;

  constructor(objects: Readonly<Record<string, Uint8Array | string>> = {}, block = 1 << 20) {
    this.block = block;
    for (const [key, content] of Object.entries(objects)) this.set(key, content);
  }

  set(key: string, content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    this.#objects.set(key, { bytes, version: ++this.#versions });
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  info(key: string): ObjectInfo {
    const object = this.#objects.get(key);
    if (object === undefined) throw new Error(`no object ${key}`);
    return { key, size: object.bytes.length, version: String(object.version), modified: 0 };
  }

  /** The chunk of one object. */
  chunk(key: string): ChunkVersion {
    const object = this.info(key);
    return { key, folder: false, parts: [object], version: object.version, state: { kind: 'ready' }, modified: 0 };
  }

  /** The chunk that is a folder with these parts. */
  folder(key: string, parts: readonly string[]): ChunkVersion {
    const objects = parts.map((part) => this.info(`${key}/${part}`));
    return { key, folder: true, parts: objects, version: JSON.stringify(objects), state: { kind: 'ready' }, modified: 0 };
  }

  async *read(object: ObjectInfo, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    this.reads.push(object.key);
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    try {
      const now = this.#objects.get(object.key);
      if (now === undefined) throw new TallyhoError('OBJECT_MISSING', `${object.key} is not there`);
      for (let p = 0; p < now.bytes.length; p += this.block) {
        await Promise.resolve();
        signal?.throwIfAborted();
        if (String(now.version) !== object.version || this.#objects.get(object.key) !== now) {
          throw new TallyhoError('OBJECT_CHANGED', `${object.key} changed`);
        }
        yield now.bytes.subarray(p, p + this.block);
      }
    } finally {
      this.open--;
    }
  }

  list(): AsyncGenerator<Listing> {
    throw new Error('not in this test');
  }

  async folders(): Promise<string[]> {
    throw new Error('not in this test');
  }

  async get(key: string): Promise<Uint8Array | null> {
    return this.#objects.get(key)?.bytes ?? null;
  }

  async put(): Promise<PutResult> {
    throw new Error('not in this test');
  }

  async sweep(): Promise<void> {}

  async close(): Promise<void> {}
}
