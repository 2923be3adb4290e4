import { TallyhoError } from '../core/error.ts';
import { full } from './shape.ts';

export interface GenerateOptions {
  /** 0 to 2^53 - 1. The same options give the same bytes, on every machine and in every release. */
  readonly seed: number;
  /** 1 to 100,000,000; default 594,643. */
  readonly rows?: number;
  /**
   * Clipped to the rows. Leave it out for the shape of BankSim: 4,112, and for less than 20,560 rows one
   * customer for five rows, because with one row each nobody would come back and no pattern could fire.
   */
  readonly customers?: number;
  /** 1 to 100,000, clipped to the rows; default 50. */
  readonly merchants?: number;
}

export interface Size {
  readonly seed: number;
  readonly rows: number;
  readonly customers: number;
  readonly merchants: number;
}

const rowsPerCustomer = 5;

export function parseSize(options: GenerateOptions): Size {
  const seed = check('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  const rows = check('rows', options.rows ?? full.rows, 1, 100_000_000);
  const customers = check('customers', options.customers ?? Math.min(full.customers, Math.ceil(rows / rowsPerCustomer)), 1, 100_000_000);
  const merchants = check('merchants', options.merchants ?? full.merchants, 1, 100_000);
  return { seed, rows, customers: Math.min(customers, rows), merchants: Math.min(merchants, rows) };
}

function check(name: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new TallyhoError('USAGE', `generate: ${name} is ${value}.`, {
    mend: `Give a whole number from ${low} to ${high}.`,
  });
}
