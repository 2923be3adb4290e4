/**
 * Where chunks lie, if not in an empty source: in folders beside it. Most often whoever writes them and whoever reads them
 * were given different prefixes.
 *
 * Only a look: the first pages of a bounded number of folders. What may not be listed is passed over.
 */
import { basename, dirname, join, resolve } from 'node:path';
import type { Location } from '../location.ts';
import { openObjects } from '../open-objects.ts';
import type { S3Settings } from '../s3/client.ts';
import { classify } from './classify.ts';

export interface Elsewhere {
  readonly url: string;
  /** Key of one chunk there. */
  readonly example: string;
}

export interface ElsewhereOptions {
  /** Places that are no input: the sink, the state. */
  readonly except: readonly Location[];
  readonly s3: S3Settings;
  readonly signal: AbortSignal;
}

const mostFolders = 30;
const mostObjects = 2_000;

export async function findElsewhere(source: Location, { except, s3, signal }: ElsewhereOptions): Promise<Elsewhere[]> {
  const parent = parentOf(source);
  if (parent === null) return [];
  const objects = openObjects(parent.url, { role: 'source', base: '/', s3, patient: false });
  const found: Elsewhere[] = [];
  try {
    const names = (await objects.folders(signal)).filter((name) => !/^[._]/.test(name) && name !== 'node_modules' && name !== parent.child);
    for (const name of names.slice(0, mostFolders)) {
      if (except.some((location) => isSame(location, source, parent.url, name))) continue;
      let seen = 0;
      folder: for await (const page of objects.list(signal, `${name}/`)) {
        for (const { key } of page.objects) {
          const below = key.slice(name.length + 1);
          if (classify(below).kind !== 'chunk' && classify(below).kind !== 'part') continue;
          found.push({ url: `${objects.url}${name}/`, example: below });
          break folder;
        }
        seen += page.objects.length;
        if (seen >= mostObjects) break;
      }
    }
  } catch (error) {
    if (signal.aborted) return found;
    // It is a hint: what may not be seen is no fault of a source that is empty.
    if (!(error instanceof Error)) throw error;
  } finally {
    await objects.close();
  }
  return found;
}

/** The folder around a source, and the source's name there. null at the top. */
function parentOf(source: Location): { readonly url: string; readonly child: string } | null {
  if (source.kind === 'file') {
    const path = resolve(source.path);
    return dirname(path) === path ? null : { url: dirname(path), child: basename(path) };
  }
  if (source.prefix === '') return null;
  const parts = source.prefix.slice(0, -1).split('/');
  const child = parts.pop() ?? '';
  return { url: `s3://${source.bucket}/${parts.map((part) => `${part}/`).join('')}`, child };
}

/** Whether a place is the folder, or lies in it: chunks of the source's pipeline are not there. */
function isSame(location: Location, source: Location, parent: string, name: string): boolean {
  if (location.kind === 'file') return source.kind === 'file' && `${resolve(location.path)}/`.startsWith(`${join(parent, name)}/`);
  return source.kind === 's3' && `s3://${location.bucket}/${location.prefix}`.startsWith(`${parent}${name}/`);
}
