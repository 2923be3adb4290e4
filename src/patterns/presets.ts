/** The patterns that ship: `full` is the task that Tallyho was built for, `sample` the same for a sample of 1,000 rows. */
import type { PatternSource } from './pattern.ts';

interface Thresholds {
  readonly busyMerchant: string;
  readonly visits: string;
  readonly smallAmount: string;
  readonly women: string;
}

function scaled({ busyMerchant, visits, smallAmount, women }: Thresholds): readonly PatternSource[] {
  return [
    {
      id: 'PatId1',
      action: 'UPGRADE',
      entity: ['merchant', 'customer'],
      when: [`merchant.count > ${busyMerchant}`, 'count in top 10% of merchant', 'avg(weight) in bottom 10% of merchant'],
    },
    {
      id: 'PatId2',
      action: 'CHILD',
      entity: ['merchant', 'customer'],
      when: [`count ${visits}`, `avg(amount) < ${smallAmount}`],
    },
    {
      id: 'PatId3',
      action: 'DEI-NEEDED',
      entity: ['merchant'],
      when: [`distinct(customer where gender = F) > ${women}`, 'distinct(customer where gender = F) < distinct(customer where gender = M)'],
    },
  ];
}

export const presetNames = ['full', 'sample'] as const;
export type PresetName = (typeof presetNames)[number];

export const presets: Readonly<Record<PresetName, readonly PatternSource[]>> = {
  full: scaled({ busyMerchant: '50000', visits: '>= 80', smallAmount: '23', women: '100' }),
  sample: scaled({ busyMerchant: '500', visits: '> 2', smallAmount: '800', women: '10' }),
};
