/**
 * ranks: the structure that keeps a large cohort in order (src/core/rank) against sorting from scratch, at 10^4 to 10^7
 * members, with keys that are nearly all different, and with ten different ones.
 *
 * A round: 10,000 members get new keys, the cut is asked for, and the places of the updated members. Reference, beside each
 * round: lib/sort-from-scratch.ts over the same keys.
 */
import { join } from 'node:path';
import { figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import type { Result, Section } from '../lib/result.ts';
import { askOnce, type Task } from '../lib/worker.ts';
import type { RanksAnswer, RanksQuestion, RanksRound } from './ranks-process.ts';

interface SizeResult {
  readonly question: RanksQuestion;
  readonly answer: RanksAnswer;
  readonly peakMb: number;
}

const ranksProcess: Task<RanksQuestion, RanksAnswer> = { module: join(import.meta.dirname, 'ranks-process.ts') };
const updates = 10_000;

export async function benchRanks(options: BenchOptions): Promise<Result> {
  const sizes = options.sizes ?? (options.quick ? [10_000, 50_000] : [10_000, 100_000, 1_000_000, 10_000_000]);
  const machine = await describeMachine();
  const results: SizeResult[] = [];
  for (const members of sizes) {
    for (const values of ['uniform', 'ties'] as const) {
      const question: RanksQuestion = { members, values, updates, rounds: options.pairs };
      const { answer, peakMb } = await askOnce(ranksProcess, question);
      results.push({ question, answer, peakMb });
      console.error(`${sizeText(members)}, ${values}: ${answer.rounds.map(({ updatesMs }) => updatesMs.toFixed(1)).join(' ')} ms`);
    }
  }
  return {
    bench: 'ranks',
    command: commandText('ranks', { ...options, sizes }),
    takenAt: new Date().toISOString(),
    machine,
    method: [
      `${updates.toLocaleString('en-US')} updates, the cut, and as many ranks; ${options.pairs} rounds after one of warm-up.`,
      'x: multiples of sorting the same keys from scratch and finding the same places in them, beside each round.',
    ],
    sections: results.map(section),
    runs: results.flatMap(({ question, answer }) =>
      answer.rounds.map((round) => ({ members: question.members, values: question.values, ...round })),
    ),
  };
}

function section({ question, answer, peakMb }: SizeResult): Section {
  const { rounds } = answer;
  const of = (value: (round: RanksRound) => number): number[] => rounds.map(value);
  const all = ({ updatesMs, cutMs, nextCutMs, ranksMs }: RanksRound): number => updatesMs + cutMs + nextCutMs + ranksMs;
  return {
    title: `${sizeText(question.members)} members, ${question.values}`,
    figures: [
      figure(
        'Updates, cuts and ranks, by sorting from scratch',
        'x',
        of((round) => all(round) / round.sortMs),
      ),
      figure(
        'Updates',
        'ms',
        of(({ updatesMs }) => updatesMs),
      ),
      figure(
        'Cut, asked first after updates',
        'ms',
        of(({ cutMs }) => cutMs),
      ),
      figure(
        'Cut, asked again',
        'ms',
        of(({ nextCutMs }) => nextCutMs),
      ),
      figure(
        'Ranks',
        'ms',
        of(({ ranksMs }) => ranksMs),
      ),
      figure(
        'Reference: sorting from scratch',
        'ms',
        of(({ sortMs }) => sortMs),
      ),
      figure('Building', 'ms', [answer.buildMs]),
      figure('Bytes a member, as built', 'bytes', [answer.bytesPerMember]),
      figure('Peak memory', 'MB', [peakMb]),
    ],
  };
}
