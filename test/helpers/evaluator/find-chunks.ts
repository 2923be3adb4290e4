/** Which chunks lie in a folder, found the plain way: read everything, then apply DESIGN.md 5 and PROTOCOL.md 2.3. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { naturalCompare } from './natural.ts';

export interface FoundChunk {
  key: string;
  folder: boolean;
  /** Paths of the parts below the source, in reading order. */
  parts: string[];
  waiting: boolean;
}

const isData = (name: string): boolean => name.endsWith('.csv') || name.endsWith('.csv.gz') || name.endsWith('.parquet');
const isFolderName = (name: string): boolean => name.endsWith('.csv') || name.endsWith('.parquet');
const isHidden = (name: string): boolean => name.startsWith('_') || name.startsWith('.');

export function findChunks(root: string): FoundChunk[] {
  const found: FoundChunk[] = [];
  walk(root, '', found);
  return found.sort((a, b) => naturalCompare(a.key, b.key));
}

function walk(root: string, prefix: string, found: FoundChunk[]): void {
  for (const name of readdirSync(join(root, prefix))) {
    const key = prefix === '' ? name : `${prefix}/${name}`;
    const stat = lstatSync(join(root, key));
    if (isHidden(name)) continue;
    if (stat.isDirectory()) {
      if (isFolderName(name)) {
        const chunk = folderChunk(root, key);
        if (chunk !== null) found.push(chunk);
      } else walk(root, key, found);
    } else if (stat.isFile() && isData(name)) {
      found.push({ key, folder: false, parts: [key], waiting: false });
    }
  }
}

function folderChunk(root: string, key: string): FoundChunk | null {
  const files = readdirSync(join(root, key), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  const data = files.filter((name) => isData(name) && !isHidden(name));
  // Only hidden files: nobody has begun to show anything.
  if (data.length === 0 && !files.some((name) => /^_(SUCCESS$|committed_|started_)/.test(name))) return null;
  const committed = files.filter((name) => name.startsWith('_committed_'));
  const time = (name: string): number => lstatSync(join(root, key, name)).mtimeMs;
  if (committed.length > 0) {
    const answered = new Set(committed.map((name) => name.slice('_committed_'.length)));
    const newest = Math.max(...committed.map(time));
    const open = files.some((name) => name.startsWith('_started_') && !answered.has(name.slice('_started_'.length)) && time(name) > newest);
    const added = new Set<string>();
    const removed = new Set<string>();
    for (const name of committed) {
      const marker = JSON.parse(readFileSync(join(root, key, name), 'utf8')) as { added?: string[]; removed?: string[] };
      for (const part of marker.added ?? []) added.add(part);
      for (const part of marker.removed ?? []) removed.add(part);
    }
    const parts = [...added].filter((part) => !removed.has(part));
    const missing = parts.some((part) => !files.includes(part));
    return {
      key,
      folder: true,
      parts: sorted(
        key,
        parts.filter((part) => isData(part) && !isHidden(part)),
      ),
      waiting: open || missing,
    };
  }
  return { key, folder: true, parts: sorted(key, data), waiting: !files.includes('_SUCCESS') };
}

function sorted(key: string, names: string[]): string[] {
  return names.map((name) => `${key}/${name}`).sort(naturalCompare);
}
