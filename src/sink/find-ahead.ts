/**
 * Whether the output knows more than the database: a restored backup, a deleted `.tallyho/`, a replica that lags
 * (PROTOCOL.md 4.5). Publishing into such an output would number and detect again what is already there.
 */
import type { Objects } from '../objects/objects.ts';
import { parseFolderName } from './output-name.ts';

export interface AheadFolder {
  readonly name: string;
  /** Its sequence number is above the last one, or the database planned no file in it. */
  readonly why: 'above' | 'unplanned';
}

const batchSize = 1000;

/** Folders of our form that this database did not make; `planned`: those of the names that it did. Others' folders are left alone. */
export async function findAhead(
  objects: Pick<Objects, 'folders'>,
  planned: (names: readonly string[]) => Promise<ReadonlySet<string>>,
  lastSequence: number,
  signal?: AbortSignal,
): Promise<AheadFolder[]> {
  const ours = (await objects.folders(signal)).filter((name) => parseFolderName(name) !== null);
  const ahead: AheadFolder[] = [];
  for (let i = 0; i < ours.length; i += batchSize) {
    const names = ours.slice(i, i + batchSize);
    const known = await planned(names);
    for (const name of names) {
      // One above the last number may be known: it was adopted.
      if (!known.has(name)) ahead.push({ name, why: parseFolderName(name)! > lastSequence ? 'above' : 'unplanned' });
    }
  }
  return ahead;
}
