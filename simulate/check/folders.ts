/** Which folders are complete, and what they hold then. */
import { naturalCompare } from '../../test/helpers/evaluator/natural.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { folderId, hash } from './contents.ts';

/** `folder contentId` of all that was complete at any time, from now on. */
export function noteFolders(bucket: Bucket): ReadonlySet<string> {
  const complete = new Set<string>();
  bucket.onChange = (key) => {
    if (!key.includes('.csv/')) return;
    const folder = key.slice(0, key.lastIndexOf('/'));
    const parts = readyParts(bucket, folder);
    if (parts !== null) complete.add(`${folder} ${folderId(parts.map((part) => hash(bucket.current(part)?.bytes ?? '')))}`);
  };
  return complete;
}

/** PROTOCOL.md 2.3, for what arrivals.ts writes; null: not complete. Open starts are older than `waitFor` by now. */
export function readyParts(bucket: Bucket, folder: string): readonly string[] | null {
  const inside = bucket
    .objects()
    .map(({ key }) => key)
    .filter((key) => key.startsWith(`${folder}/`));
  const committed = inside.filter((key) => key.startsWith(`${folder}/_committed_`));
  const data = inside.filter((key) => key.endsWith('.csv')).sort(naturalCompare);
  if (committed.length === 0) return inside.includes(`${folder}/_SUCCESS`) ? data : null;
  const markers = committed.map(
    (key) => JSON.parse(Buffer.from(bucket.current(key)?.bytes ?? []).toString()) as { added: string[]; removed: string[] },
  );
  const removed = new Set(markers.flatMap((marker) => marker.removed));
  const names = markers.flatMap((marker) => marker.added).filter((name) => !removed.has(name));
  const parts = names.map((name) => `${folder}/${name}`);
  return parts.every((key) => inside.includes(key)) ? data.filter((key) => parts.includes(key)) : null;
}
