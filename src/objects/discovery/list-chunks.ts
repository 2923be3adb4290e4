/**
 * The chunks of a listing, before anything is read: objects, and folders with what lies directly inside them.
 *
 * One pass over the listing, which is in byte order, so that all keys of a folder come together. State: the folder in hand,
 * and the objects whose name is the beginning of the key in hand (at most its length), because an object `x.csv` and a
 * folder `x.csv/` may have any number of keys between them (`x.csv-1.csv`). The object is then already handed out: a
 * folder with a `twin` takes it back. Out come objects and folders in byte order, a folder's key with a final `/`.
 */
import { createHash } from 'node:crypto';
import type { NotChunks } from '../chunk.ts';
import type { ObjectInfo, Objects } from '../objects.ts';
import { classify } from './classify.ts';

export interface FolderFiles {
  /** Objects of the kinds of chunks, in byte order. */
  readonly data: readonly ObjectInfo[];
  readonly markers: readonly ObjectInfo[];
}

export type ListedChunk = {
  readonly key: string;
  readonly version: string;
  readonly modified: number;
} & (
  | { readonly folder: false; readonly object: ObjectInfo }
  /** `twin`: the object of the same name. */
  | { readonly folder: true; readonly files: FolderFiles; readonly twin: ObjectInfo | null }
);

export interface ListOptions {
  /** Keys (objects or folders) that are no part of the source, such as the reference's. */
  readonly exclude?: readonly string[];
  readonly notChunks?: NotChunks;
  readonly signal?: AbortSignal | undefined;
  /** Only what lies below it; ends with `/`. */
  readonly under?: string;
}

interface OpenFolder {
  readonly key: string;
  readonly data: ObjectInfo[];
  readonly markers: ObjectInfo[];
  readonly twin: ObjectInfo | null;
}

const mostExamples = 5;

export function countNoChunk(notChunks: NotChunks, example: string): void {
  notChunks.count++;
  if (notChunks.examples.length < mostExamples) notChunks.examples.push(example);
}

export async function* listChunks(objects: Objects, options: ListOptions = {}): AsyncGenerator<readonly ListedChunk[]> {
  const { exclude = [], notChunks = { count: 0, examples: [] }, signal, under = '' } = options;
  const excluded = new Set(exclude);
  const excludedFolders = exclude.map((key) => `${key}/`);
  let folder: OpenFolder | null = null as OpenFolder | null;
  /** Objects that may have a twin: each is the beginning of the next, and of the key in hand. */
  const open: ObjectInfo[] = [];

  const count = (example: string): void => countNoChunk(notChunks, example);

  for await (const page of objects.list(signal, under)) {
    const found: ListedChunk[] = [];
    for (const { key, why } of page.ignored) count(`${key} (${why})`);
    for (const object of page.objects) {
      const { key } = object;
      if (excluded.has(key) || excludedFolders.some((prefix) => key.startsWith(prefix))) continue;
      while (open.length > 0 && !key.startsWith(open.at(-1)!.key)) open.pop();
      const kind = classify(key);
      if (kind.kind === 'part' || kind.kind === 'marker') {
        if (folder?.key !== kind.folder) {
          if (folder !== null) found.push(close(folder));
          folder = { key: kind.folder, data: [], markers: [], twin: open.find((twin) => twin.key === kind.folder) ?? null };
        }
        folder[kind.kind === 'part' ? 'data' : 'markers'].push(object);
        continue;
      }
      if (folder !== null && !key.startsWith(`${folder.key}/`)) {
        found.push(close(folder));
        folder = null;
      }
      if (kind.kind === 'chunk') {
        found.push({ key, version: object.version, modified: object.modified, folder: false, object });
        open.push(object);
      } else count(key);
    }
    if (found.length > 0) yield found;
  }
  if (folder !== null) yield [close(folder)];
}

function close({ key, data, markers, twin }: OpenFolder): ListedChunk {
  const made = [...data, ...markers, ...(twin === null ? [] : [twin])];
  let modified = 0;
  // The names and versions of all that was listed, uncommitted data too: it says "look again", no more (PROTOCOL.md 2.1).
  const hash = createHash('sha256');
  for (const object of made) {
    hash.update(`${JSON.stringify([object.key.slice(key.length + 1), object.version])}\n`);
    modified = Math.max(modified, object.modified);
  }
  return { key, version: hash.digest('hex'), modified, folder: true, files: { data, markers }, twin };
}
