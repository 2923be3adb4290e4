/**
 * What may be put now (PROTOCOL.md 4.2). Pure: the pipeline puts what it is told, takes it off `pending`, and asks again.
 *
 *   - evidence before the detections of its folder, `detections-1.csv` last of all;
 *   - folders in the order of their sequence numbers: a later one begins when nothing of the earlier may be put any more;
 *   - an incident holds up `detections-1.csv` of its folder, and nothing else.
 *
 * The files of one answer may be put at the same time. A file that failed for now stays pending, and holds up what
 * follows it in order.
 */
import { roleOf } from './output-name.ts';

interface Pending {
  readonly key: string;
  readonly folder: string;
  readonly sequence: number;
  readonly incident: string | null;
}

/** `incidentFolders`: folders in which other bytes were found under the name of a planned file. Empty: done, or held up. */
export function nextToPublish<F extends Pending>(pending: readonly F[], incidentFolders: ReadonlySet<string>): readonly F[] {
  const folders = new Map<string, F[]>();
  for (const file of pending) {
    const files = folders.get(file.folder);
    if (files === undefined) folders.set(file.folder, [file]);
    else files.push(file);
  }
  const inOrder = [...folders.values()].sort((a, b) => a[0]!.sequence - b[0]!.sequence);
  for (const files of inOrder) {
    const halted = incidentFolders.has(files[0]!.folder) || files.some(({ incident }) => incident !== null);
    const open = files.filter(({ incident }) => incident === null);
    for (const role of ['evidence', 'detections', 'last'] as const) {
      if (role === 'last' && halted) break;
      const now = open.filter(({ key }) => roleOf(key) === role);
      if (now.length > 0) return now;
    }
  }
  return [];
}
