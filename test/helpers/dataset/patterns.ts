/** Random pattern sets: the three presets at thresholds that small data reach, and others on odd entities. */
import type { Random } from './random.ts';

export interface PatternText {
  readonly id: string;
  readonly action: string;
  readonly entity: readonly string[];
  readonly when: readonly string[];
}

const percents = ['10', '2.5', '20', '33', '50', '100', '0.5', '33.3333'];

export function makePatterns(random: Random, weight: 'none' | 'column' | 'amount' | 'reference'): PatternText[] {
  const p = (): string => random.pick(percents);
  const n = (): number => random.pick([0, 1, 2, 3, 5, 10, 40]);
  const amount = (): string => random.pick(['0', '-2.5', '23', '33.33', '800', '12.345', '0.001']);
  const side = (): string => random.pick(['top', 'bottom']);
  const set: PatternText[] = [];
  const add = (id: string, action: string, entity: readonly string[], when: readonly string[]): void =>
    void set.push({ id, action, entity, when });
  if (weight !== 'none') {
    add(
      'PatId1',
      'UPGRADE',
      ['merchant', 'customer'],
      [`merchant.count > ${n()}`, `count in ${side()} ${p()}% of merchant`, `avg(weight) in bottom ${p()}% of merchant`],
    );
  }
  add('PatId2', 'CHILD', ['merchant', 'customer'], [`count ${random.pick(['>=', '>'])} ${n()}`, `avg(amount) < ${amount()}`]);
  add(
    'PatId3',
    'DEI-NEEDED',
    ['merchant'],
    [
      `distinct(customer where gender = F) > ${random.pick([0, 1, 3])}`,
      'distinct(customer where gender = F) < distinct(customer where gender = M)',
    ],
  );
  const more: PatternText[] = [
    { id: 'A', action: 'LOOK', entity: ['customer'], when: [`count in ${side()} ${p()}% of all`] },
    {
      id: 'B',
      action: 'LOOK',
      entity: ['category', 'customer'],
      when: [`category.count > ${n()}`, `sum(amount) in ${side()} ${p()}% of category`],
    },
    {
      id: 'C',
      action: 'LOOK',
      entity: ['customer', 'merchant'],
      when: [`count(where category in (es_tech, 'b c')) >= ${p()}% of count`, `merchant.count >= ${n()}`],
    },
    { id: 'D', action: 'LOOK', entity: ['merchant', 'customer'], when: [`sum(amount) < ${p()}% of merchant.sum(amount)`] },
    {
      id: 'E',
      action: 'LOOK',
      entity: ['merchant'],
      when: [`avg(amount where gender != F) != ${amount()}`, `distinct(category) > ${random.pick([0, 1, 2])}`],
    },
    { id: 'F', action: 'LOOK', entity: ['gender', 'age'], when: [`distinct(customer) >= 1`, `avg(amount) in ${side()} ${p()}% of gender`] },
    {
      id: 'G',
      action: 'LOOK',
      entity: ['merchant', 'customer'],
      when: [`merchant.count in ${side()} ${p()}% of all`, `avg(amount) <= merchant.avg(amount)`],
    },
    { id: 'H', action: 'LOOK', entity: ['customer'], when: [`sum(amount where amount > ${amount()} and gender != '') > ${amount()}`] },
  ];
  for (const pattern of random.shuffle(more).slice(0, random.pick([0, 1, 2, 3])))
    add(pattern.id, pattern.action, pattern.entity, pattern.when);
  return random.chance(0.2) ? random.shuffle(set) : set;
}
