/** A bucket: every version that each key ever had, and from when on listings show it. */
import { createHash } from 'node:crypto';
import type { ObjectInfo } from '../../src/objects/objects.ts';

export interface ObjectVersion {
  /** null: removed. */
  readonly bytes: Uint8Array | null;
  readonly version: string;
  readonly modified: number;
  /** When listings begin to show it. */
  readonly visible: number;
}

export class Bucket {
  readonly #keys = new Map<string, ObjectVersion[]>();
  #versions = 0;
  /** Told of every change as it takes place. */
  onChange: (key: string, bytes: Uint8Array | null) => void = () => {};

  /** `visible`: from when on listings show it. */
  write(key: string, bytes: Uint8Array | null, now: number, visible = now): void {
    const history = this.#keys.get(key) ?? [];
    const tag = bytes === null ? 'gone' : createHash('sha256').update(bytes).digest('hex').slice(0, 8);
    history.push({ bytes, version: `${tag}-${++this.#versions}`, modified: now, visible });
    this.#keys.set(key, history);
    this.onChange(key, bytes);
  }

  /** null where there is none. */
  current(key: string): ObjectVersion | null {
    const last = this.#keys.get(key)?.at(-1);
    return last === undefined || last.bytes === null ? null : last;
  }

  /** As listings show it. */
  seen(key: string, at: number): ObjectVersion | null {
    const last = this.#keys.get(key)?.findLast(({ visible }) => visible <= at);
    return last === undefined || last.bytes === null ? null : last;
  }

  /** Every content that the key ever had. */
  contents(key: string): readonly Uint8Array[] {
    return (this.#keys.get(key) ?? []).flatMap(({ bytes }) => (bytes === null ? [] : [bytes]));
  }

  /** Every key that ever was, in byte order. */
  keys(): readonly string[] {
    return [...this.#keys.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** What is there, in byte order. */
  objects(): readonly { readonly key: string; readonly bytes: Uint8Array }[] {
    return this.keys().flatMap((key) => {
      const bytes = this.current(key)?.bytes ?? null;
      return bytes === null ? [] : [{ key, bytes }];
    });
  }

  /** A page of a listing as of `at`: `most` objects behind `after`. */
  page(under: string, after: string | null, most: number, at: number): ObjectInfo[] {
    const behind = after === null ? null : Buffer.from(after);
    const found: ObjectInfo[] = [];
    for (const key of this.keys()) {
      if (found.length === most) break;
      if (!key.startsWith(under) || (behind !== null && Buffer.compare(Buffer.from(key), behind) <= 0)) continue;
      const seen = this.seen(key, at);
      if (seen !== null) found.push({ key, size: seen.bytes?.length ?? 0, version: seen.version, modified: seen.modified });
    }
    return found;
  }
}
