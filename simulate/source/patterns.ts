/** Sets of patterns whose thresholds change and whose members come and go, on measures that stay the same. */
import type { Random } from '../../test/helpers/dataset/random.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';

type Shape = (random: Random) => PatternSource;

const percent = (random: Random): string => random.pick(['10%', '25%', '33.3%', '50%']);
const pair = ['merchant', 'customer'];

const shapes: readonly Shape[] = [
  (random) => ({ id: 'Often', action: 'UPGRADE', entity: pair, when: [`count >= ${1 + random.below(4)}`] }),
  (random) => ({
    id: 'Top',
    action: 'UPGRADE',
    entity: pair,
    when: [`merchant.count > ${random.below(12)}`, `count in top ${percent(random)} of merchant`],
  }),
  (random) => ({
    id: 'Light',
    action: 'LOOK',
    entity: pair,
    when: [`count >= ${1 + random.below(3)}`, `avg(weight) in bottom ${percent(random)} of merchant`],
  }),
  (random) => ({
    id: 'Few',
    action: 'DEI-NEEDED',
    entity: ['merchant'],
    when: [
      `distinct(customer where gender = F) > ${random.below(3)}`,
      'distinct(customer where gender = F) < distinct(customer where gender = M)',
    ],
  }),
  (random) => ({
    id: 'Spender',
    action: 'CALL',
    entity: ['customer'],
    when: [`sum(amount) > ${random.below(40)}`, `sum(amount) in top ${percent(random)} of all`],
  }),
  (random) => ({
    id: 'Kind',
    action: 'LOOK',
    entity: ['category', 'customer'],
    when: [`count > ${random.below(4)}`, `avg(amount) < ${10 + random.below(20)}`],
  }),
];

export interface PatternSets {
  /** All of them: what is declared first. */
  readonly first: readonly PatternSource[];
  /** A later set. */
  next(random: Random): readonly PatternSource[];
  /** All of them, in another order and with other thresholds: of the same measures. */
  all(random: Random): readonly PatternSource[];
}

export function choosePatterns(random: Random): PatternSets {
  const chosen = random.shuffle(shapes).slice(0, 1 + random.below(3));
  return {
    first: chosen.map((shape) => shape(random)),
    next: (random) =>
      random
        .shuffle(chosen)
        .slice(0, 1 + random.below(chosen.length))
        .map((shape) => shape(random)),
    all: (random) => random.shuffle(chosen).map((shape) => shape(random)),
  };
}
