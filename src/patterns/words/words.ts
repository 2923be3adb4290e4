/**
 * A pattern in plain English, for those who read detections: one sentence part a condition.
 *
 *   Report UPGRADE for a customer of a merchant when all of these hold: the merchant has more than 50,000 transactions;
 *   the customer is among the top 10% of the merchant's customers by number of transactions; ...
 */
import type { ConditionNode, MeasureNode, RankNode } from '../ast.ts';
import { measureKey } from '../canonical.ts';
import { printDecimal } from '../decimal.ts';
import { cohortKey } from '../need.ts';
import type { Pattern } from '../pattern.ts';
import { criterion, measureWords, number, quantity, than, withTests } from './measures.ts';
import { anEntity, many, member, one, ownerOf, subject } from './nouns.ts';

export interface PatternWords {
  /** What the pattern speaks about: `a customer of a merchant`. */
  readonly entity: string;
  /** One for each condition, without a capital and a full stop. */
  readonly conditions: readonly string[];
  /** The whole as one sentence. */
  readonly text: string;
}

/** A count against a number: `the merchant has more than 50,000 transactions with gender F`. */
function countWords(
  measure: Extract<MeasureNode, { readonly kind: 'count' | 'distinct' }>,
  bound: string,
  entity: readonly string[],
): string {
  const { who, where } = subject(measureKey(measure, entity));
  const isOne = bound.endsWith(' 1');
  const tests = withTests(measure);
  if (measure.kind === 'count') return `${who} has ${bound} transaction${isOne ? '' : 's'}${where}${tests}`;
  const things = isOne ? one(measure.of.name) : many(measure.of.name);
  return `${who} has ${bound} different ${things}${where === '' && tests === '' ? '' : ` in transactions${where}${tests}`}`;
}

function rankWords(node: RankNode, entity: readonly string[]): string {
  const cohort = cohortKey(node, entity);
  const percent = `${node.direction} ${number(printDecimal(node.percent.value))}%`;
  const { before, behind } = ownerOf(cohort);
  const isGroups = measureKey(node.measure, entity).length < entity.length;
  const { who, where } = subject(measureKey(node.measure, entity));
  const by = `by ${isGroups ? `${who}'s ` : ''}${criterion(node.measure)}${isGroups ? where : ''}`;
  if (cohort.length === entity.length) {
    const self = subject(entity);
    return `${self.who}${self.where} is among the ${percent} of a cohort of one ${by} (this always holds)`;
  }
  const { one: single, many: plural } = member(entity, cohort);
  return `the ${single} is among the ${percent} of ${before} ${plural}${behind} ${by}`;
}

function conditionWords(node: ConditionNode, entity: readonly string[]): string {
  if (node.kind === 'rank') return rankWords(node, entity);
  const { left, op, right } = node;
  if (right.kind === 'number') {
    const bound = number(printDecimal(right.value));
    if (left.kind === 'count' || left.kind === 'distinct') return countWords(left, `${quantity(op)} ${bound}`, entity);
    return `${measureWords(left, entity)} is ${than(op)} ${bound}`;
  }
  const share = right.kind === 'percent' ? `${number(printDecimal(right.percent.value))}% of ` : '';
  return `${measureWords(left, entity)} is ${than(op)} ${share}${measureWords(right.measure, entity)}`;
}

/** The sentences of a pattern. */
export function describePattern(pattern: Pattern): PatternWords {
  const entity = anEntity(pattern.entity);
  const conditions = pattern.conditions.map(({ node }) => conditionWords(node, pattern.entity));
  const holds = conditions.length === 1 ? '' : conditions.length === 2 ? 'both of these hold: ' : 'all of these hold: ';
  return { entity, conditions, text: `Report ${pattern.action} for ${entity} when ${holds}${conditions.join('; ')}.` };
}
