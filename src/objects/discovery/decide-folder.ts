/**
 * Whether a folder is complete, and what its parts are (DESIGN.md 5, PROTOCOL.md 2.3). Pure.
 *
 * With `_committed_<id>` files they decide, `_SUCCESS` or not: the parts are the union of `added` less all `removed`.
 *   - one that is no such JSON, or a listed part that does not lie directly inside: waiting; data that none names is ignored;
 *   - a `_started_<id>` without its `_committed_<id>`, newer than the newest `_committed_`: waiting up to `waitFor`, then
 *     ignored. The older ones are writes that failed.
 * Without them `_SUCCESS` decides, and all data objects are parts.
 */
import { compareNatural } from '../../core/natural-order.ts';
import type { ChunkVersion } from '../chunk.ts';
import type { ObjectInfo } from '../objects.ts';
import { committedPrefix, isData, startedPrefix, successName } from './classify.ts';
import type { FolderFiles } from './list-chunks.ts';

export interface Patience {
  /** How long an unanswered start keeps a folder waiting, in ms. */
  readonly waitFor: number;
  /** ms since 1970. */
  readonly now: number;
}

export interface FolderDecision extends Pick<ChunkVersion, 'parts' | 'state'> {
  /** Data that is there and no part, as no `_committed_` names it (or another removed it). Empty while it waits. */
  readonly ignored: readonly ObjectInfo[];
}

const nameOf = (object: ObjectInfo): string => object.key.slice(object.key.lastIndexOf('/') + 1);

/** `contents`: of the `_committed_` objects by name; null where it could not be had. */
export function decideFolder(files: FolderFiles, contents: ReadonlyMap<string, Uint8Array | null>, patience: Patience): FolderDecision {
  const committed = files.markers.filter((marker) => nameOf(marker).startsWith(committedPrefix));
  if (committed.length === 0) {
    const names = files.markers.map(nameOf);
    const started = names.find((name) => name.startsWith(startedPrefix));
    const lacks = started === undefined ? `it has no ${successName} yet` : `${started} is not answered by a ${committedPrefix} yet`;
    if (!names.includes(successName)) return waiting(`${lacks} (${areThere(files.data.length)})`);
    return { parts: inOrder(files.data), ignored: [], state: { kind: 'ready' } };
  }

  const added = new Map<string, string>();
  const removed = new Set<string>();
  for (const marker of committed.map(nameOf)) {
    const change = parseCommitted(contents.get(marker) ?? null);
    if (change === null) return waiting(`${marker} is not (yet) JSON with "added" and "removed"`);
    for (const name of change.added) if (!added.has(name)) added.set(name, marker);
    for (const name of change.removed) removed.add(name);
  }

  const present = new Map(files.data.map((object) => [nameOf(object), object]));
  const parts: ObjectInfo[] = [];
  const missing: string[] = [];
  for (const [name, marker] of added) {
    if (removed.has(name)) continue;
    const object = present.get(name);
    if (object !== undefined) parts.push(object);
    // What is no data by its name would be no part if it were there; a path leads to nothing directly inside.
    else if (isData(name) && !/^[_.][^/]*$/.test(name)) missing.push(`${JSON.stringify(name)}, which ${marker} lists, is not there`);
  }
  if (missing.length > 0) return waiting(`${missing[0]} (${areThere(parts.length, missing.length)})`);

  const newest = committed.reduce((latest, { modified }) => Math.max(latest, modified), Number.NEGATIVE_INFINITY);
  const answered = new Set(committed.map((marker) => nameOf(marker).slice(committedPrefix.length)));
  const open = files.markers.filter((marker) => {
    const name = nameOf(marker);
    return name.startsWith(startedPrefix) && !answered.has(name.slice(startedPrefix.length)) && marker.modified > newest;
  });
  const patient = open.filter((marker) => patience.now - marker.modified < patience.waitFor);
  if (patient.length > 0) return waiting(`${nameOf(patient[0]!)} is newer than any ${committedPrefix} and not answered`);
  const state: ChunkVersion['state'] =
    open.length === 0 ? { kind: 'ready' } : { kind: 'ready', note: `${open.map(nameOf).join(', ')} unanswered for too long, and ignored` };
  const named = new Set(parts);
  return { parts: inOrder(parts), ignored: files.data.filter((object) => !named.has(object)), state };
}

function waiting(why: string): FolderDecision {
  return { parts: [], ignored: [], state: { kind: 'waiting', why } };
}

function areThere(there: number, missing?: number): string {
  if (missing !== undefined) return `${there} of ${there + missing} parts ${there === 1 ? 'is' : 'are'} there`;
  return there === 1 ? '1 part is there' : `${there} parts are there`;
}

function inOrder(parts: readonly ObjectInfo[]): ObjectInfo[] {
  return parts.toSorted((a, b) => compareNatural(a.key, b.key));
}

/** null where it is not what Databricks writes. A marker may leave out `removed`. */
function parseCommitted(bytes: Uint8Array | null): { readonly added: readonly string[]; readonly removed: readonly string[] } | null {
  if (bytes === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null) return null;
  const { added, removed = [] } = json as { added?: unknown; removed?: unknown };
  return areTexts(added) && areTexts(removed) ? { added, removed } : null;
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
