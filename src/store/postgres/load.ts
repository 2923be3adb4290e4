/**
 * Filling a detector with what is committed: dictionary, statistics, the deltas after them, what was detected. The caller
 * holds one snapshot over all of it. Each batch is asked for before the one before it is worked on.
 */
import { isDeepStrictEqual } from 'node:util';
import { assertLaw, TallyhoError } from '../../core/error.ts';
import { decodeDelta } from '../../core/delta-codec.ts';
import type { Detector } from '../../core/detector.ts';
import { baseGrains, type Layout } from '../../core/layout.ts';
import { textArray } from './arrays.ts';
import { RowParser } from './copy-rows.ts';
import { identifier } from './identifier.ts';
import { grainNames, statisticsTable } from './names.ts';
import { type PipelineRecord, pipelineRow } from './pipeline-row.ts';
import type { KnownPattern } from './pattern-sets.ts';
import type { Statements } from './session.ts';
import { grainAt } from './statistics-tables.ts';

/** Values of a dimension. */
const batch = 16_384;
/**
 * Rows that the detector takes at once. The server goes on meanwhile only until the connection is full: on a Unix socket of Linux
 * some 4,000 rows later. With more at once, server and detector would take turns.
 */
const rowsAtOnce = 4096;

export async function loadDetector(statements: Statements, record: PipelineRecord, detector: Detector): Promise<void> {
  const { basis, foldedSequence, patterns } = pipelineRow(record);
  if (basis === null) return;
  const { layout } = basis;
  if (!isDeepStrictEqual(layout, JSON.parse(JSON.stringify(detector.plan.layout))))
    throw new TallyhoError('REBUILD_NEEDED', `The patterns need other statistics than those that the pipeline ${record.name} keeps.`, {
      mend: 'Run `tallyho rebuild`, or take the patterns as they were.',
    });
  await loadDictionary(statements, detector);
  // While nothing is folded the tables are empty: as of our snapshot, which frozen rows of the first fold pay no heed to.
  if (foldedSequence >= 0) for (const grain of baseGrains(layout)) await loadRows(statements, layout, record.generation, grain, detector);
  await applyDeltas(statements, foldedSequence, detector);
  await loadDetected(statements, patterns, detector);
}

/** For a rebuild: what the ids of values are, and what was detected, without statistics. */
export async function loadNames(statements: Statements, record: PipelineRecord, detector: Detector): Promise<void> {
  await loadDictionary(statements, detector);
  await loadDetected(statements, pipelineRow(record).patterns, detector);
}

/** Calls `use` with each answer in turn, until it says that there is no more; the next is under way meanwhile. */
async function inBatches<T>(ask: (first: number) => Promise<T>, use: (answer: T, first: number) => boolean): Promise<void> {
  let next = ask(0);
  for (let first = 0; ; first += batch) {
    const answer = await next;
    next = ask(first + batch);
    if (!use(answer, first)) break;
  }
  await next;
}

async function loadDictionary(statements: Statements, detector: Detector): Promise<void> {
  for (const [dimension, { name }] of detector.plan.layout.dimensions.entries()) await loadValues(statements, dimension, name, detector);
}

const selectValues = `
select json_agg(d.value) as values, min(d.id) as first, max(d.id) as last from (
  select id, value from dictionary where dimension = $1 and id >= $2 and id < $3 order by id
) d`;

type ValuesAnswer = { readonly values: readonly string[] | null; readonly first: number | null; readonly last: number | null };

async function loadValues(statements: Statements, dimension: number, name: string, detector: Detector): Promise<void> {
  await inBatches(
    (first) => statements.query<ValuesAnswer>(selectValues, [name, first, first + batch]),
    ([answer], from) => {
      const values = answer?.values ?? [];
      assertLaw(values.length === 0 || (answer?.first === from && answer.last === from + values.length - 1), 'ids of values are dense');
      if (values.length > 0) detector.loadValues(dimension, values);
      return values.length === batch;
    },
  );
}

async function loadRows(statements: Statements, layout: Layout, generation: number, index: number, detector: Detector): Promise<void> {
  const grain = grainAt(layout, index);
  const names = grainNames(layout, grain);
  const columns = ['entity', ...[...names.dimensions, ...names.additive].map(identifier)];
  const table = identifier(statisticsTable(generation, grain));
  const [row] = await statements.query<{ size: number }>(`select coalesce(max(entity) + 1, 0) as size from ${table}`);
  const loader = detector.loadTable(index, row?.size ?? 0);
  const parser = new RowParser(1 + names.dimensions.length, names.additive.length, rowsAtOnce, ({ size, ids, integers }) => {
    const [entities, ...keys] = ids;
    if (entities !== undefined) loader.add({ entities, keys, additive: integers, size });
  });
  // As the rows lie: in order of their ids each would be looked up, in a table that folds have mixed up.
  await statements.copyOut(`copy (select ${columns.join(', ')} from ${table}) to stdout`, (bytes, start, end) =>
    parser.push(bytes, start, end),
  );
  parser.end();
  loader.end();
}

const declareDeltas = 'declare deltas no scroll cursor for select bytes from delta where sequence > $1 order by sequence';
const fetchDeltas = 'fetch forward 64 from deltas';
const closeDeltas = 'close deltas';

async function applyDeltas(statements: Statements, folded: number, detector: Detector): Promise<void> {
  await statements.query(declareDeltas, [folded]);
  let next = statements.query<{ bytes: Buffer }>(fetchDeltas);
  for (let more = true; more; ) {
    const rows = await next;
    more = rows.length > 0;
    if (more) next = statements.query(fetchDeltas);
    for (const { bytes } of rows) detector.apply(decodeDelta(bytes));
  }
  await statements.query(closeDeltas);
}

const declareDetected = `
declare detected no scroll cursor for
select d.pattern, json_agg(d.entity) as entities from (
  select pattern, entity, row_number() over (partition by pattern order by sequence, ordinal) / 4096 as page
  from detection join unnest($1::text[], $2::integer[]) wanted (id, generation) on detection.pattern = wanted.id and detection.generation = wanted.generation
) d group by d.pattern, d.page order by d.pattern, d.page`;
const fetchDetected = 'fetch forward 8 from detected';
const closeDetected = 'close detected';

/** Only of the patterns that the detector has, and only of their current generation; values in the detector's order. */
async function loadDetected(statements: Statements, known: readonly KnownPattern[], detector: Detector): Promise<void> {
  const wanted = new Map(
    known.flatMap(({ id, entity, generation }) => {
      const index = detector.plan.patterns.findIndex((pattern) => pattern.id === id);
      const order = detector.plan.patterns[index]?.entity.map((name) => entity.indexOf(name)) ?? [];
      return index === -1 || order.length !== entity.length || order.includes(-1) ? [] : [[id, { id, generation, index, order }] as const];
    }),
  );
  if (wanted.size === 0) return;
  const patterns = [...wanted.values()];
  await statements.query(declareDetected, [
    textArray(patterns.map(({ id }) => id)),
    `{${patterns.map(({ generation }) => generation).join(',')}}`,
  ]);
  for (;;) {
    const rows = await statements.query<{ pattern: string; entities: readonly (readonly string[])[] }>(fetchDetected);
    if (rows.length === 0) break;
    for (const { pattern, entities } of rows) {
      const { index = -1, order = [] } = wanted.get(pattern) ?? {};
      for (const values of entities)
        detector.loadDetected(
          index,
          order.map((at) => values[at] ?? ''),
        );
    }
  }
  await statements.query(closeDetected);
}
