/** Why a pattern holds for an entity, or why not: a sentence a condition. Changes nothing. */
import type { Explanation } from './detector.ts';
import type { ConditionEvidence, SumAndNumber } from './detection.ts';
import { conditionEvidence, rankEvidence } from './evidence.ts';
import { type BoundCondition, type Evaluator, holdsFor } from './evaluator.ts';
import type { Condition } from './plan.ts';

type Line = Explanation['conditions'][number];

/** `entity` null: the state has no such entity, or none with a transaction. */
export function explainEntity(evaluator: Evaluator, pattern: number, entity: number | null, detected: boolean): Explanation {
  const { conditions } = evaluator.pattern;
  if (entity === null || !evaluator.grain.isMember(entity)) {
    const why = entity === null ? 'no transaction names this entity' : 'the entity has no transaction';
    const lines = conditions.map(({ text }): Line => ({ text, holds: false, evidence: null, why }));
    return { pattern, known: entity !== null, detected, holds: false, conditions: lines };
  }
  const lines = conditions.map((condition, i) => explainCondition(condition, evaluator.conditions[i] as BoundCondition, entity));
  return { pattern, known: true, detected, holds: lines.every((line) => line.holds), conditions: lines };
}

function explainCondition(condition: Condition, bound: BoundCondition, entity: number): Line {
  const { text } = condition;
  if (bound.kind === 'rank' && condition.kind === 'rank') {
    if (Number.isNaN(bound.rank.order.key(entity))) return undefinedLine(text);
    const standing = bound.rank.standing(entity);
    const holds = standing.b <= standing.allowed;
    const better = bound.rank.top ? 'higher' : 'lower';
    const why = `${standing.b} of ${standing.n} are ${better}; at most ${standing.allowed} may be (the last value that is in: ${textOf(standing.cutoff)})`;
    return { text, holds, evidence: rankEvidence(condition, bound.rank, entity, standing), why };
  }
  const evidence = conditionEvidence(condition, bound, entity);
  if (bound.kind === 'rank' || evidence === null) return undefinedLine(text);
  const holds = holdsFor(bound, entity);
  return { text, holds, evidence, why: `it is ${valueOf(evidence)}${boundOf(evidence)}` };
}

function undefinedLine(text: string): Line {
  return { text, holds: false, evidence: null, why: 'undefined: no row has the value' };
}

function textOf(value: string | SumAndNumber): string {
  return typeof value === 'string' ? value : `${value.sum} / ${value.number}`;
}

function valueOf(evidence: { readonly value: string } | SumAndNumber): string {
  return 'value' in evidence ? evidence.value : textOf(evidence);
}

function boundOf(evidence: ConditionEvidence): string {
  if (!('bound' in evidence) || evidence.bound === undefined) return '';
  const { bound } = evidence;
  if (typeof bound === 'string') return `; the bound is ${bound}`;
  return 'percent' in bound ? `; the bound is ${bound.percent}% of ${valueOf(bound)}` : `; the bound is ${textOf(bound)}`;
}
