/**
 * cohort: all customers of one merchant, ranked again after a chunk of 10,000 rows, in `step` of the detector (preset full:
 * the gate is open; count in the top 10% and average weight in the bottom 10%; evidence ranks of what is detected).
 *
 * Variants by the values of the members: uniform; ties (five counts, five amounts); all equal (everyone is in both cuts, and was
 * detected before, but for the new customers); skewed. Reference, beside each step:
 * lib/sort-from-scratch.ts for both measures.
 */
import { join } from 'node:path';
import { figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import type { Result, Section } from '../lib/result.ts';
import { askOnce, type Task } from '../lib/worker.ts';
import type { CohortAnswer, CohortQuestion, CohortStep } from './cohort-process.ts';
import { type Variant, variants } from './variants.ts';

interface VariantResult {
  readonly variant: Variant;
  readonly members: number;
  readonly answer: CohortAnswer;
  readonly peakMb: number;
}

const cohortProcess: Task<CohortQuestion, CohortAnswer> = { module: join(import.meta.dirname, 'cohort-process.ts') };
const chunkRows = 10_000;

export async function benchCohort(options: BenchOptions): Promise<Result> {
  const sizes = options.sizes ?? [options.quick ? 60_000 : 1_000_000];
  const steps = options.pairs;
  const machine = await describeMachine();
  const results: VariantResult[] = [];
  for (const members of sizes) {
    for (const variant of variants) {
      const question: CohortQuestion = { variant, members, chunkRows, steps };
      results.push({
        variant,
        members,
        ...(await askOnce(cohortProcess, question)),
      });
      console.error(
        `${variant}: ${results
          .at(-1)
          ?.answer.steps.map(({ stepMs }) => stepMs.toFixed(0))
          .join(' ')} ms`,
      );
    }
  }
  return {
    bench: 'cohort',
    command: commandText('cohort', { ...options, sizes }),
    takenAt: new Date().toISOString(),
    machine,
    method: [
      `One merchant; chunks of ${chunkRows.toLocaleString('en-US')} rows, 5% of new customers; time of \`step\`, ${steps} steps after 3 of warm-up.`,
      'x: multiples of sorting the keys of both measures from scratch, beside each step.',
    ],
    sections: results.map(section),
    runs: results.flatMap(({ variant, members, answer }) => answer.steps.map((step) => ({ variant, members, ...step }))),
  };
}

function section({ variant, members, answer, peakMb }: VariantResult): Section {
  const { steps } = answer;
  const of = (value: (step: CohortStep) => number): number[] => steps.map(value);
  return {
    title: `${sizeText(members)} members, ${variant}`,
    figures: [
      figure(
        'Step',
        'ms',
        of(({ stepMs }) => stepMs),
      ),
      figure(
        'Step, by sorting from scratch',
        'x',
        of(({ stepMs, referenceMs }) => stepMs / referenceMs),
      ),
      figure(
        'Reference: sorting from scratch',
        'ms',
        of(({ referenceMs }) => referenceMs),
      ),
      figure(
        'Members touched',
        'count',
        of(({ touched }) => touched),
      ),
      figure(
        'Detections with evidence ranks',
        'count',
        of(({ detections }) => detections),
      ),
      figure(
        'Work: members moved',
        'count',
        of(({ work }) => work['moved'] ?? 0),
      ),
      figure(
        'Work: rank queries',
        'count',
        of(({ work }) => work['rankQueries'] ?? 0),
      ),
      figure(
        'Work: evaluated',
        'count',
        of(({ work }) => work['evaluated'] ?? 0),
      ),
      figure('Loading', 'ms', [answer.loadMs]),
      figure('First step (ranks are built)', 'ms', [answer.firstStepMs]),
      figure('Peak memory', 'MB', [peakMb]),
    ],
  };
}
