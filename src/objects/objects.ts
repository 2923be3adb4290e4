/**
 * The contract of an object store: list, read, put-if-absent. `file` and `s3` implement it.
 *
 * An implementation owes:
 *   - `list` yields every object below the root, once, in the byte order of the UTF-8 keys, in bounded memory;
 *   - `read` yields the bytes of exactly the version that was listed, or throws OBJECT_CHANGED / OBJECT_MISSING;
 *   - `put` never overwrites, is durable when it returns, and readers never see a part of an object.
 * Keys are relative to the root, separated by `/`, and never start with one.
 */
export interface ObjectInfo {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** Says "look again" when it differs: an ETag, or size, mtime, ctime and inode. */
  readonly version: string;
  /** Modification time, milliseconds since 1970. */
  readonly modified: number;
}

/** What lies there and is no object for us: links, devices, keys with control characters (PROTOCOL.md 2.6). */
export interface IgnoredEntry {
  readonly key: string;
  readonly why: string;
}

export interface Listing {
  readonly objects: readonly ObjectInfo[];
  readonly ignored: readonly IgnoredEntry[];
}

export type PutResult =
  /** It stands there now; it did not before. */
  | 'put'
  /** The same bytes stood there already. */
  | 'same'
  /** Other bytes stand there; they were left alone. */
  | 'other';

/** What can be done of a put before its object may be there: under way, or done. */
export interface PreparedPut {
  /** Leaves no file behind. Does nothing once a put has taken it. */
  drop(): Promise<void>;
}

/** A block of so many bytes, of any content. */
export type MakeBlock = (bytes: number) => Uint8Array;

export interface Objects {
  /** Where it is, for people: no secrets. Ends with `/`. */
  readonly url: string;
  /** All objects, or with `under` (a key that ends with `/`) those below it; keys stay relative to the root. */
  list(signal?: AbortSignal, under?: string): AsyncIterable<Listing>;
  /** Names (without `/`) of the folders directly below the root. */
  folders(signal?: AbortSignal): Promise<string[]>;
  /** The blocks are the caller's. With `makeBlock` they may be made by it, so that it can use them again. */
  read(object: ObjectInfo, signal?: AbortSignal, makeBlock?: MakeBlock): AsyncIterable<Uint8Array>;
  /** A small object as a whole, or null if it is not there. */
  get(key: string, signal?: AbortSignal): Promise<Uint8Array | null>;
  /** `prepared`: by `prepare`, for this key and these bytes. */
  put(key: string, bytes: Uint8Array, signal?: AbortSignal, prepared?: PreparedPut): Promise<PutResult>;
  /** Begins at once; a failure is told by `put`. Whoever calls it calls `drop` at last. Not there where nothing can be done before. */
  prepare?(key: string, bytes: Uint8Array): PreparedPut;
  /** Removes what a killed writer of ours left behind: anywhere, or directly in the folders named (which need not be there). */
  sweep(folders?: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
