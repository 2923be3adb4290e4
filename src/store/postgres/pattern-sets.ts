/** The sets of patterns in force, and what each pattern id stands for. */
import { TallyhoError } from '../../core/error.ts';
import type { CommitEntry, PatternSet, PipelineRow } from '../store.ts';
import { numberArray, textArray } from './arrays.ts';
import type { Sending } from './sending.ts';
import type { Rows } from './session.ts';

export type KnownPattern = PipelineRow['patterns'][number];
type DeclaredPattern = PatternSet['patterns'][number];

const upsertPatternSet = `
insert into pattern_set (from_sequence, fingerprint, text, patterns) values ($1, $2, $3, $4::text::json)
on conflict (from_sequence) do update set fingerprint = excluded.fingerprint, text = excluded.text, patterns = excluded.patterns`;

/** What an id stands for may change as long as it has detected nothing, or after a reset. */
const upsertPatterns = `
insert into pattern as p (id, generation, action, entity)
select u.id, u.generation, u.action, u.entity::text[]
from unnest($1::text[], $2::integer[], $3::text[], $4::text[]) u (id, generation, action, entity)
on conflict (id, generation) do update set action = excluded.action, entity = excluded.entity
where not exists (select from detection d where d.pattern = p.id and d.generation = p.generation)
returning id`;

/** The patterns known after the entries. */
export function withPatternSets(
  known: ReadonlyMap<string, KnownPattern>,
  entries: readonly CommitEntry[],
): ReadonlyMap<string, KnownPattern> {
  return entries.reduce((patterns, { patternSet }) => (patternSet === null ? patterns : withPatterns(patterns, patternSet)), known);
}

function withPatterns(known: ReadonlyMap<string, KnownPattern>, set: PatternSet): ReadonlyMap<string, KnownPattern> {
  const patterns = new Map(known);
  for (const pattern of changed(known, set)) patterns.set(pattern.id, pattern);
  return patterns;
}

/** Those that are new or stand for something else; another order of the same dimensions is no change. */
function changed(known: ReadonlyMap<string, KnownPattern>, set: PatternSet): KnownPattern[] {
  return set.patterns.flatMap(({ id, action, entity }) => {
    const before = known.get(id);
    return before !== undefined && isSame(before, { id, action, entity })
      ? []
      : [{ id, action, entity, generation: before?.generation ?? 1 }];
  });
}

function isSame(a: DeclaredPattern, b: DeclaredPattern): boolean {
  return a.action === b.action && a.entity.length === b.entity.length && a.entity.every((name) => b.entity.includes(name));
}

/** `from` is the last sequence number before the entries. A set of an entry without one holds from the next that is given. */
export async function writePatternSets(
  sending: Sending,
  entries: readonly CommitEntry[],
  from: number,
  known: ReadonlyMap<string, KnownPattern>,
): Promise<void> {
  let last = from;
  let before = known;
  for (const { line, patternSet } of entries) {
    if (patternSet !== null) {
      await writeSet(sending, patternSet, line.sequence ?? last + 1);
      await writePatterns(sending, changed(before, patternSet));
      before = withPatterns(before, patternSet);
    }
    last = line.sequence ?? last;
  }
}

async function writeSet(sending: Sending, { fingerprint, text, patterns }: PatternSet, fromSequence: number): Promise<void> {
  await sending.send(upsertPatternSet, [fromSequence, fingerprint, text, JSON.stringify(patterns)]);
}

async function writePatterns(sending: Sending, patterns: readonly KnownPattern[]): Promise<void> {
  if (patterns.length === 0) return;
  const parameters = [
    textArray(patterns.map(({ id }) => id)),
    numberArray(patterns.map(({ generation }) => generation)),
    textArray(patterns.map(({ action }) => action)),
    textArray(patterns.map(({ entity }) => textArray(entity))),
  ];
  await sending.send(upsertPatterns, parameters, async (answer) => assertNotReused(patterns, await answer));
}

function assertNotReused(patterns: readonly KnownPattern[], written: Rows): void {
  const refused = patterns.find(({ id }) => !written.some((row) => row['id'] === id));
  if (refused !== undefined)
    throw new TallyhoError('PATTERN_ID_REUSED', `The pattern ${refused.id} has detections with another action or other dimensions.`, {
      mend: `Give the pattern another id, or forget what it detected with \`tallyho patterns reset ${refused.id}\`.`,
    });
}
