/** What counts: applied entries whose place no correction took, as of each entry (PROTOCOL.md 1.4), and what must count in the end. */
import type { StoredLine } from '../../src/store/store.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { State } from '../store/state.ts';
import { type Contents, folderId, hash } from './contents.ts';
import { readyParts } from './folders.ts';
import type { Complain } from './ledger.ts';

/** Applied lines, by sequence number. */
export function entriesOf({ lines }: Pick<State, 'lines'>): readonly StoredLine[] {
  return lines.filter(({ sequence }) => sequence !== null).sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
}

/** The entries in force after each entry. */
export function inForceAsOf(entries: readonly StoredLine[]): readonly (readonly StoredLine[])[] {
  return entries.map((_, i) => {
    const until = entries.slice(0, i + 1);
    const corrected = new Set(until.map(({ corrects }) => corrects));
    return until.filter(({ sequence }) => !corrected.has(sequence));
  });
}

/** No key is applied twice, and no bytes: law 1 would hold of rows that are counted again, too. */
export function checkOnce(state: Pick<State, 'lines'>, complain: Complain): void {
  const force = new Map<string, StoredLine>();
  for (const line of entriesOf(state)) {
    if (line.kind !== 'chunk' && line.kind !== 'correction') continue;
    const before = force.get(line.key);
    const name = `entry ${line.sequence} (${line.key})`;
    if (line.kind === 'chunk' && before !== undefined) complain(`${name} is applied, though ${before.sequence} of the same key was`);
    if (line.kind === 'correction' && (before === undefined || before.sequence !== line.corrects || before.contentId === line.contentId))
      complain(`${name} corrects ${line.corrects}, and in force was ${before?.sequence}`);
    force.delete(line.key);
    for (const other of force.values())
      if (other.contentId === line.contentId && line.rows > 0)
        complain(`${name} is applied, though ${other.sequence} (${other.key}) of the same bytes is in force`);
    force.set(line.key, line);
    const correction = state.lines.find(({ corrects }) => corrects !== null && corrects === line.sequence);
    if (line.correctedBy !== (correction?.sequence ?? null)) complain(`${name} says that ${line.correctedBy} corrects it`);
  }
}

/** With `onChanged: correct` every readable content that lies there counts once, whatever was there before. */
export function checkCorrected(state: State, bucket: Bucket, contents: Contents, maxBadRows: bigint, complain: Complain): void {
  const force = inForceAsOf(entriesOf(state)).at(-1) ?? [];
  for (const { key, folder, contentId } of present(bucket)) {
    const result = contents.parse(contents.partsOf({ key, folder, contentId }) ?? []);
    if (result.kind === 'fault') continue;
    const bad = BigInt(result.rejected.length);
    const rows = BigInt(result.rows.length) + bad;
    if (bad * 100n > maxBadRows * rows) continue;
    // What was folded long ago may be forgotten: then it cannot be taken out (PROTOCOL.md 3.8), and that is told.
    if (state.lines.some((line) => line.key === key && line.contentId === contentId && line.reason === 'not_kept')) continue;
    const own = force.find((line) => line.key === key);
    const counts = rows === 0n ? own === undefined || own.contentId === contentId : force.some((line) => line.contentId === contentId);
    if (!counts) complain(`${key} has changed, and its bytes ${contentId} do not count`);
  }
}

function present(bucket: Bucket): readonly { readonly key: string; readonly folder: boolean; readonly contentId: string }[] {
  const keys = bucket.objects().map(({ key }) => key);
  const idOf = (key: string): string => hash(bucket.current(key)?.bytes ?? '');
  const objects = keys.filter((key) => key.endsWith('.csv') && !key.includes('.csv/'));
  const folders = new Set(keys.filter((key) => key.includes('.csv/')).map((key) => key.slice(0, key.lastIndexOf('/'))));
  return [
    ...objects.map((key) => ({ key, folder: false, contentId: idOf(key) })),
    ...[...folders].flatMap((key) => {
      const ready = readyParts(bucket, key);
      return ready === null ? [] : [{ key, folder: true, contentId: folderId(ready.map(idOf)) }];
    }),
  ];
}
