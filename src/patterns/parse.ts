/**
 * Patterns as written -> patterns that can run, or everything that is wrong with them.
 *
 * All patterns are looked at, and all their conditions; a condition that does not parse is reported once, by its first
 * fault. Checks: ids unique, id and action not empty, entity not empty and of distinct dimensions, conditions (names,
 * weights, possibility).
 */
import { checkNames, dimensionFault, repeated } from './check-names.ts';
import { checkPossible } from './check-possible.ts';
import { checkReferenceWeight } from './check-weight.ts';
import { defaultFields } from './fields.ts';
import { parseCondition } from './parse-condition.ts';
import type { Pattern, PatternCondition, PatternContext, PatternSource } from './pattern.ts';
import { type Fault, makeProblem, type Origin, type Problem, patternError } from './problem.ts';
import { isStorable } from './storable.ts';

export interface ParsedPatterns {
  /** The patterns without a fault, in order. To be used only if there are no problems. */
  readonly patterns: readonly Pattern[];
  readonly problems: readonly Problem[];
}

interface Rules extends PatternContext {
  /** Every field that may be named. */
  readonly fields: readonly string[];
}

/** A fault in the pattern as a whole. */
function fault(message: string, suggestion: string | null): Fault {
  return { message, at: 0, suggestion };
}

/** PostgreSQL's index rows end at about 2,700 bytes, and a row of one holds more than the id. */
const maxLabelBytes = 200;

/** What a text must be to be an id or an action: not empty, not long, and storable in PostgreSQL. */
function labelFaults(text: string, what: 'id' | 'action'): Fault[] {
  if (text.trim() === '') return [fault(`The ${what} is empty.`, `Give the pattern an ${what}.`)];
  if (!isStorable(text)) return [fault(`The ${what} has a character that is no text.`, null)];
  const bytes = Buffer.byteLength(text);
  if (bytes > maxLabelBytes) {
    return [fault(`The ${what} is of ${bytes} bytes (UTF-8).`, `At most ${maxLabelBytes} are possible: give a shorter one.`)];
  }
  return [];
}

function conditionFaults(text: string, entity: readonly string[] | null, rules: Rules): readonly [Fault[], PatternCondition | null] {
  const { node, fault } = parseCondition(text, { groups: entity ?? [], fields: rules.fields });
  if (node === null) return [[fault], null];
  const condition = { text: text.trim(), node };
  if (entity === null) return [[], condition];
  let faults = checkNames(node, { entity, fields: rules.fields });
  if (faults.length === 0 && rules.weight === 'reference') faults = checkReferenceWeight(node, entity);
  if (faults.length === 0) faults = checkPossible(node, entity);
  return [faults, condition];
}

function parseOne(source: PatternSource, index: number, rules: Rules): ParsedPatterns {
  const { id, action, entity, at } = source;
  const name = id.trim() === '' || Buffer.byteLength(id) > maxLabelBytes ? `pattern ${index + 1}` : id;
  const problems: Problem[] = [];
  /** A part whose own place is not known is shown at the beginning of the pattern. */
  const report = (faults: readonly Fault[], text: string, origin: Origin | undefined, context: string): void => {
    const place = origin ?? at?.pattern ?? null;
    const shift = origin === undefined && place !== null;
    for (const found of faults) problems.push(makeProblem(shift ? { ...found, at: 0 } : found, text, place, context));
  };

  report(labelFaults(id, 'id'), id, at?.id, name);
  report(labelFaults(action, 'action'), action, at?.action, name);

  const before = problems.length;
  if (entity.length === 0)
    report([fault('The entity has no dimensions.', 'Write entity: [merchant, customer], for example.')], '', undefined, name);
  entity.forEach((dimension, i) => {
    const found = dimensionFault({ name: dimension, at: 0 }, rules.fields, 'part of an entity');
    if (found !== null) report([found], dimension, at?.entity?.[i], name);
  });
  const twice = repeated(entity.map((dimension, i) => ({ name: dimension, at: i })));
  if (twice !== null) {
    report([fault(`"${twice.name}" stands twice in the entity.`, 'Name each dimension once.')], twice.name, at?.entity?.[twice.at], name);
  }
  const goodEntity = problems.length === before ? entity : null;

  if (source.when.length === 0) report([fault('There are no conditions.', 'Write under "when" what must hold.')], '', undefined, name);
  const conditions: PatternCondition[] = [];
  source.when.forEach((text, i) => {
    const [faults, condition] = conditionFaults(text, goodEntity, rules);
    report(faults, text, at?.when?.[i], `${name}, condition ${i + 1}`);
    if (condition !== null) conditions.push(condition);
  });
  return { patterns: problems.length === 0 ? [{ id, action, entity: [...entity], conditions }] : [], problems };
}

/** Ids that an earlier pattern has. */
function repeatedIds(sources: readonly PatternSource[]): Problem[] {
  const first = new Map<string, number>();
  return sources.flatMap((source, index) => {
    const { id, at } = source;
    const earlier = first.get(id);
    if (earlier === undefined) first.set(id, index);
    if (earlier === undefined || id.trim() === '') return [];
    const found = fault(`The id is used by pattern ${earlier + 1} already.`, 'Give each pattern an id of its own.');
    return [makeProblem(found, id, at?.id ?? at?.pattern ?? null, id)];
  });
}

export function parsePatterns(sources: readonly PatternSource[], context: PatternContext): ParsedPatterns {
  const rules = { ...context, fields: [...new Set([...defaultFields, ...context.columns])] };
  const parsed = sources.map((source, index) => parseOne(source, index, rules));
  const none = fault('There are no patterns.', 'Write patterns: full, patterns: sample, or a list of your own.');
  return {
    patterns: parsed.flatMap((one) => one.patterns),
    problems: [
      ...(sources.length === 0 ? [makeProblem(none, '', null, '')] : []),
      ...repeatedIds(sources),
      ...parsed.flatMap((one) => one.problems),
    ],
  };
}

/** The patterns, or PATTERN_INVALID with all problems, one a line. */
export function requirePatterns(sources: readonly PatternSource[], context: PatternContext): readonly Pattern[] {
  const { patterns, problems } = parsePatterns(sources, context);
  if (problems.length > 0) throw patternError(problems);
  return patterns;
}
