/**
 * Every regular file below a folder, in the byte order of the full keys, without following links.
 *
 * A walk in depth: a folder's name sorts with its `/`, so the keys below it stand exactly at its place. State: for each level
 * of the path in hand the names of that folder that are still to come (names.ts), never the tree.
 */
import { isUtf8 } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { printable, whyNoKey } from '../key.ts';
import type { IgnoredEntry, Listing, ObjectInfo } from '../objects.ts';
import { type Name, namesOf } from './names.ts';
import { isTemporary } from './temporary.ts';
import { isGone, modifiedOf, versionOf } from './version.ts';

/** Stats are taken synchronously (twice as fast as through the thread pool); after so many the event loop gets its turn. */
const pageSize = 250;

/** `prefix`: empty, or the key of a folder with its `/`. A root that is not there throws; a folder below it that went away is skipped. */
export async function* listFiles(root: string, prefix: string, signal?: AbortSignal): AsyncGenerator<Listing> {
  for await (const page of walk(root, prefix, signal)) {
    const objects: ObjectInfo[] = [];
    const ignored: IgnoredEntry[] = [];
    for (const entry of page) {
      if (entry.kind === 'ignored') ignored.push({ key: entry.key, why: entry.why });
      else if (entry.kind === 'file') {
        const object = describe(root, entry.key);
        if (object !== null) objects.push(object);
      }
    }
    if (objects.length + ignored.length > 0) yield { objects, ignored };
    await setImmediate();
  }
}

export type Walked =
  | { readonly kind: 'file'; readonly key: string }
  /** A file that a put writes, or a killed one left behind. */
  | { readonly kind: 'temporary'; readonly key: string }
  | { readonly kind: 'ignored'; readonly key: string; readonly why: string };

/** In pages, because an item of an async generator costs as much as its `lstat`. */
export async function* walk(root: string, start: string, signal?: AbortSignal): AsyncGenerator<readonly Walked[]> {
  const levels: { readonly prefix: string; readonly pages: AsyncGenerator<readonly Name[]>; page: readonly Name[]; next: number }[] = [];
  const enter = (prefix: string): void => {
    levels.push({ prefix, pages: namesOf(`${root}/${prefix}`, signal), page: [], next: 0 });
  };
  let walked: Walked[] = [];
  enter(start);
  while (levels.length > 0) {
    const level = levels.at(-1)!;
    if (level.next === level.page.length) {
      signal?.throwIfAborted();
      const result = await nextPage(level.pages, level.prefix === '');
      if (result === null) levels.pop();
      else {
        level.page = result;
        level.next = 0;
      }
      continue;
    }
    const name = level.page[level.next++]!;
    const bare = name.kind === 'folder' ? name.bytes.slice(0, -1) : name.bytes;
    const text = decode(bare);
    const key = `${level.prefix}${text.name}`;
    const why = text.why ?? (name.kind === 'link' ? 'a link' : name.kind === 'other' ? 'no regular file' : null);
    if (why !== null) walked.push({ kind: 'ignored', key: printable(key), why });
    else if (name.kind === 'folder') enter(`${key}/`);
    else walked.push({ kind: isTemporary(bare) ? 'temporary' : 'file', key });
    if (walked.length === pageSize) {
      signal?.throwIfAborted();
      yield walked;
      walked = [];
    }
  }
  if (walked.length > 0) yield walked;
}

async function nextPage(pages: AsyncGenerator<readonly Name[]>, isRoot: boolean): Promise<readonly Name[] | null> {
  try {
    const result = await pages.next();
    return result.done === true ? null : result.value;
  } catch (error) {
    // A folder that went away, or became something else, between its parent's listing and its own.
    if (!isRoot && isGone(error)) return null;
    throw error;
  }
}

export function decode(bytes: string): { readonly name: string; readonly why: string | null } {
  // Nearly all names; a folder lists no `..`, and a name has no `/`.
  if (/^[\x20-\x7e]*$/.test(bytes)) return { name: bytes, why: null };
  const raw = Buffer.from(bytes, 'latin1');
  const name = raw.toString('utf8');
  return { name, why: isUtf8(raw) ? whyNoKey(name) : 'its name is not UTF-8' };
}

/** null: it went away, or is no longer a regular file. */
function describe(root: string, key: string): ObjectInfo | null {
  try {
    const stats = lstatSync(`${root}/${key}`, { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile() !== true) return null;
    return { key, size: Number(stats.size), version: versionOf(stats), modified: modifiedOf(stats) };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
