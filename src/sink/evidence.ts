/** Evidence as one line of JSON in a fixed field order (DESIGN.md 3). */
import type { ConditionEvidence, MeasureEvidence } from '../core/detection.ts';

export interface EvidenceOf {
  readonly patternId: string;
  readonly action: string;
  /** Names and values in the pattern's order. */
  readonly entity: readonly (readonly [name: string, value: string])[];
  readonly sequence: number;
  /** null for a reevaluation. */
  readonly chunk: string | null;
  readonly detectedAt: Date;
  readonly fingerprint: string;
  readonly conditions: readonly ConditionEvidence[];
}

/** Where the evidence itself is lost. */
export const nothingToShow = { chunk: null, fingerprint: '', conditions: [] } as const;

export function renderEvidence(evidence: EvidenceOf): string {
  // Written pair by pair: an object would move names that look like numbers to the front.
  const entity = evidence.entity.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
  const before = JSON.stringify({ patternId: evidence.patternId, action: evidence.action }).slice(0, -1);
  const after = JSON.stringify({
    sequence: evidence.sequence,
    chunk: evidence.chunk,
    detectedAt: evidence.detectedAt.toISOString(),
    fingerprint: evidence.fingerprint,
    conditions: evidence.conditions.map(inOrder),
  }).slice(1);
  return `${before},"entity":{${entity}},${after}`;
}

/** The same fields, in the order that the contract names, however the detector made the object. */
function inOrder(condition: ConditionEvidence): object {
  const measured = { when: condition.when, ...measure(condition) };
  if ('bound' in condition) {
    const { bound } = condition;
    if (typeof bound === 'string') return { ...measured, bound };
    return { ...measured, bound: 'percent' in bound ? { percent: bound.percent, ...measure(bound) } : measure(bound) };
  }
  const { b, n, cutoff } = condition;
  return { ...measured, b, n, cutoff: typeof cutoff === 'string' ? cutoff : measure(cutoff) };
}

function measure(evidence: MeasureEvidence): object {
  return 'value' in evidence ? { value: evidence.value } : { sum: evidence.sum, number: evidence.number };
}
