/** From what was listed to what can be read: looks into the markers of folders (PROTOCOL.md 2.3). */
import type { ChunkVersion } from '../chunk.ts';
import type { ObjectInfo, Objects } from '../objects.ts';
import { committedPrefix, successName } from './classify.ts';
import { decideFolder, type Patience } from './decide-folder.ts';
import { countNoChunk, listChunks, type ListedChunk, type ListOptions } from './list-chunks.ts';

export interface ResolveOptions extends Patience, Pick<ListOptions, 'exclude' | 'signal' | 'notChunks'> {}

/** A marker of more bytes is taken for broken: it would name over half a million parts. */
const largestMarker = 64 << 20;

/** null: the folder went away meanwhile. */
export async function resolveChunk(objects: Objects, listed: ListedChunk, options: ResolveOptions): Promise<ChunkVersion | null> {
  const { key, version, modified } = listed;
  if (!listed.folder) return { key, folder: false, parts: [listed.object], version, state: { kind: 'ready' }, modified };
  if (listed.twin !== null) {
    const why = `there is an object ${JSON.stringify(key)} and a folder of the same name`;
    return { key, folder: true, parts: [], version, state: { kind: 'ambiguous', why }, modified };
  }
  // A listing takes time: a part may have come after its place in it was passed, and the marker before. So once the marker
  // is seen, the folder is listed again.
  const folder = listed.files.markers.some(decides) ? await listFolder(objects, key, options) : listed;
  if (folder === null || !folder.folder) return null;
  const { parts, ignored, state } = decideFolder(folder.files, await readMarkers(objects, folder.files.markers, options.signal), options);
  if (options.notChunks !== undefined) {
    for (const object of ignored) countNoChunk(options.notChunks, `${object.key} (named by no ${committedPrefix})`);
  }
  return { key, folder: true, version: folder.version, modified: folder.modified, parts, state };
}

/** Whether a folder that was read is still what was listed; an object's own `read` says so itself. */
export async function isSameChunk(
  objects: Objects,
  chunk: ChunkVersion,
  options: Pick<ListOptions, 'exclude' | 'signal'> = {},
): Promise<boolean> {
  if (!chunk.folder) return true;
  return (await listFolder(objects, chunk.key, options))?.version === chunk.version;
}

async function listFolder(
  objects: Objects,
  key: string,
  { exclude = [], signal }: Pick<ListOptions, 'exclude' | 'signal'>,
): Promise<ListedChunk | null> {
  for await (const page of listChunks(objects, { exclude, signal, under: `${key}/` })) {
    for (const chunk of page) if (chunk.folder && chunk.key === key) return chunk;
  }
  return null;
}

function decides(marker: ObjectInfo): boolean {
  const name = marker.key.slice(marker.key.lastIndexOf('/') + 1);
  return name === successName || name.startsWith(committedPrefix);
}

async function readMarkers(
  objects: Objects,
  markers: readonly ObjectInfo[],
  signal?: AbortSignal,
): Promise<Map<string, Uint8Array | null>> {
  const contents = new Map<string, Uint8Array | null>();
  for (const { key, size } of markers) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (name.startsWith(committedPrefix)) contents.set(name, size > largestMarker ? null : await objects.get(key, signal));
  }
  return contents;
}
