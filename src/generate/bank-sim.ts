import { parseSize, type GenerateOptions } from './options.ts';
import { makePlan } from './plan.ts';
import { header, referenceBlocks, transactionBlocks, type OnRows } from './row-bytes.ts';

export type { GenerateOptions } from './options.ts';

/** Generated data shaped like BankSim (shape.ts has the facts); at its full size they all hold exactly, whatever the seed. */
export interface BankSim {
  readonly rows: number;
  readonly customers: number;
  readonly merchants: number;
  /** Without line end. */
  readonly header: string;
  /** The transactions file: header first, LF, strings in single quotes. Each call starts afresh. */
  csv(onRows?: OnRows): Iterable<Uint8Array>;
  /** `Source,Target,Weight,typeTrans,fraud`: each transaction again, its amount as the weight. */
  reference(onRows?: OnRows): Iterable<Uint8Array>;
}

/**
 * Plans all quotas and the order of the rows: at full size some 20 ms, at 20,000,000 rows some seconds.
 * Throws USAGE for a size or seed that is no whole number in its range.
 */
export function makeBankSim(options: GenerateOptions): BankSim {
  const size = parseSize(options);
  const plan = makePlan(size);
  return {
    rows: size.rows,
    customers: size.customers,
    merchants: size.merchants,
    header,
    csv: (onRows) => transactionBlocks(plan, onRows),
    reference: (onRows) => referenceBlocks(plan, onRows),
  };
}
