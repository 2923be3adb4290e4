import type { PatternSource } from '../../src/patterns/pattern.ts';

/** Fires for a pair with two transactions, and for a merchant with two customers. */
export const somePatterns: readonly PatternSource[] = [
  { id: 'Twice', action: 'UPGRADE', entity: ['merchant', 'customer'], when: ['count >= 2'] },
  { id: 'Busy', action: 'LOOK', entity: ['merchant'], when: ['distinct(customer) >= 2'] },
];
