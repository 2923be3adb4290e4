import { apportion } from './apportion.ts';
import { Dealer } from './deal-customers.ts';
import type { Size } from './options.ts';
import { makeNumbering, type Numbering } from './names.ts';
import { planCells, type Cell } from './plan-cells.ts';
import { planCustomers, type Customers } from './plan-customers.ts';
import { planMerchants, type Merchant } from './plan-merchants.ts';
import { makeProfile } from './profile.ts';
import { makeRandom } from './random.ts';
import { stepWeights } from './shape.ts';

/**
 * Everything that is decided before the first row is written.
 *
 * Quotas come first, from the size alone: rows by merchant, by merchant and gender (cells), distinct customers
 * of each cell, rows of each of its pairs, rows of each step. The seed then decides names, which customers make
 * which pairs, and the order of all rows: one shuffle, so every step and every chunk is a fair sample.
 *
 * Memory: 4 bytes a row, 8 a pair, 6 a customer.
 */
export interface Plan {
  readonly size: Size;
  readonly merchants: readonly Merchant[];
  readonly customers: Customers;
  readonly customerNumber: Numbering;
  readonly cells: readonly Cell[];
  /** By cell: its first pair; within a cell pairs ascend by rows. */
  readonly cellStart: readonly number[];
  readonly pairCell: Uint32Array;
  readonly pairCustomer: Uint32Array;
  /** The pair of each row, in file order. */
  readonly order: Uint32Array;
  readonly stepRows: readonly number[];
}

const stream = { names: 1, deal: 2, order: 3 } as const;

export function makePlan(size: Size): Plan {
  const { seed, rows } = size;
  const names = makeRandom(seed, stream.names);
  const customerNumber = makeNumbering(names);
  const merchants = planMerchants(rows, size.merchants, makeNumbering(names));
  const customers = planCustomers(rows, size.customers);
  const cells = planCells(rows, merchants, customers);
  const stepRows = apportion(
    rows,
    stepWeights,
    stepWeights.map(() => (rows >= stepWeights.length ? 1 : 0)),
  );

  const cellStart: number[] = [];
  let pairs = 0;
  for (const cell of cells) {
    cellStart.push(pairs);
    pairs += cell.customers;
  }
  const pairCell = new Uint32Array(pairs);
  cells.forEach((cell, c) => pairCell.fill(c, cellStart[c], cellStart[c]! + cell.customers));
  const pairCustomer = dealCustomers(size, customers, cells, cellStart, pairs);

  const order = new Uint32Array(rows);
  let at = 0;
  cells.forEach((cell, c) => {
    const usual = cell.busiest > 0 ? cell.customers - 1 : cell.customers;
    const profile = makeProfile(cell.rows - cell.busiest, usual, cell.top);
    const start = cellStart[c]!;
    for (let i = 0; i < cell.customers; i++) {
      const count = i < usual ? profile(i) : cell.busiest;
      order.fill(start + i, at, at + count);
      at += count;
    }
  });
  makeRandom(seed, stream.order).shuffle(order, 0, rows);
  return { size, merchants, customers, customerNumber, cells, cellStart, pairCell, pairCustomer, order, stepRows };
}

function dealCustomers(size: Size, customers: Customers, cells: readonly Cell[], cellStart: readonly number[], pairs: number): Uint32Array {
  const random = makeRandom(size.seed, stream.deal);
  const into = new Uint32Array(pairs);
  let first = 0;
  customers.byGender.forEach((count, gender) => {
    let places = 0;
    for (const cell of cells) if (cell.gender === gender) places += cell.customers;
    const dealer = new Dealer(first, count, places, random);
    cells.forEach((cell, c) => {
      if (cell.gender === gender) dealer.deal(into, cellStart[c]!, cell.customers);
    });
    first += count;
  });
  return into;
}
