/**
 * `rebuild` (PROTOCOL.md 3.9): a new generation of statistics beside the old one, and the switch, in one transaction.
 * Sequence numbers, outcomes, detections, files and the ids of values stay.
 */
import { assertLaw } from '../../core/error.ts';
import type { RebuildRequest } from '../store.ts';
import { bytesArray, numberArray, textArray } from './arrays.ts';
import { leaseSeconds } from './lease.ts';
import {
  type CommitContext,
  type Committed,
  parts,
  placeEntries,
  writeBehind,
  writeEntries,
  writeRejected,
  writeValues,
} from './commit.ts';
import { passFence } from './fence.ts';
import { writeStatistics } from './fold.ts';
import { writeLines } from './ledger.ts';
import { withPatternSets } from './pattern-sets.ts';
import { exactly, Sending } from './sending.ts';
import type { Statements } from './session.ts';
import { unhurried } from './session-settings.ts';
import { createTables, createViews, dropTables, dropViews } from './statistics-tables.ts';

/** $1 name, $2 epoch, $3 from, $4 to, $5 generation, $6 layout, $7 input, $8 detection time, $9 lease. */
const fenceRebuild = exactly(
  '1',
  `
update pipeline set last_sequence = $4, folded_sequence = $4, generation = $5, layout = $6, input = $7,
  last_detection_time = greatest(last_detection_time, $8), lease_until = clock_timestamp() + make_interval(secs => $9)
where name = $1 and epoch = $2 and last_sequence = $3`,
);

type RebuiltLine = RebuildRequest['lines'][number];
type PlacedRebuilt = RebuiltLine & { readonly position: number };

export async function rebuildPipeline(statements: Statements, context: CommitContext, request: RebuildRequest): Promise<Committed> {
  const { basis, from, to, entry } = request;
  const generation = context.generation + 1;
  const { layout } = basis;
  const time = entry.line.detectionTime.toISOString();
  const parameters = [context.name, context.epoch, from, to, generation, JSON.stringify(layout), basis.input, time, leaseSeconds];
  await passFence(statements.query(fenceRebuild, parameters), context);
  await statements.query(unhurried);

  const tables = createTables(layout, generation);
  if (tables.length > 0) await statements.query(tables.join(';\n'));
  await writeStatistics(statements, layout, generation, request.statistics, true);

  const { lines, nextPosition: afterLines } = await placeLines(statements, context, request);
  await replaceNumbers(statements, lines);
  await replaceDeltas(statements, lines, to - context.keepDeltas);
  const sending = new Sending(statements);
  await writeRejected(sending, lines);
  await writeBehind(
    sending,
    lines.flatMap(({ position, behind }) => behind.map((row) => ({ origin: position, ...row }))),
  );
  await writeValues(
    sending,
    layout,
    lines.flatMap(({ newValues }) => newValues),
  );

  const { placed, nextPosition } = placeEntries([entry], afterLines);
  const patterns = withPatternSets(context.patterns, [entry]);
  await writeEntries(sending, { layout, patterns: context.patterns }, patterns, placed, { from, sameContent: [] });
  await sending.answers();

  // Last, because whoever reads the old tables is waited for, and who comes then waits for us.
  const old = context.layout === null ? [] : [...dropViews(context.layout), ...dropTables(context.layout, context.generation)];
  const views = [...old, ...createViews(layout, generation)];
  if (views.length > 0) await statements.query(views.join(';\n'));
  return { nextPosition, patterns };
}

/** A reference that was not there before gets a line of its own, with the number 0. */
async function placeLines(
  statements: Statements,
  { nextPosition }: CommitContext,
  { lines, entry }: RebuildRequest,
): Promise<{ lines: readonly PlacedRebuilt[]; nextPosition: number }> {
  let next = nextPosition;
  const placed = lines.map((line) => ({ ...line, position: line.position ?? next++ }));
  const added = placed.filter((_, i) => lines[i]?.position === null);
  assertLaw(added.length <= 1, 'a pipeline has one reference');
  const sending = new Sending(statements);
  await writeLines(
    sending,
    added.map(({ position, key, version, contentId, bytes, rows, applied, quarantined }) => ({
      position,
      line: {
        kind: 'reference',
        key,
        folder: false,
        version,
        contentId,
        bytes,
        outcome: 'applied',
        sequence: 0,
        corrects: null,
        rows,
        applied,
        quarantined,
        notCounted: 0,
        detections: 0,
        reason: null,
        detail: null,
        detectionTime: entry.line.detectionTime,
      },
    })),
  );
  await sending.answers();
  return { lines: placed, nextPosition: next };
}

const updateNumbers = `
update chunk c set key = u.key, version = u.version, content_id = u.content_id, bytes = u.bytes, rows = u.rows, applied = u.applied,
  quarantined = u.quarantined,
  reason = case when u.left_out is not null then 'left_out' when c.reason = 'left_out' then null else c.reason end,
  detail = case when u.left_out is null and c.reason = 'left_out' then null else coalesce(u.left_out, c.detail) end
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
  u (position, key, version, content_id, bytes, rows, applied, quarantined, left_out)
where c.position = u.position and c.outcome = 'applied'`;
const deleteRejected = 'delete from rejected_row where position = any($1::bigint[])';

async function replaceNumbers(statements: Statements, lines: readonly PlacedRebuilt[]): Promise<void> {
  for (const { key, rows, applied, quarantined } of lines)
    assertLaw(rows === applied + quarantined, `${key}: rows read (${rows}) = applied (${applied}) + quarantined (${quarantined})`);
  for (const part of parts(lines, ({ key }) => key.length + 200)) {
    const positions = numberArray(part.map(({ position }) => position));
    const { count } = await statements.query(updateNumbers, [
      positions,
      textArray(part.map(({ key }) => key)),
      textArray(part.map(({ version }) => version)),
      textArray(part.map(({ contentId }) => contentId)),
      numberArray(part.map(({ bytes }) => bytes)),
      numberArray(part.map(({ rows }) => rows)),
      numberArray(part.map(({ applied }) => applied)),
      numberArray(part.map(({ quarantined }) => quarantined)),
      textArray(part.map(({ leftOut }) => leftOut ?? null)),
    ]);
    assertLaw(count === part.length, 'rebuild gives numbers to applied lines');
    await statements.query(deleteRejected, [positions]);
  }
}

const deleteDeltas = 'delete from delta';
const insertDeltas = `
insert into delta (sequence, bytes)
select c.sequence, u.bytes from unnest($1::bigint[], $2::bytea[]) u (position, bytes) join chunk c on c.position = u.position
where c.sequence > $3`;

/** By the old basis they mean nothing any more. Those up to `forgotten` would be deleted by the next fold. */
async function replaceDeltas(statements: Statements, lines: readonly PlacedRebuilt[], forgotten: number): Promise<void> {
  await statements.query(deleteDeltas);
  for (const part of parts(lines, ({ delta }) => delta.length))
    await statements.query(insertDeltas, [
      numberArray(part.map(({ position }) => position)),
      bytesArray(part.map(({ delta }) => delta)),
      forgotten,
    ]);
}
