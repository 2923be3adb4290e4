/** Laws 1 and 2 from scratch: the statistics are the aggregate of what counts, and each entry detected what it had to. */
import { isDeepStrictEqual } from 'node:util';
import { makeDetector } from '../../src/core/make-detector.ts';
import { bindPatterns } from '../../src/patterns/bind.ts';
import { parseSetText } from '../../src/patterns/set-text.ts';
import { brute } from '../../test/helpers/oracle/brute.ts';
import { bruteStatistics } from '../../test/helpers/oracle/brute-statistics.ts';
import type { OracleRow } from '../../test/helpers/oracle/database.ts';
import { compareValues } from '../../test/helpers/oracle/oracle.ts';
import { currentPatterns, type State } from '../store/state.ts';
import { loadDetector } from '../store/statistics.ts';
import { type Contents, oracleRows } from './contents.ts';
import { entriesOf, inForceAsOf } from './in-force.ts';
import type { Complain } from './ledger.ts';

const scale = 2;

/** The rows in force as of each applied entry; a reevaluation has none of its own. */
export function acceptedRows(state: State, contents: Contents): readonly (readonly OracleRow[])[] {
  const entries = entriesOf(state);
  const own = new Map(
    entries.map((line) => [line, line.kind === 'reevaluation' ? [] : oracleRows(contents.parse(contents.partsOf(line) ?? []))]),
  );
  return inForceAsOf(entries).map((lines) => lines.flatMap((line) => own.get(line) ?? []));
}

/** As a detector finds them that loads them. */
export function checkStatistics(state: State, rows: readonly OracleRow[], complain: Complain): void {
  if (state.foldedSequence !== state.lastSequence && state.lastSequence > 0)
    complain(`the tables have the entries up to ${state.foldedSequence}, and not up to ${state.lastSequence}`);
  const set = state.patternSets.at(-1)?.set;
  if (state.basis === null || set === undefined) return;
  const { layout } = state.basis;
  const bound = bindPatterns(parseSetText(set.text), layout);
  if (bound.kind === 'missing') {
    complain(`the statistics lack ${bound.missing.join('; ')}`);
    return;
  }
  const detector = makeDetector(bound.plan);
  loadDetector(state, detector);
  for (const [index, { name }] of layout.grains.entries()) {
    const found = [...detector.rows(index)]
      .map(({ values, additive, distinct }) => ({ values: [...values], additive: [...additive], distinct: [...distinct] }))
      .filter(({ additive, distinct }) => additive.some((sum) => sum !== 0n) || distinct.some((count) => count !== 0))
      .sort((a, b) => compareValues(a.values, b.values));
    const expected = bruteStatistics(layout, index, { scale, rows, reference: null });
    if (!isDeepStrictEqual(found, expected))
      complain(`law 1: the statistics of ${name} are\n${text(found)}\nand must be\n${text(expected)}`);
  }
}

export function checkDetections(state: State, rows: readonly (readonly OracleRow[])[], complain: Complain): void {
  const detected = new Map<string, Set<string>>();
  for (const [i, accepted] of rows.entries()) {
    const sequence = i + 1;
    const set = state.patternSets.findLast(({ from }) => from <= sequence)?.set;
    if (set === undefined) {
      complain(`no set of patterns holds for ${sequence}`);
      return;
    }
    const expected: string[] = [];
    const generations = generationsOf(set.text);
    for (const pattern of parseSetText(set.text)) {
      // A reset pattern has detected nothing.
      const generation = `${pattern.id} ${generations.get(pattern.id) ?? 1}`;
      const before = detected.get(generation) ?? new Set<string>();
      detected.set(generation, before);
      for (const values of brute(pattern, { scale, rows: accepted, reference: null })) {
        const name = JSON.stringify([pattern.id, Object.fromEntries(pattern.entity.map((field, k) => [field, values[k]]))]);
        if (!before.has(name)) expected.push(name);
        before.add(name);
      }
    }
    const found = state.detections
      .filter((row) => row.sequence === sequence)
      .map(({ patternId, evidence }) => {
        const { entity } = JSON.parse(evidence) as { entity: Record<string, string> };
        return JSON.stringify([patternId, entity]);
      });
    if (!isDeepStrictEqual(found.toSorted(), expected.toSorted()))
      complain(`law 2: entry ${sequence} detects\n${text(found.toSorted())}\nand must detect\n${text(expected.toSorted())}`);
  }
}

/** What was reset is detected afresh: the set in force was evaluated since. */
export function checkResets(state: State, complain: Complain): void {
  const set = state.patternSets.at(-1)?.set;
  if (set === undefined) return;
  const generations = generationsOf(set.text);
  for (const { id, generation } of currentPatterns(state))
    if (set.patterns.some((pattern) => pattern.id === id) && (generations.get(id) ?? 1) !== generation)
      complain(`${id} was reset (generation ${generation}), and not evaluated since`);
}

/** Of the patterns that were ever reset. */
function generationsOf(setText: string): ReadonlyMap<string, number> {
  return new Map((JSON.parse(setText) as { generations?: [string, number][] }).generations ?? []);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}
