/**
 * The names in a folder, in byte order, however many there are.
 *
 * File systems yield names in no order, so they are collected and sorted; names are read as Latin-1, which keeps any bytes
 * and makes the order of strings the order of bytes. A folder's name carries its `/`, so that it sorts as its keys do.
 * At most `most` names are held: of more, the smaller half is kept, and a next pass over the folder takes those after it.
 */
import { lstatSync, type Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { isGone } from './version.ts';

/** About 50 MB of names. */
const mostHeld = 500_000;

export interface Name {
  /** The bytes of the name as Latin-1; a folder's ends with `/`. */
  readonly bytes: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

const kindLetters = { file: 'f', folder: 'd', link: 'l', other: 'o' } as const;
const letterKinds = { f: 'file', d: 'folder', l: 'link', o: 'other' } as const;

/** Yields sorted pages. */
export async function* namesOf(path: string, signal?: AbortSignal, most = mostHeld): AsyncGenerator<readonly Name[]> {
  let after = '';
  while (true) {
    const { names, more } = await smallest(path, after, most, signal);
    for (let i = 0; i < names.length; i += 1000) yield names.slice(i, i + 1000).map(unpack);
    if (!more) return;
    after = unpack(names.at(-1)!).bytes;
  }
}

/** The smallest names after `after`, sorted; behind each, U+0000 (in no name, and before any byte) and the letter of its kind. */
async function smallest(path: string, after: string, most: number, signal?: AbortSignal): Promise<{ names: string[]; more: boolean }> {
  let names: string[] = [];
  let bound: string | null = null;
  const folder = await opendir(path, { encoding: 'latin1', bufferSize: 1024 });
  for await (const entry of folder) {
    const kind = kindOf(path, entry);
    if (kind === null) continue;
    const name = kind === 'folder' ? `${entry.name}/` : entry.name;
    if (name <= after || (bound !== null && name > bound)) continue;
    names.push(`${name}\0${kindLetters[kind]}`);
    if (names.length >= most) {
      signal?.throwIfAborted();
      names.sort();
      names = names.slice(0, Math.ceil(most / 2));
      bound = unpack(names.at(-1)!).bytes;
    }
  }
  names.sort();
  return { names, more: bound !== null };
}

function unpack(packed: string): Name {
  return { bytes: packed.slice(0, -2), kind: letterKinds[packed.at(-1) as keyof typeof letterKinds] };
}

/** null: it went away. Some file systems do not tell the kind with the name. */
function kindOf(path: string, entry: Dirent): Name['kind'] | null {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (entry.isSymbolicLink()) return 'link';
  if (entry.isFIFO() || entry.isSocket() || entry.isBlockDevice() || entry.isCharacterDevice()) return 'other';
  try {
    const stats = lstatSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(entry.name, 'latin1')]), { throwIfNoEntry: false });
    if (stats === undefined) return null;
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
