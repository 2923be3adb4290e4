/**
 * Source, sink and private state must not lie where one would take the other's files for its own (PROTOCOL.md 2.7): none
 * of them lies inside another.
 *
 * Folders are compared after resolving links, by path and by (device, inode) of each existing ancestor: the latter sees
 * through bind mounts and file systems that ignore case. A folder that is not there yet counts where it will be.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { TallyhoError } from '../core/error.ts';
import { isGone } from './file/version.ts';
import type { Location } from './location.ts';

export interface Places {
  readonly source: Location;
  readonly sink: Location;
  /** Folder of the private server; null where there is none. */
  readonly state: string | null;
}

export async function assertApart({ source, sink, state }: Places): Promise<void> {
  const places: (readonly [name: string, location: Location])[] = [
    ['sink', sink],
    ['source', source],
  ];
  if (state !== null) places.unshift(['state', { kind: 'file', path: state }]);
  for (const [inner, where] of places) {
    for (const [outer, around] of places)
      if (inner !== outer && (await isWithin(where, around))) throw overlap(inner, where, outer, around);
  }
}

/** Whether `inner` is `outer` or lies below it. */
async function isWithin(inner: Location, outer: Location): Promise<boolean> {
  if (inner.kind === 's3' && outer.kind === 's3') return inner.bucket === outer.bucket && inner.prefix.startsWith(outer.prefix);
  if (inner.kind !== 'file' || outer.kind !== 'file') return false;
  const outerPath = await resolveLinks(outer.path);
  const innerPath = await resolveLinks(inner.path);
  if (`${innerPath}${sep}`.startsWith(outerPath.endsWith(sep) ? outerPath : `${outerPath}${sep}`)) return true;
  const wanted = await identity(outerPath);
  if (wanted === null) return false;
  for (let folder = innerPath; ; folder = dirname(folder)) {
    if ((await identity(folder)) === wanted) return true;
    if (folder === dirname(folder)) return false;
  }
}

/** The real path of what is there, and the rest as it is written. */
async function resolveLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // What cannot be looked at fails later, when it is opened, with an error of its own.
    if (!isGone(error) || path === dirname(path)) return path;
    return join(await resolveLinks(dirname(path)), path.slice(dirname(path).length));
  }
}

async function identity(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function overlap(inner: string, where: Location, outer: string, around: Location): TallyhoError {
  return new TallyhoError('CONFIG_OVERLAP', `The ${inner} (${show(where)}) lies inside the ${outer} (${show(around)}).`, {
    mend: `Give the ${inner} a place of its own, such as a folder beside the ${outer}.`,
  });
}

function show(location: Location): string {
  return location.kind === 'file' ? location.path : `s3://${location.bucket}/${location.prefix}`;
}
