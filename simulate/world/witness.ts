/**
 * Sees every write of the database and of the sink as it takes place, and says which of them no law allows: a commit of a
 * writer that was taken over (law 6), a file before its commit, other bytes, or out of order (law 3, PROTOCOL.md 4.2).
 * What holds at the end only is checked there (check/).
 */
import type { Bucket } from '../bucket/bucket.ts';
import type { Database } from '../store/database.ts';
import type { State, StoredFile } from '../store/state.ts';
import type { World } from './world.ts';

export function setWitness(world: World, database: Database, sink: Bucket, pipeline: string): void {
  let epoch = 0;

  database.onClaim = (state) => {
    epoch = state.epoch;
    world.note(`epoch ${state.epoch} begins after ${state.lastSequence}`);
  };

  database.onWrite = (doing, by, before, after) => {
    if (by !== epoch) world.violate(`law 6: the writer of epoch ${by} could ${doing} in epoch ${epoch}`);
    if (after.lastSequence < before.lastSequence)
      world.violate(`the last sequence number went back from ${before.lastSequence} to ${after.lastSequence}`);
    if (after.foldedSequence > after.lastSequence) world.violate(`folded to ${after.foldedSequence}, committed to ${after.lastSequence}`);
    if (after.lines !== before.lines) checkLines(before, after);
    if (after.files !== before.files) checkMarks(after.files);
  };

  function checkLines(before: State, after: State): void {
    for (const [i, line] of before.lines.entries()) {
      const now = after.lines[i];
      if (
        line.outcome !== 'waiting' &&
        (now?.outcome !== line.outcome || now.sequence !== line.sequence || now.contentId !== line.contentId)
      )
        world.violate(`the ledger line ${line.position} of ${line.key} was rewritten`);
    }
    for (const line of after.lines)
      if (line.rows !== line.applied + line.quarantined + line.notCounted) world.violate(`law 4 does not hold for ${line.key}`);
  }

  function checkMarks(files: readonly StoredFile[]): void {
    for (const { key, isPublished } of files)
      if (isPublished && sink.current(key) === null) world.violate(`law 3: ${key} is marked as published, and not there`);
  }

  sink.onChange = (key, bytes) => {
    const files = database.state(pipeline)?.files ?? [];
    const file = files.find((planned) => planned.key === key);
    if (file === undefined) {
      world.violate(`law 3: ${key} is published before its commit`);
      return;
    }
    if (bytes === null || Buffer.compare(bytes, file.bytes) !== 0) world.violate(`law 3: ${key} has other bytes than were planned`);
    const isMissing = (other: StoredFile): boolean => other !== file && sink.current(other.key) === null;
    const before = files.filter(({ sequence }) => sequence < file.sequence);
    const folder = files.filter(({ sequence }) => sequence === file.sequence);
    const evidence = folder.filter(({ key: other }) => other.includes('/evidence-'));
    const first = key.endsWith('/detections-1.csv') ? folder : key.includes('/evidence-') ? [] : evidence;
    for (const missing of [...before, ...first].filter(isMissing)) world.violate(`PROTOCOL 4.2: ${key} is published before ${missing.key}`);
  };
}
