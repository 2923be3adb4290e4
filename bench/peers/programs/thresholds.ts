/** The presets of Tallyho (src/patterns/presets.ts) as numbers: the peers know no pattern language. */
export interface Thresholds {
  /** PatId1 looks at merchants with more transactions than this. */
  readonly busyMerchant: number;
  /** PatId2: at least so many transactions ... */
  readonly visits: number;
  /** ... of less than this on average, in cents. */
  readonly smallAmount: number;
  /** PatId3: more women than this. */
  readonly women: number;
}

export const thresholds = {
  full: { busyMerchant: 50_000, visits: 80, smallAmount: 23_00, women: 100 },
  sample: { busyMerchant: 500, visits: 3, smallAmount: 800_00, women: 10 },
} as const satisfies Readonly<Record<string, Thresholds>>;

export type PresetName = keyof typeof thresholds;

export const actions: Readonly<Record<string, string>> = { PatId1: 'UPGRADE', PatId2: 'CHILD', PatId3: 'DEI-NEEDED' };
