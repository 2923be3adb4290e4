/**
 * Entities found true -> detections with evidence, ordered by pattern, then by the entity's values as UTF-8 bytes in the
 * order in which the pattern declares them.
 * Cost: O(d log d) comparisons of bytes; evidence condition by condition, a rank's in the order of cohorts, so that each small
 * cohort is read once.
 */
import type { ConditionEvidence, Detection } from './detection.ts';
import type { Dictionary } from './dictionary.ts';
import { assertLaw } from './error.ts';
import { conditionEvidence } from './evidence.ts';
import type { BoundCondition, Evaluator } from './evaluator.ts';
import type { IdList } from './grow.ts';
import type { State } from './state.ts';
import type { Work } from './work.ts';

export function detectionsOf(state: State, evaluators: readonly Evaluator[], found: readonly IdList[], work: Work): Detection[] {
  return evaluators.flatMap((evaluator, pattern) => {
    const list = found[pattern];
    return list === undefined || list.length === 0 ? [] : patternDetections(state, evaluator, pattern, list.view(), work);
  });
}

function patternDetections(state: State, evaluator: Evaluator, pattern: number, found: Uint32Array, work: Work): Detection[] {
  const columns = keyColumns(state, evaluator);
  const entities = found.toSorted((a, b) => {
    for (const { dictionary, ids } of columns) {
      const order = dictionary.compare(ids[a] as number, ids[b] as number);
      if (order !== 0) return order;
    }
    return 0;
  });
  const evidence = evaluator.conditions.map((_, c) => evidenceOf(evaluator, c, entities, work));
  return Array.from(entities, (entity, i) => ({
    pattern,
    entity,
    values: columns.map(({ dictionary, ids }) => dictionary.text(ids[entity] as number)),
    conditions: evidence.map((column) => column[i] as ConditionEvidence),
  }));
}

function keyColumns(state: State, { pattern, grain }: Evaluator): { readonly dictionary: Dictionary; readonly ids: Uint32Array }[] {
  return pattern.entityDimensions.map((dimension) => ({
    dictionary: state.dictionaries[dimension] as Dictionary,
    ids: grain.table.columns[grain.grain.dimensions.indexOf(dimension)] as Uint32Array,
  }));
}

function evidenceOf(evaluator: Evaluator, c: number, entities: Uint32Array, work: Work): ConditionEvidence[] {
  const condition = evaluator.pattern.conditions[c];
  const bound = evaluator.conditions[c] as BoundCondition;
  assertLaw(condition !== undefined, 'a bound condition has its condition');
  const order = Uint32Array.from(entities.keys());
  if (bound.kind === 'rank') {
    work.rankQueries += entities.length;
    order.sort((a, b) => bound.rank.cohortOf(entities[a] as number) - bound.rank.cohortOf(entities[b] as number));
  }
  const out = new Array<ConditionEvidence>(entities.length);
  for (const i of order) {
    const evidence = conditionEvidence(condition, bound, entities[i] as number);
    assertLaw(evidence !== null, 'a condition that holds has its measures');
    out[i] = evidence;
  }
  return out;
}
