/**
 * One form for all spellings of a pattern, and the hashes made of it.
 *
 * Spacing, number spelling, quotes, the order (and repetition) of `and` tests, of `in` lists and of the fields of a group,
 * `in (x)` for `= x`, and a group that is the whole entity make no difference. Id, action, the entity and its order, the
 * conditions and their order do. Canonical JSON: fixed key order, no white space, positions left out; hashed as UTF-8 by
 * SHA-256. Fingerprints are stored, so this form must not change: the tests pin the presets' hashes.
 */
import { createHash } from 'node:crypto';
import type { ConditionNode, MeasureNode, NameNode, TestNode } from './ast.ts';
import type { Pattern } from './pattern.ts';

const nowhere = 0;

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function canonicalTest(test: TestNode): TestNode {
  const field = { name: test.field.name, at: nowhere };
  if (test.kind === 'number') return { kind: 'number', field: { ...field, name: test.field.name }, op: test.op, value: test.value };
  const values = [...new Set(test.values)].sort(byText);
  const op = test.op === 'in' && values.length === 1 ? '=' : test.op;
  return { kind: 'text', field, op, values };
}

function testKey(test: TestNode): string {
  const value = test.kind === 'text' ? test.values : [test.value.units, test.value.digits];
  return JSON.stringify([test.field.name, test.op, value]);
}

/** The tests in canonical order, each once: equal filters give equal keys. */
export function canonicalTests(tests: readonly TestNode[]): readonly TestNode[] {
  const byKey = new Map(tests.map(canonicalTest).map((test) => [testKey(test), test]));
  return [...byKey].sort(([a], [b]) => byText(a, b)).map(([, test]) => test);
}

/** Canonical JSON of a filter: equal for equal filters. `[]` for none. */
export function filterKey(tests: readonly TestNode[]): string {
  return `[${canonicalTests(tests).map(testKey).join(',')}]`;
}

/** The dimensions whose values name what the measure is of: the group's in the entity's order, or the entity. */
export function measureKey(measure: MeasureNode, entity: readonly string[]): readonly string[] {
  return measure.group === null ? entity : sortGroup(measure.group, entity);
}

function sortGroup(group: readonly NameNode[], entity: readonly string[]): readonly string[] {
  const names = group.map((node) => node.name);
  return entity.filter((name) => names.includes(name));
}

function asNodes(names: readonly string[]): readonly NameNode[] {
  return names.map((name) => ({ name, at: nowhere }));
}

function canonicalMeasure(measure: MeasureNode, entity: readonly string[]): MeasureNode {
  const key = measureKey(measure, entity);
  const head = { at: nowhere, group: key.length === entity.length ? null : asNodes(key), where: canonicalTests(measure.where) };
  if (measure.kind === 'count') return { ...head, kind: 'count' };
  if (measure.kind === 'distinct') return { ...head, kind: 'distinct', of: { name: measure.of.name, at: nowhere } };
  return { ...head, kind: measure.kind, of: measure.of };
}

/** The condition in its one form; positions are 0. Groups must be parts of the entity. */
export function canonicalCondition(node: ConditionNode, entity: readonly string[]): ConditionNode {
  if (node.kind === 'rank') {
    const measure = canonicalMeasure(node.measure, entity);
    const cohort = asNodes(sortGroup(node.cohort, entity));
    const percent = { ...node.percent, at: nowhere };
    return { kind: 'rank', measure, direction: node.direction, percent, cohortAt: nowhere, cohort };
  }
  const { right } = node;
  const head = { kind: 'compare', left: canonicalMeasure(node.left, entity), op: node.op, opAt: nowhere } as const;
  if (right.kind === 'number') return { ...head, right: { ...right, at: nowhere } };
  const measure = canonicalMeasure(right.measure, entity);
  if (right.kind === 'measure') return { ...head, right: { kind: 'measure', measure } };
  return { ...head, right: { kind: 'percent', percent: { ...right.percent, at: nowhere }, measure } };
}

/** Equal for measures that mean the same, whatever their patterns. */
export function measureIdentity(measure: MeasureNode, entity: readonly string[]): string {
  const of = measure.kind === 'count' ? '' : measure.kind === 'distinct' ? measure.of.name : measure.of;
  return JSON.stringify([measureKey(measure, entity).toSorted(byText), measure.kind, of, filterKey(measure.where)]);
}

function measureJson(measure: MeasureNode): unknown {
  const of = measure.kind === 'count' ? null : measure.kind === 'distinct' ? measure.of.name : measure.of;
  const where = canonicalTests(measure.where).map((test) => JSON.parse(testKey(test)) as unknown);
  return { measure: measure.kind, of, group: measure.group?.map((node) => node.name) ?? null, where };
}

function conditionJson(node: ConditionNode): unknown {
  if (node.kind === 'rank') {
    const { units, digits } = node.percent.value;
    const cohort = node.cohort.map((name) => name.name);
    return { kind: 'rank', measure: measureJson(node.measure), direction: node.direction, percent: [units, digits], cohort };
  }
  const { right } = node;
  const number = right.kind === 'number' ? right.value : right.kind === 'percent' ? right.percent.value : null;
  return {
    kind: 'compare',
    left: measureJson(node.left),
    op: node.op,
    right: right.kind,
    number: number === null ? null : [number.units, number.digits],
    measure: right.kind === 'number' ? null : measureJson(right.measure),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** SHA-256 (lower-case hex) of the pattern's canonical JSON. */
export function fingerprint(pattern: Pattern): string {
  const { id, action, entity } = pattern;
  const conditions = pattern.conditions.map((condition) => conditionJson(canonicalCondition(condition.node, entity)));
  return sha256(JSON.stringify({ id, action, entity, conditions }));
}

/** The identity of a set of patterns: SHA-256 over their fingerprints in order. */
export function setFingerprint(patterns: readonly Pattern[]): string {
  return sha256(JSON.stringify(patterns.map(fingerprint)));
}
