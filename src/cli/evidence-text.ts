/** A condition's evidence on one line: what was asked, and what was found. */
import type { ConditionEvidence, MeasureEvidence, SumAndNumber } from '../core/detection.ts';
import { grouped } from './words.ts';

export function conditionText(evidence: ConditionEvidence): string {
  return `${evidence.when}: ${foundText(evidence)}`;
}

export function foundText(evidence: ConditionEvidence): string {
  const value = valueText(evidence);
  if ('cutoff' in evidence) {
    const { b, n, cutoff } = evidence;
    const better = / in top /.test(evidence.when) ? 'higher' : 'lower';
    return `${value}; ${grouped(b)} of ${grouped(n)} ${b === 1 ? 'is' : 'are'} ${better}; the last value that is in: ${typeof cutoff === 'string' ? decimalText(cutoff) : averageText(cutoff)}`;
  }
  const { bound } = evidence;
  if (typeof bound === 'string') return isWritten(evidence.when, bound) ? value : `${value}; the bound is ${decimalText(bound)}`;
  if ('percent' in bound) return `${value}; the bound is ${bound.percent}% of ${valueText(bound)}`;
  return `${value}; the bound is ${averageText(bound)}`;
}

/** A number that stands in the condition need not be said again. */
function isWritten(when: string, bound: string): boolean {
  return when.endsWith(bound) && /[<>=]\s*$/.test(when.slice(0, -bound.length));
}

function valueText(measure: MeasureEvidence): string {
  return 'value' in measure ? decimalText(measure.value) : averageText(measure);
}

/** `19.33 (1,430.10 over 74)`: rounded for the eye; sum and number are exact. */
function averageText({ sum, number }: SumAndNumber): string {
  const average = Number(sum) / Number(number);
  return `${average.toLocaleString('en-US', { maximumFractionDigits: 2 })} (${decimalText(sum)} over ${decimalText(number)})`;
}

/** `-1,430.10`: groups digits before the point, keeps the rest. */
function decimalText(text: string): string {
  const match = /^([+-]?)(\d+)(\..*)?$/.exec(text);
  return match === null ? text : `${match[1]}${grouped(BigInt(match[2] ?? '0'))}${match[3] ?? ''}`;
}
